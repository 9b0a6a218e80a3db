//! Whether a run is due, and whose it is.

use std::time::Duration;

use portcullis_core::{
    authority::{Caller, TryLater},
    clock::Timestamp,
    maintenance::{Standing, Task},
};
use tokio::time::sleep;

use super::{Maintenance, lease::Lease};
use crate::schedule::Times;

/// How often to look at the clock, which may be set, while tokio's time knows nothing of it.
const LOOK: Duration = Duration::from_secs(30);
/// A record that lies so far ahead was made by a clock that was wrong.
const ABSURD: Duration = Duration::from_secs(86_400);
/// Missed times that are counted at most at once.
const MOST_MISSED: u64 = 10_000;

impl Maintenance {
    /// Does the run that is due, if one is and no other node does it. Gives whether this node did one. A server and an
    /// application that is built by [`Portcullis::builder`](crate::Portcullis::builder) call it by themselves.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn run_if_due(&self) -> Result<bool, TryLater> {
        let Some(times) = &self.times else {
            return Ok(false);
        };
        let now = self.authority.clock().now();
        let Some(due) = times.until(now) else {
            return Ok(false);
        };
        if done(self.standing(now).await?.as_ref(), due) {
            return Ok(false);
        }
        let Some(lease) = Lease::take(&self.authority).await? else {
            return Ok(false);
        };
        let ran = self.with_lease(&lease, times, due, now).await;
        lease.give_back().await;
        ran
    }

    async fn with_lease(
        &self,
        lease: &Lease,
        times: &Times,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<bool, TryLater> {
        // Read again: whoever had the lease before may have done this run.
        let before = self.standing(now).await?;
        if done(before.as_ref(), due) {
            return Ok(false);
        }
        let mut standing = self.begun(before, times, due, now);
        self.authority.set_maintenance_standing(&standing).await?;
        let caller = Caller::system();
        let Ok(ran) = lease.keep_while(Box::pin(self.all(&caller, &Task::ALL))).await else {
            tracing::error!("maintenance.lease_lost");
            return Ok(false);
        };
        ran?;
        standing.finished = true;
        self.authority.set_maintenance_standing(&standing).await?;
        tracing::info!(due = %due, "maintenance.finished");
        Ok(true)
    }

    /// The newest run, unless a clock was wrong when it was noted.
    pub(super) async fn standing(&self, now: Timestamp) -> Result<Option<Standing>, TryLater> {
        let standing = self.authority.maintenance_standing().await?;
        Ok(standing.filter(|standing| standing.due <= now + ABSURD))
    }

    fn begun(&self, before: Option<Standing>, times: &Times, due: Timestamp, now: Timestamp) -> Standing {
        let mut standing = Standing {
            due,
            begun_at: now,
            node: self.authority.node().to_owned(),
            finished: false,
            missed: 0,
            last_missed: None,
        };
        let Some(before) = before else {
            return standing;
        };
        (standing.missed, standing.last_missed) = (before.missed, before.last_missed);
        if !before.finished {
            tracing::warn!(node = before.node, due = %before.due, "maintenance.not_finished");
        }
        let (mut missed, mut at) = (0, before.due);
        while let Some(next) = times.after(at).filter(|next| *next < due && missed < MOST_MISSED) {
            missed += 1;
            standing.last_missed = Some(next);
            at = next;
        }
        if missed > 0 {
            standing.missed += missed;
            tracing::warn!(missed, "maintenance.missed");
        }
        standing
    }

    async fn look_and_run(&self) -> Result<(), TryLater> {
        self.look().await?;
        if self.run_if_due().await? {
            self.look().await?;
        }
        Ok(())
    }

    /// Looks again and again. Does not end.
    pub(crate) async fn keep_up(&self) {
        loop {
            if let Err(error) = self.look_and_run().await {
                tracing::error!(%error, "maintenance.unavailable");
            }
            let now = self.authority.clock().now();
            let next = self.times.as_ref().and_then(|times| times.after(now));
            sleep(next.map_or(LOOK, |next| next.since(now).clamp(Duration::from_secs(1), LOOK))).await;
        }
    }
}

/// Whether a run for `due`, or a later one, came to its end.
pub(super) fn done(standing: Option<&Standing>, due: Timestamp) -> bool {
    standing.is_some_and(|standing| standing.due >= due && standing.finished)
}
