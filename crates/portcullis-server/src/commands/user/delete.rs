use clap::Args;
use portcullis_core::authority::Caller;

use super::OneUser;
use crate::commands::{Failure, confirm};

/// Delete a user for good
///
/// All sessions end. The audit log keeps the identifier.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Delete {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    one: OneUser,
}

const EXAMPLES: &str = "\
Examples:
  portcullis user delete eva@example.com
  portcullis user delete eva@example.com --yes";

impl Delete {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.one.on(async |authority, user| {
            if !self.yes {
                confirm::ask(format_args!("Delete {} ({}) for good?", user.email, user.id))?;
            }
            let user = authority.delete_user(&Caller::operator(), user.id).await?;
            let said = format!("{} is deleted.", user.email);
            Ok((user, said))
        })
    }
}
