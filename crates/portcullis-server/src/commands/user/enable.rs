use clap::Args;
use portcullis_core::{authority::AdminUserChange, user::UserStatus};

use super::OneUser;
use crate::commands::Failure;

/// Enable a user again
///
/// Forgets failed logins too. The user logs in anew.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Enable {
    #[command(flatten)]
    one: OneUser,
}

const EXAMPLES: &str = "\
Examples:
  portcullis user enable eva@example.com";

impl Enable {
    pub(super) fn run(self) -> Result<(), Failure> {
        let change = AdminUserChange {
            status: Some(UserStatus::Active),
            ..AdminUserChange::default()
        };
        self.one
            .change(change, |user| format!("{} can log in again.", user.email))
    }
}
