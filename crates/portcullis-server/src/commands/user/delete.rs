use clap::Args;
use portcullis_core::authority::Caller;

use super::{Who, tell};
use crate::commands::{Failure, confirm, data, options::DataOptions};

/// Delete a user for good
///
/// All sessions end. The audit log keeps the identifier.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Delete {
    #[command(flatten)]
    who: Who,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print the user as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis user delete eva@example.com
  portcullis user delete eva@example.com --yes";

impl Delete {
    pub(super) fn run(self) -> Result<(), Failure> {
        data::on(self.data, async |installation| {
            let user = self.who.find(installation).await?;
            if !self.yes {
                confirm::ask(format_args!("Delete {} ({}) for good?", user.email, user.id))?;
            }
            let user = installation
                .authority
                .delete_user(&Caller::operator(), user.id)
                .await?;
            Ok(tell(
                &user,
                self.json,
                format_args!("{} is deleted.", user.email),
            )?)
        })
    }
}
