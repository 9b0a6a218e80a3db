mod run;
mod status;

use clap::{Args, Subcommand};

use super::Failure;

/// See how maintenance went, or do it now
///
/// Expired sessions, changes that no token needs any more, old audit events and signing keys are seen to by one of all
/// servers on a database, at the times of maintenance.schedule.
#[derive(Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Maintenance {
    #[command(subcommand)]
    command: Option<MaintenanceCommand>,
    #[command(flatten)]
    status: status::Status,
}

const EXAMPLES: &str = "\
Examples:
  portcullis maintenance
  portcullis maintenance run --task sessions --task audit";

#[derive(Subcommand)]
enum MaintenanceCommand {
    Run(run::Run),
}

impl Maintenance {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            None => self.status.run(),
            Some(MaintenanceCommand::Run(command)) => command.run(),
        }
    }
}
