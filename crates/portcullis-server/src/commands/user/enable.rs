use clap::Args;
use portcullis_core::{
    authority::{AdminUserChange, Caller},
    user::UserStatus,
};

use super::{Who, tell};
use crate::commands::{Failure, data, options::DataOptions};

/// Enable a user again
///
/// Forgets failed logins too. The user logs in anew.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Enable {
    #[command(flatten)]
    who: Who,
    /// Print the user as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis user enable eva@example.com";

impl Enable {
    pub(super) fn run(self) -> Result<(), Failure> {
        data::on(self.data, async |installation| {
            let user = self.who.find(installation).await?;
            let change = AdminUserChange {
                status: Some(UserStatus::Active),
                ..AdminUserChange::default()
            };
            let user = installation
                .authority
                .change_user(&Caller::operator(), user.id, change)
                .await?;
            Ok(tell(
                &user,
                self.json,
                format_args!("{} can log in again.", user.email),
            )?)
        })
    }
}
