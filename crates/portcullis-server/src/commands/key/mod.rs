mod import;
mod list;
mod revoke;
mod rotate;

use clap::{Args, Subcommand};

use super::Failure;

/// Manage the keys that sign access tokens
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Key {
    #[command(subcommand)]
    command: KeyCommand,
}

const EXAMPLES: &str = "\
Examples:
  portcullis key list
  portcullis key rotate
  portcullis key revoke KID";

#[derive(Subcommand)]
enum KeyCommand {
    List(list::List),
    Rotate(rotate::Rotate),
    Revoke(revoke::Revoke),
    Import(import::Import),
}

impl Key {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            KeyCommand::List(command) => command.run(),
            KeyCommand::Rotate(command) => command.run(),
            KeyCommand::Revoke(command) => command.run(),
            KeyCommand::Import(command) => command.run(),
        }
    }
}
