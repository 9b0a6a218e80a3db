use clap::Args;
use portcullis::maintenance::Task;
use portcullis_core::authority::Caller;

use super::status;
use crate::{
    commands::{Failure, data, options::DataOptions},
    output,
};

/// Do it now, whatever the schedule says
///
/// Beside running servers, with their configuration: by another retention than theirs nothing is deleted. Ends with 1 when a task failed, or when another node is at it.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Run {
    /// Only this task: sessions, feed, attempts, audit or keys; can be given several times
    #[arg(long = "task", value_name = "NAME")]
    tasks: Vec<Task>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis maintenance run
  portcullis maintenance run --task keys";

impl Run {
    pub(super) fn run(self) -> Result<(), Failure> {
        let wanted: Vec<Task> = Task::ALL
            .into_iter()
            .filter(|task| self.tasks.is_empty() || self.tasks.contains(task))
            .collect();
        data::on(self.data, async |installation| {
            let others = installation
                .portcullis
                .authority()
                .other_retention(&wanted)
                .await?;
            if let Some((task, noted, own)) = others.first() {
                return Err(Failure::Usage(format!(
                    "the server goes by another time for `{task}` than this command was told: {noted}, not {own}. Give it the \
                     configuration of the server (--config FILE), or name the other tasks with --task"
                )));
            }
            let maintenance = installation.portcullis.maintenance();
            let ran = maintenance.run(&Caller::operator(), &wanted).await?;
            let failed = ran.iter().any(|(_, run)| run.error.is_some());
            let ran: Vec<_> = ran.into_iter().map(|(task, run)| (task, Some(run))).collect();
            if self.json {
                output::json(&status::tasks(&ran))?;
            } else {
                status::show(&ran)?;
            }
            if failed { Err(Failure::Said) } else { Ok(()) }
        })
    }
}
