use clap::Args;
use portcullis::api;

use super::Failure;
use crate::output;

/// Print the OpenAPI document: the same as a running server gives at /openapi.json
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct OpenApi {
    /// Print JSON, as without it: the document has no other form
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  portcullis openapi > openapi.json
  portcullis openapi | jq '.paths | keys'";

impl OpenApi {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { json: _ } = self;
        output::json(&api::openapi())?;
        Ok(())
    }
}
