mod inspect;
mod stdin;
mod verify;

use clap::{Args, Subcommand};

use super::Failure;

/// Look into tokens and verify them
///
/// The token is read from stdin, never from the arguments, which everyone on the machine can read.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Token {
    #[command(subcommand)]
    command: TokenCommand,
}

const EXAMPLES: &str = "\
Examples:
  echo \"$TOKEN\" | portcullis token inspect
  echo \"$TOKEN\" | portcullis token verify --jwks jwks.json

Exit codes: 0 valid, 1 not valid, 2 wrong usage.";

#[derive(Subcommand)]
enum TokenCommand {
    Inspect(inspect::Inspect),
    Verify(verify::Verify),
}

impl Token {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            TokenCommand::Inspect(command) => command.run(),
            TokenCommand::Verify(command) => command.run(),
        }
    }
}
