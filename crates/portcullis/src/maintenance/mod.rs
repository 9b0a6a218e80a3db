//! Maintenance: expired sessions, the feed, audit events and signing keys are seen to at set times, by one node of all that
//! share a database (feature `sqlite` or `postgres`).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use portcullis::Portcullis;
//!
//! let auth = Portcullis::builder().sqlite("app.db").maintenance("0 30 4 * * *").build().await?;
//! for (task, last) in auth.maintenance().status().await?.tasks {
//!     println!("{task}: {last:?}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Whoever finds first that a run is due takes a lease in the store, and keeps it while working; a node that dies leaves it
//! after two minutes, and another one begins anew: each task can be done twice without harm. A run that nobody could begin in
//! time is made up for once, as soon as a node is up; the times before it are missed, and counted.

mod due;
mod lease;
mod seen;

use std::sync::Arc;

pub use portcullis_core::maintenance::{LastRun, Standing, Task, UnknownTask};
use portcullis_core::{
    audit::Actor,
    authority::{Authority, Caller, TryLater},
    clock::Timestamp,
};

use self::{
    lease::{Lease, Lost},
    seen::Seen,
};
use crate::schedule::Times;

/// What is done at set times, when, and how it went. Clones are the same.
///
/// ```
/// use std::sync::Arc;
/// use portcullis::{core::authority::{Authority, Caller, TryLater}, maintenance::{Maintenance, MaintenanceError, Task}};
///
/// /// In an application whose authority is made otherwise than by `Portcullis::builder()`: called now and then.
/// async fn now_and_then(authority: &Arc<Authority>) -> Result<bool, TryLater> {
///     let nightly = "0 30 4 * * *".parse().ok();
///     Maintenance::new(Arc::clone(authority), nightly).run_if_due().await
/// }
///
/// /// Before an audit, say.
/// async fn at_once(maintenance: &Maintenance) -> Result<(), MaintenanceError> {
///     for (task, run) in maintenance.run(&Caller::system(), &[Task::Sessions, Task::Keys]).await? {
///         println!("{task}: {} rows removed", run.removed);
///     }
///     println!("next: {:?}", maintenance.status().await?.next);
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Maintenance {
    authority: Arc<Authority>,
    times: Option<Times>,
    seen: Arc<Seen>,
}

/// How it went, and how it goes on.
///
/// ```
/// use portcullis::{core::authority::TryLater, maintenance::{Maintenance, Status}};
///
/// async fn failures(maintenance: &Maintenance) -> Result<Vec<String>, TryLater> {
///     let Status { tasks, .. } = maintenance.status().await?;
///     Ok(tasks.into_iter().filter_map(|(_, run)| run?.error).collect())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Status {
    /// When runs are due; none when they are switched off.
    pub schedule: Option<String>,
    /// The next time.
    pub next: Option<Timestamp>,
    /// Whether a time has passed whose run was not begun, or not finished, yet.
    pub overdue: bool,
    /// The newest run at a set time.
    pub standing: Option<Standing>,
    /// Each task, and its last run.
    pub tasks: Vec<(Task, Option<LastRun>)>,
}

/// Why no run began, or it did not come to its end.
///
/// ```
/// use portcullis::maintenance::MaintenanceError;
///
/// /// Whether to try again in two minutes.
/// fn can_wait(error: &MaintenanceError) -> bool { matches!(error, MaintenanceError::Busy) }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaintenanceError {
    /// Another node is at it.
    #[error("another node is at it: wait until it is done, two minutes at most if it died")]
    Busy,
    /// The lease was lost on the way.
    #[error("the lease was lost on the way, and another node may be at it: what was done stays done")]
    Lost,
    /// The store does not answer.
    #[error(transparent)]
    TryLater(#[from] TryLater),
}

impl Maintenance {
    /// Of this authority, at these times; none means only when told.
    #[must_use]
    pub fn new(authority: Arc<Authority>, times: Option<Times>) -> Self {
        Self {
            authority,
            times,
            seen: Arc::default(),
        }
    }

    /// How it went, and how it goes on.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn status(&self) -> Result<Status, TryLater> {
        let now = self.authority.clock().now();
        let standing = self.authority.maintenance_standing().await?;
        let mut tasks = Vec::with_capacity(Task::ALL.len());
        for task in Task::ALL {
            tasks.push((task, self.authority.last_run(task).await?));
        }
        let due = self.times.as_ref().and_then(|times| times.until(now));
        let overdue = match (&standing, due) {
            (Some(standing), Some(due)) => standing.due < due || !standing.finished,
            _ => false,
        };
        Ok(Status {
            schedule: self.times.as_ref().map(|times| times.text().to_owned()),
            next: self.times.as_ref().and_then(|times| times.after(now)),
            overdue,
            standing,
            tasks,
        })
    }

    /// Does these tasks now, whatever the schedule says, unless another node is at it. Gives how each went.
    ///
    /// # Errors
    /// When another node is at it, or the store does not answer.
    pub async fn run(
        &self,
        caller: &Caller,
        tasks: &[Task],
    ) -> Result<Vec<(Task, LastRun)>, MaintenanceError> {
        let Some(lease) = Lease::take(&self.authority).await? else {
            return Err(MaintenanceError::Busy);
        };
        let done = lease.keep_while(Box::pin(self.all(caller, tasks))).await;
        lease.give_back().await;
        match done {
            Ok(done) => Ok(done?),
            Err(Lost) => Err(MaintenanceError::Lost),
        }
    }

    async fn all(&self, caller: &Caller, tasks: &[Task]) -> Result<Vec<(Task, LastRun)>, TryLater> {
        let mut runs = Vec::with_capacity(tasks.len());
        for task in tasks {
            runs.push((*task, self.authority.maintain(caller, *task).await?));
        }
        // Of a night without work nothing is to be told.
        let worked = |run: &LastRun| run.removed > 0 || run.note.is_some() || run.error.is_some();
        if !matches!(caller.actor(), Actor::System) || runs.iter().any(|(_, run)| worked(run)) {
            self.authority.audit_maintenance(caller, &runs).await?;
        }
        Ok(runs)
    }
}
