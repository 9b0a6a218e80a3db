use clap::Args;
use portcullis_core::{
    access::RoleName,
    authority::{AdminUserChange, Caller},
};

use super::{Who, tell, words};
use crate::commands::{Failure, data, options::DataOptions};

/// Replace the roles of a user
///
/// Access tokens of the user are void at once; a refresh brings the new roles.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SetRoles {
    #[command(flatten)]
    who: Who,
    /// The roles that the user has from now on
    #[arg(value_name = "ROLE", required_unless_present = "none")]
    roles: Vec<RoleName>,
    /// Take all roles away
    #[arg(long, conflicts_with = "roles")]
    none: bool,
    /// Print the user as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis user set-roles eva@example.com user admin
  portcullis user set-roles eva@example.com --none";

impl SetRoles {
    pub(super) fn run(self) -> Result<(), Failure> {
        data::on(self.data, async |installation| {
            let user = self.who.find(installation).await?;
            let change = AdminUserChange {
                roles: Some(self.roles),
                ..AdminUserChange::default()
            };
            let user = installation
                .authority
                .change_user(&Caller::operator(), user.id, change)
                .await?;
            let roles = if user.roles.is_empty() {
                "none".to_owned()
            } else {
                words(&user.roles)
            };
            Ok(tell(
                &user,
                self.json,
                format_args!("Roles of {}: {roles}.", user.email),
            )?)
        })
    }
}
