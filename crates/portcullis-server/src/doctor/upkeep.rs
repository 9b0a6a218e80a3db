use std::time::Duration;

use portcullis::maintenance::{Standing, Task};
use portcullis_core::{clock::Timestamp, store::Store as _};
use portcullis_store::Database;

use super::Finding;
use crate::config::Settings;

const CHECK: &str = "maintenance";
/// For how long a run that is due may be waited for: a node looks each half minute.
const PATIENCE: Duration = Duration::from_secs(900);

/// Whether the runs at set times happen.
pub(super) async fn examine(database: &Database, settings: &Settings, now: Timestamp) -> Vec<Finding> {
    let Some(times) = &settings.maintenance else {
        return vec![Finding::advice(
            CHECK,
            "maintenance.schedule is never: sessions, changes and audit events pile up, and keys grow old",
            "give maintenance.schedule, or run `portcullis maintenance run` from a timer of the system",
        )];
    };
    match database.meta("maintenance").await {
        Err(error) => vec![Finding::action(
            CHECK,
            error.to_string(),
            "make the database answer",
        )],
        Ok(text) => {
            let standing = text.and_then(|text| serde_json::from_str::<Standing>(&text).ok());
            let mut findings = vec![judge(standing.as_ref(), times.until(now), now)];
            for task in Task::ALL {
                let last = database.meta(&format!("maintenance {task}")).await.ok().flatten();
                let error = last
                    .and_then(|text| serde_json::from_str::<portcullis::maintenance::LastRun>(&text).ok())
                    .and_then(|run| run.error);
                if let Some(error) = error {
                    findings.push(Finding::action(
                        CHECK,
                        format!("the task {task} failed: {error}"),
                        format!("see to that, then `portcullis maintenance run --task {task}`"),
                    ));
                }
            }
            findings
        }
    }
}

/// What to say of the newest run, given when the newest one was due.
pub(super) fn judge(standing: Option<&Standing>, due: Option<Timestamp>, now: Timestamp) -> Finding {
    let Some(standing) = standing else {
        return Finding::note(CHECK, "no run yet: the first server begins one");
    };
    let waits = due.is_some_and(|due| standing.due < due && now.since(due) > PATIENCE);
    if waits {
        return Finding::action(
            CHECK,
            format!(
                "the last run was at {}, and another one is due",
                standing.begun_at
            ),
            "let a server run on this database, or `portcullis maintenance run`",
        );
    }
    if !standing.finished && now.since(standing.begun_at) > Duration::from_secs(4 * 3600) {
        return Finding::action(
            CHECK,
            format!(
                "{} began a run at {} and has not finished it",
                standing.node, standing.begun_at
            ),
            "see the log of that node",
        );
    }
    let missed = match standing.missed {
        0 => String::new(),
        missed => format!("; {missed} were missed"),
    };
    Finding::ok(
        CHECK,
        format!("the last run was at {}{missed}", standing.begun_at),
    )
}
