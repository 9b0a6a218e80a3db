use clap::Args;
use portcullis_core::{clock::Timestamp, key::KeySummary};
use serde_json::{Value, json};

use crate::{
    commands::{Failure, data, options::DataOptions},
    installation::Installation,
    output,
};

/// List the keys: next, active, retiring
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct List {
    #[command(flatten)]
    show: Show,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis key list
  portcullis key list --json | jq -r '.[] | select(.state == \"active\").kid'";

/// How to show keys.
#[derive(Args)]
pub(super) struct Show {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        data::on(self.data, async |installation| self.show.keys(installation).await)
    }
}

impl Show {
    /// Prints all keys as they are now.
    pub(super) async fn keys(&self, installation: &Installation) -> Result<(), Failure> {
        let keys = installation.authority.list_keys().await?;
        if self.json {
            let keys: Vec<_> = keys.iter().map(object).collect();
            return Ok(output::json(&keys)?);
        }
        let rows = keys.into_iter().map(|key| {
            [
                key.kid,
                key.algorithm,
                key.state,
                when(key.created_at),
                when(key.activated_at),
                when(key.retire_at),
            ]
        });
        Ok(output::table(
            [
                "KID",
                "ALGORITHM",
                "STATE",
                "CREATED",
                "SIGNS SINCE",
                "DROPPED AT",
            ],
            rows,
        )?)
    }
}

fn when(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| at.to_string())
}

/// As the API writes instants: RFC 3339.
fn object(key: &KeySummary) -> Value {
    let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "kid": key.kid,
        "algorithm": key.algorithm,
        "state": key.state,
        "created_at": at(key.created_at),
        "activated_at": at(key.activated_at),
        "retire_at": at(key.retire_at),
    })
}
