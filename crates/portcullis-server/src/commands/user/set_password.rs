use clap::Args;
use portcullis_core::authority::Caller;

use super::OneUser;
use crate::commands::{Failure, secret};

/// Set the password of a user
///
/// All sessions end. The password is asked for, or is the first line of stdin.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SetPassword {
    #[command(flatten)]
    one: OneUser,
}

const EXAMPLES: &str = "\
Examples:
  portcullis user set-password eva@example.com
  portcullis user set-password eva@example.com < password.txt";

impl SetPassword {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.one.on(async |authority, user| {
            let password = secret::new_password()?;
            authority
                .set_password(&Caller::operator(), &user, password)
                .await?;
            let said = format!("{} has a new password; all sessions are ended.", user.email);
            Ok((user, said))
        })
    }
}
