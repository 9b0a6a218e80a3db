use clap::Args;
use portcullis_core::{access::RoleName, authority::AdminUserChange};

use super::{OneUser, words};
use crate::commands::Failure;

/// Replace the roles of a user
///
/// Access tokens of the user are void at once; a refresh brings the new roles.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SetRoles {
    /// The roles that the user has from now on
    #[arg(index = 2, value_name = "ROLE", required_unless_present = "none")]
    roles: Vec<RoleName>,
    /// Take all roles away
    #[arg(long, conflicts_with = "roles")]
    none: bool,
    // Last: what comes after it would stand under its heading.
    #[command(flatten)]
    one: OneUser,
}

const EXAMPLES: &str = "\
Examples:
  portcullis user set-roles eva@example.com user admin
  portcullis user set-roles eva@example.com --none";

impl SetRoles {
    pub(super) fn run(self) -> Result<(), Failure> {
        let change = AdminUserChange {
            roles: Some(self.roles),
            ..AdminUserChange::default()
        };
        self.one.change(change, |user| {
            let roles = if user.roles.is_empty() {
                "none".to_owned()
            } else {
                words(&user.roles)
            };
            format!("Roles of {}: {roles}.", user.email)
        })
    }
}
