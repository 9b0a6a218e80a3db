use std::{sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{Authority, Caller, TryLater};
use crate::{
    audit::{AuditEvent, kind},
    id::AuditId,
    key::KeyError,
    maintenance::{LastRun, Standing, Task},
    store::{Expired, Purged, StoreError},
};

/// Under which name the store keeps where the runs stand.
const STANDING: &str = "maintenance";

/// Longest pause between two batches: others get their turn.
const PAUSE: Duration = Duration::from_millis(100);

impl Authority {
    /// Does one task to its end, in batches, and remembers that it was done. Others use the store meanwhile: each batch is
    /// followed by a pause of its own length.
    ///
    /// Safe on several nodes at once; who wants one of them to do it holds a lease
    /// ([`Store::take_lease`](crate::store::Store::take_lease)).
    ///
    /// # Errors
    /// When nothing can be remembered. That the task failed is in what it gives.
    pub async fn maintain(&self, caller: &Caller, task: Task) -> Result<LastRun, TryLater> {
        let (begun_at, begun) = (self.clock.now(), self.clock.monotonic());
        let mut removed = 0;
        let mut note = None;
        let done = match task {
            Task::Keys => self.tend_keys(caller, &mut removed, &mut note).await,
            _ => self
                .remove(task, &mut removed)
                .await
                .map_err(|error| error.to_string()),
        };
        let took = self.clock.monotonic().saturating_sub(begun);
        self.counts.maintained(task, done.is_ok(), removed);
        let good_before = match done {
            Ok(()) => None,
            Err(_) => self.last_run(task).await?.and_then(|before| before.good_at()),
        };
        let run = LastRun {
            begun_at,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            node: self.node.clone(),
            removed,
            note,
            error: done.err(),
            good_before,
        };
        match &run.error {
            None => tracing::info!(
                task = task.name(),
                removed,
                took_ms = run.took_ms,
                "maintenance.task_done"
            ),
            Some(error) => tracing::error!(task = task.name(), removed, error, "maintenance.task_failed"),
        }
        self.remember(&task.meta(), &run).await?;
        Ok(run)
    }

    /// The last run of a task.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn last_run(&self, task: Task) -> Result<Option<LastRun>, TryLater> {
        self.recall(&task.meta()).await
    }

    /// Where the runs at set times stand; none before the first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn maintenance_standing(&self) -> Result<Option<Standing>, TryLater> {
        self.recall(STANDING).await
    }

    /// Notes where the runs at set times stand.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn set_maintenance_standing(&self, standing: &Standing) -> Result<(), TryLater> {
        self.remember(STANDING, standing).await
    }

    /// Writes into the audit log that these tasks were done.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn audit_maintenance(&self, caller: &Caller, runs: &[(Task, LastRun)]) -> Result<(), TryLater> {
        let now = self.clock.now();
        let removed: serde_json::Map<_, _> = runs
            .iter()
            .map(|(task, run)| (task.name().to_owned(), json!(run.removed)))
            .collect();
        let failed: Vec<&str> = runs
            .iter()
            .filter(|(_, run)| run.error.is_some())
            .map(|(task, _)| task.name())
            .collect();
        let took: u64 = runs.iter().map(|(_, run)| run.took_ms).sum();
        let event = AuditEvent {
            id: AuditId::generate(now, &*self.rng),
            at: now,
            kind: kind::MAINTAINED.to_owned(),
            actor: caller.actor(),
            subject: None,
            address: caller.address,
            request_id: caller.request_id.clone(),
            detail: json!({ "node": self.node, "removed": removed, "took_ms": took, "failed": failed }),
        };
        Ok(self.store.append_audit(vec![event]).await?)
    }

    /// What this run of this node is called: the holder of leases.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Notes by which times this server deletes and rotates, for commands that do it beside it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn note_retention(&self) -> Result<(), StoreError> {
        for (name, _, own) in self.retention() {
            self.store.set_meta(name, &own).await?;
        }
        Ok(())
    }

    /// Those of `tasks` for which the server of this database was told another time than this process was, each with the
    /// server's and the own one in seconds, or `forever`. What is deleted by the wrong one does not come back.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn other_retention(&self, tasks: &[Task]) -> Result<Vec<(Task, String, String)>, TryLater> {
        let mut others = Vec::new();
        for (name, task, own) in self.retention() {
            if !tasks.contains(&task) {
                continue;
            }
            if let Some(noted) = self.store.meta(name).await?
                && noted != own
            {
                others.push((task, noted, own));
            }
        }
        Ok(others)
    }

    fn retention(&self) -> [(&'static str, Task, String); 2] {
        let text = |time: Option<Duration>| {
            time.map_or_else(|| "forever".to_owned(), |time| format!("{} s", time.as_secs()))
        };
        [
            ("audit.retention", Task::Audit, text(self.config.audit_retention)),
            (
                "keys.rotate_after",
                Task::Keys,
                text(self.config.rotate_keys_after),
            ),
        ]
    }

    /// Does all tasks at once, whatever the time. An application that has switched off the runs at set times calls this.
    ///
    /// # Errors
    /// When the store fails; what was done before stays done.
    pub async fn purge(&self) -> Result<Purged, TryLater> {
        let caller = Caller::system();
        let mut runs = Vec::with_capacity(Task::ALL.len());
        for task in Task::ALL {
            let run = self.maintain(&caller, task).await?;
            if let Some(error) = run.error {
                return Err(TryLater::Unavailable(error));
            }
            runs.push((task, run));
        }
        self.audit_maintenance(&caller, &runs).await?;
        let removed = |wanted| {
            runs.iter()
                .find(|(task, _)| *task == wanted)
                .map_or(0, |(_, run)| run.removed)
        };
        Ok(Purged {
            sessions: removed(Task::Sessions),
            changes: removed(Task::Feed),
            attempts: removed(Task::Attempts),
            audit: removed(Task::Audit),
        })
    }

    async fn remove(&self, task: Task, removed: &mut u64) -> Result<(), StoreError> {
        let now = self.clock.now();
        let before = self.config.audit_retention.map(|keep| now - keep);
        let Some(expired) = task.expired(before) else {
            return Ok(());
        };
        // A clock that is early must neither end a session nor drop a change that a token still needs.
        let now = match expired {
            Expired::Sessions | Expired::Changes => now - SKEW,
            Expired::Attempts | Expired::Audit { .. } => now,
        };
        loop {
            let begun = self.clock.monotonic();
            let batch = self.store.purge(expired, now).await?;
            if batch == 0 {
                return Ok(());
            }
            *removed += batch;
            let took = self.clock.monotonic().saturating_sub(begun);
            tokio::time::sleep(took.min(PAUSE)).await;
        }
    }

    async fn tend_keys(
        &self,
        caller: &Caller,
        removed: &mut u64,
        note: &mut Option<String>,
    ) -> Result<(), String> {
        let context = self.context(caller);
        let keys = Arc::clone(&self.keys);
        let pruned = self
            .act(&context, |_, context| async move { keys.prune(&context).await })
            .await;
        match pruned {
            Ok(gone) => *removed = gone as u64,
            // Shared secrets have nothing to tend.
            Err(KeyError::SharedSecret) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        }
        let Some(after) = self.config.rotate_keys_after else {
            return Ok(());
        };
        let context = self.context(caller);
        let keys = Arc::clone(&self.keys);
        let rotated = self
            .act(&context, |_, context| async move {
                keys.rotate_if_due(after, &context).await
            })
            .await;
        match rotated {
            Ok(Some(what)) => {
                *note = Some(what.to_string());
                Ok(())
            }
            Ok(None) | Err(KeyError::SharedSecret) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn remember(&self, name: &str, value: &impl Serialize) -> Result<(), TryLater> {
        let text = serde_json::to_string(value).map_err(|error| TryLater::Unavailable(error.to_string()))?;
        Ok(self.store.set_meta(name, &text).await?)
    }

    /// What cannot be read is of another version, and as good as nothing.
    async fn recall<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, TryLater> {
        let text = self.store.meta(name).await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }
}

/// By how much the clock of a node may be early.
const SKEW: Duration = Duration::from_secs(3600);
