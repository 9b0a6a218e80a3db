//! What a node has last seen of the runs of all nodes: for its metrics.

use std::sync::{Arc, Mutex, PoisonError};

use portcullis_core::{authority::TryLater, clock::Timestamp, maintenance::Task};

use super::{Maintenance, due::done};

#[derive(Default)]
pub(super) struct Seen(Mutex<Last>);

#[derive(Clone, Copy, Default)]
struct Last {
    /// Since when a run is due that is not finished.
    due_since: Option<Timestamp>,
    /// When each task was last done.
    good: [Option<Timestamp>; Task::ALL.len()],
}

impl Maintenance {
    /// Reads how the runs stand.
    pub(super) async fn look(&self) -> Result<(), TryLater> {
        let now = self.authority.clock().now();
        let standing = self.standing(now).await?;
        let due = self.times.as_ref().and_then(|times| times.until(now));
        let mut last = Last {
            due_since: due.filter(|due| !done(standing.as_ref(), *due)),
            ..Last::default()
        };
        for (good, task) in last.good.iter_mut().zip(Task::ALL) {
            *good = self.authority.last_run(task).await?.and_then(|run| run.good_at());
        }
        *self.seen.0.lock().unwrap_or_else(PoisonError::into_inner) = last;
        Ok(())
    }

    /// Has what was seen told at each scrape. Once for each authority.
    pub(crate) fn tell_metrics(&self) {
        let (seen, clock) = (Arc::clone(&self.seen), Arc::clone(self.authority.clock()));
        self.authority.metrics().collect(move |scrape| {
            let last = *seen.0.lock().unwrap_or_else(PoisonError::into_inner);
            scrape.gauge(
                "portcullis_maintenance_overdue_seconds",
                "Time since a run of the maintenance was due that no node has finished; 0 when none is.",
                |series| {
                    let since = last.due_since.map(|due| clock.now().since(due));
                    series.put(&[], since.unwrap_or_default().as_secs_f64());
                },
            );
            scrape.gauge(
                "portcullis_maintenance_last_success_timestamp_seconds",
                "When a task of the maintenance was last done by any node, as seen half a minute ago at most.",
                |series| {
                    for (task, good) in Task::ALL.into_iter().zip(last.good) {
                        if let Some(good) = good {
                            series.put(&[("task", task.name())], seconds(good));
                        }
                    }
                },
            );
        });
    }
}

/// As Prometheus counts: exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "every number of Prometheus is a float of 64 bits"
)]
fn seconds(at: Timestamp) -> f64 {
    at.millis() as f64 / 1000.0
}
