mod list;

use clap::{Args, Subcommand};

use super::Failure;

/// Look at the roles
#[derive(Args)]
pub(crate) struct Role {
    #[command(subcommand)]
    command: RoleCommand,
}

#[derive(Subcommand)]
enum RoleCommand {
    List(list::List),
}

impl Role {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            RoleCommand::List(command) => command.run(),
        }
    }
}
