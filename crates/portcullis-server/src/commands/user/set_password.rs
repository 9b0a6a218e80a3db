use clap::Args;
use portcullis_core::authority::Caller;

use super::{Who, tell};
use crate::commands::{Failure, data, options::DataOptions, secret};

/// Set the password of a user
///
/// All sessions end. The password is asked for, or is the first line of stdin.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SetPassword {
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
  portcullis user set-password eva@example.com
  portcullis user set-password eva@example.com < password.txt";

impl SetPassword {
    pub(super) fn run(self) -> Result<(), Failure> {
        data::on(self.data, async |installation| {
            let user = self.who.find(installation).await?;
            let password = secret::new_password()?;
            installation
                .authority
                .set_password(&Caller::operator(), &user, password)
                .await?;
            Ok(tell(
                &user,
                self.json,
                format_args!("{} has a new password; all sessions are ended.", user.email),
            )?)
        })
    }
}
