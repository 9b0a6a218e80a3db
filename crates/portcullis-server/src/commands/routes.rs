use clap::Args;
use portcullis::api;

use super::Failure;
use crate::output;

/// Print the access table: every route, and who may call it
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Routes {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  portcullis routes
  portcullis routes --json | jq -r '.[] | select(.credentials != \"required\").path'";

impl Routes {
    pub(super) fn run(self) -> Result<(), Failure> {
        let table = api::access_table();
        if self.json {
            output::json(&table)?;
        } else {
            output::text(&table)?;
        }
        Ok(())
    }
}
