use clap::Args;
use portcullis_core::authority::Caller;

use super::list::Show;
use crate::commands::{Failure, data, options::DataOptions};

/// Sign with the next key from now on
///
/// No live token breaks: the key before stays published for as long as a token signed with it can be valid.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Rotate {
    #[command(flatten)]
    show: Show,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis key rotate";

impl Rotate {
    pub(super) fn run(self) -> Result<(), Failure> {
        data::on(self.data, async |installation| {
            installation.authority.rotate_keys(&Caller::operator()).await?;
            self.show.keys(installation).await
        })
    }
}
