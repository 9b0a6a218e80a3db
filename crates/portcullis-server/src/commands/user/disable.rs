use clap::Args;
use portcullis_core::{
    authority::{AdminUserChange, Caller},
    user::UserStatus,
};

use super::{Who, tell};
use crate::commands::{Failure, data, options::DataOptions};

/// Disable a user
///
/// All sessions end and all tokens are void, on every node within a second. Data stays.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Disable {
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
  portcullis user disable eva@example.com";

impl Disable {
    pub(super) fn run(self) -> Result<(), Failure> {
        data::on(self.data, async |installation| {
            let user = self.who.find(installation).await?;
            let change = AdminUserChange {
                status: Some(UserStatus::Disabled),
                ..AdminUserChange::default()
            };
            let user = installation
                .authority
                .change_user(&Caller::operator(), user.id, change)
                .await?;
            Ok(tell(
                &user,
                self.json,
                format_args!("{} is disabled; all sessions are ended.", user.email),
            )?)
        })
    }
}
