use clap::{ArgGroup, Args};

use super::Failure;
use crate::{config, output};

/// Explain the configuration
#[derive(Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("what").required(true))]
pub(crate) struct Config {
    /// Print a TOML file with every key, its meaning and its default
    #[arg(long, group = "what")]
    example: bool,
    /// Print the keys as a table in Markdown, with their names in the environment
    #[arg(long, group = "what")]
    reference: bool,
}

const EXAMPLES: &str = "\
Examples:
  portcullis config --example > portcullis.toml
  portcullis config --reference";

impl Config {
    pub(super) fn run(self) -> Result<(), Failure> {
        Ok(output::text(if self.reference {
            config::reference()
        } else {
            config::example()
        })?)
    }
}
