use clap::Args;
use portcullis::maintenance::{LastRun, Status as Found, Task};
use portcullis_core::clock::Timestamp;
use serde_json::{Value, json};

use crate::{
    commands::{Failure, data, options::DataOptions},
    output,
};

/// How to show how it went.
#[derive(Args)]
pub(super) struct Status {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataOptions,
}

impl Status {
    pub(super) fn run(self) -> Result<(), Failure> {
        data::on(self.data, async |installation| {
            let found = installation.portcullis.maintenance().status().await?;
            if self.json {
                return Ok(output::json(&object(&found))?);
            }
            for (name, value) in [
                (
                    "schedule",
                    found.schedule.clone().unwrap_or_else(|| "never".to_owned()),
                ),
                ("next run", text(found.next)),
                ("last run", last(&found)),
                ("missed runs", missed(&found)),
            ] {
                output::line(format_args!("{name:<12} {value}"))?;
            }
            output::line("")?;
            show(&found.tasks)
        })
    }
}

/// Prints each task with its last run.
pub(super) fn show(tasks: &[(Task, Option<LastRun>)]) -> Result<(), Failure> {
    let rows = tasks.iter().map(|(task, run)| match run {
        None => [
            task.to_string(),
            "never".to_owned(),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
        ],
        Some(run) => [
            task.to_string(),
            run.begun_at.to_string(),
            run.node.clone(),
            format!("{} ms", run.took_ms),
            run.removed.to_string(),
            match (&run.error, &run.note) {
                (Some(error), _) => format!("failed: {error}"),
                (None, Some(note)) => note.clone(),
                (None, None) => String::new(),
            },
        ],
    });
    Ok(output::table(
        ["TASK", "LAST RUN", "NODE", "TOOK", "REMOVED", "NOTE"],
        rows,
    )?)
}

fn text(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "none".to_owned(), |at| at.to_string())
}

fn last(found: &Found) -> String {
    let Some(standing) = &found.standing else {
        return "none yet".to_owned();
    };
    let state = match (standing.finished, found.overdue) {
        (true, false) => "finished",
        (true, true) => "finished, and another one is due",
        (false, _) => "not finished",
    };
    format!("{} by {}, {state}", standing.begun_at, standing.node)
}

fn missed(found: &Found) -> String {
    match &found.standing {
        None => "0".to_owned(),
        Some(standing) => match standing.last_missed {
            None => standing.missed.to_string(),
            Some(at) => format!("{}, the last one at {at}", standing.missed),
        },
    }
}

fn object(found: &Found) -> Value {
    let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let standing = found.standing.as_ref().map(|standing| {
        json!({
            "due": standing.due.to_string(),
            "begun_at": standing.begun_at.to_string(),
            "node": standing.node,
            "finished": standing.finished,
        })
    });
    json!({
        "schedule": found.schedule,
        "next_run": at(found.next),
        "overdue": found.overdue,
        "last_run": standing,
        "missed_runs": found.standing.as_ref().map_or(0, |standing| standing.missed),
        "last_missed": at(found.standing.as_ref().and_then(|standing| standing.last_missed)),
        "tasks": tasks(&found.tasks),
    })
}

/// Each task with its last run, for programs.
pub(super) fn tasks(tasks: &[(Task, Option<LastRun>)]) -> Value {
    let tasks = tasks.iter().map(|(task, run)| {
        let run = run.as_ref().map(|run| {
            json!({
                "begun_at": run.begun_at.to_string(),
                "node": run.node,
                "took_ms": run.took_ms,
                "removed": run.removed,
                "note": run.note,
                "error": run.error,
            })
        });
        (task.name().to_owned(), run.unwrap_or(Value::Null))
    });
    Value::Object(tasks.collect())
}
