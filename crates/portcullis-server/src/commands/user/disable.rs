use clap::Args;
use portcullis_core::{authority::AdminUserChange, user::UserStatus};

use super::OneUser;
use crate::commands::Failure;

/// Disable a user
///
/// All sessions end and all tokens are void, on every node within a second. Data stays.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Disable {
    #[command(flatten)]
    one: OneUser,
}

const EXAMPLES: &str = "\
Examples:
  portcullis user disable eva@example.com";

impl Disable {
    pub(super) fn run(self) -> Result<(), Failure> {
        let change = AdminUserChange {
            status: Some(UserStatus::Disabled),
            ..AdminUserChange::default()
        };
        self.one.change(change, |user| {
            format!("{} is disabled; all sessions are ended.", user.email)
        })
    }
}
