use clap::Args;
use serde_json::{Map, Value, json};

use super::{
    Failure,
    options::{DataOptions, ListenOptions},
};
use crate::{
    config::{Config, Problem},
    output,
};

/// Validate everything without starting
///
/// Prints the resolved configuration, secrets masked, then all problems at once. Exits with 1 when there is one.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Check {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    listen: ListenOptions,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis check --config /etc/portcullis.toml
  portcullis check --json | jq .problems";

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.listen.load(self.data);
        let problems = config.problems();
        let warnings = config.warnings.clone();
        if self.json {
            output::json(&json!({
                "ok": problems.is_empty(),
                "configuration": configuration(&config),
                "warnings": listed(&warnings),
                "problems": listed(&problems),
            }))?;
        } else {
            print(&config)?;
            for warning in &warnings {
                output::warning(warning);
            }
            for problem in &problems {
                output::failure(problem);
            }
        }
        match problems.len() {
            0 => {
                if !self.json {
                    output::note("The configuration is well.");
                }
                Ok(())
            }
            _ => Err(Failure::Said),
        }
    }
}

fn print(config: &Config) -> Result<(), Failure> {
    let rows = config.shown().into_iter().map(|key| {
        let origin = if key.origin == "default" {
            String::new()
        } else {
            key.origin
        };
        [key.name.to_owned(), key.value, origin]
    });
    Ok(output::table(["KEY", "VALUE", "FROM"], rows)?)
}

fn configuration(config: &Config) -> Map<String, Value> {
    config
        .shown()
        .into_iter()
        .map(|key| {
            (
                key.name.to_owned(),
                json!({"value": key.value, "from": key.origin}),
            )
        })
        .collect()
}

fn listed(problems: &[Problem]) -> Vec<Value> {
    problems
        .iter()
        .map(|problem| json!({"at": problem.place, "message": problem.message}))
        .collect()
}
