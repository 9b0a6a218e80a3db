use clap::Args;
use portcullis_core::authority::Caller;

use super::list::Show;
use crate::commands::{Failure, data, options::DataOptions};

/// Void a key and all that was signed with it, at once
///
/// For a key that may have leaked. Sessions live on: clients refresh and get tokens signed with another key.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Revoke {
    /// The key, as in `portcullis key list`
    #[arg(allow_hyphen_values = true)]
    kid: String,
    #[command(flatten)]
    show: Show,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis key revoke KID";

impl Revoke {
    pub(super) fn run(self) -> Result<(), Failure> {
        data::on(self.data, async |installation| {
            installation
                .authority
                .revoke_key(&Caller::operator(), &self.kid)
                .await?;
            self.show.keys(installation).await
        })
    }
}
