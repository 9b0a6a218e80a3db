use clap::Args;
use serde_json::{Map, Value, json};

use super::{
    Failure,
    options::{DataOptions, ListenOptions},
};
use crate::{
    check,
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
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::Runtime)?;
        let found = runtime.block_on(check::examine(config.settings()));
        let problems = [config.problems(), found.problems].concat();
        let warnings = [config.warnings.clone(), found.warnings].concat();
        if self.json {
            output::json(&json!({
                "ok": problems.is_empty(),
                "configuration": configuration(&config),
                "notes": found.notes,
                "warnings": listed(&warnings),
                "problems": listed(&problems),
            }))?;
        } else {
            print(&config)?;
            found.notes.iter().for_each(output::note);
            warnings.iter().for_each(output::warning);
            problems.iter().for_each(output::failure);
        }
        if !problems.is_empty() {
            return Err(Failure::Said);
        }
        if !self.json {
            output::note("All is well.");
        }
        Ok(())
    }
}

fn print(config: &Config) -> Result<(), Failure> {
    let rows = config.shown().into_iter().map(|key| {
        let origin = if key.origin == "default" {
            String::new()
        } else {
            key.origin
        };
        [key.name, key.value, origin]
    });
    Ok(output::table(["KEY", "VALUE", "FROM"], rows)?)
}

fn configuration(config: &Config) -> Map<String, Value> {
    config
        .shown()
        .into_iter()
        .map(|key| (key.name, json!({"value": key.value, "from": key.origin})))
        .collect()
}

fn listed(problems: &[Problem]) -> Vec<Value> {
    problems
        .iter()
        .map(|problem| json!({"at": problem.place, "message": problem.message}))
        .collect()
}
