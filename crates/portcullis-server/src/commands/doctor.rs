use clap::Args;
use serde_json::json;

use super::{
    Failure, data,
    options::{DataOptions, ListenOptions},
};
use crate::{
    doctor::{self, Finding, Level},
    output,
};

/// Find out what is wrong with an installation, and what to do about it
///
/// Looks at the configuration, the clock, the database and its settings, the keys, the disk, the proxies and the issuer's
/// URL, beside a running server or without one. Changes nothing. Ends with 1 when something needs action.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Doctor {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print only what needs thought: advice and action
    #[arg(long)]
    quiet: bool,
    /// How many nodes are to share the database
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    nodes: u32,
    #[command(flatten)]
    listen: ListenOptions,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis doctor
  portcullis doctor --nodes 3
  portcullis doctor --json | jq '.findings[] | select(.level == \"action\")'";

impl Doctor {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.listen.load(self.data);
        let mut findings = data::runtime()?.block_on(doctor::examine(&config, self.nodes));
        let ill = findings.iter().any(|finding| finding.level == Level::Action);
        if self.quiet {
            findings.retain(|finding| matches!(finding.level, Level::Advice | Level::Action));
        }
        if self.json {
            output::json(&json!({"ok": !ill, "findings": findings}))?;
        } else if !findings.is_empty() {
            output::table(["STATE", "CHECK", "FOUND"], findings.into_iter().flat_map(rows))?;
        }
        if ill { Err(Failure::Said) } else { Ok(()) }
    }
}

/// The finding, and below it what to do.
fn rows(finding: Finding) -> impl Iterator<Item = [String; 3]> {
    let first = [
        finding.level.word().to_owned(),
        finding.check.to_owned(),
        finding.found,
    ];
    let second = finding
        .remedy
        .map(|remedy| [String::new(), String::new(), format!("-> {remedy}")]);
    std::iter::once(first).chain(second)
}
