//! Looks what is due, and does it.

use std::{pin::pin, time::Duration};

use portcullis_core::{clock::Timestamp, store::StoreError};
use tokio::time::sleep;

use super::{
    Missed, MissedReason, Schedule,
    turn::{Record, Turn},
};

/// How late a run may begin.
const GRACE: Duration = Duration::from_secs(60);
/// How often to look at the clock: it may be set, and the machine may sleep, of which tokio's time knows nothing.
const LOOK: Duration = Duration::from_secs(30);
/// When to try again if the store does not answer, or another node has the turn.
const RETRY: Duration = Duration::from_secs(5);
/// For how long a node has the turn that does not say anything more. More than [`GRACE`] and what clocks may disagree, so
/// that a run is not begun twice.
const LEASE: Duration = Duration::from_secs(120);
/// A time so far ahead was never reached: a clock was wrong when it was noted.
const ABSURD: Duration = Duration::from_secs(86_400);

/// What became of a time that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attended {
    /// Nothing is left to do about it here.
    Settled,
    /// It is worth trying again.
    Later,
}

pub(super) struct Runner {
    schedule: Schedule,
    /// When this process came to be.
    started: Timestamp,
    /// The newest time that needs no more looking after.
    settled: Option<Timestamp>,
}

impl Runner {
    pub(super) fn new(schedule: Schedule) -> Self {
        let started = schedule.clock.now();
        // What was before is nobody's affair, unless the store knows of it.
        let settled = match schedule.turn {
            Some(_) => None,
            None => Some(started),
        };
        Self {
            schedule,
            started,
            settled,
        }
    }

    /// Looks again and again until `shutdown` resolves.
    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown);
        loop {
            let wait = self.look().await;
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// Attends to what is due; gives how long to wait until the next look.
    pub(super) async fn look(&mut self) -> Duration {
        let now = self.schedule.clock.now();
        if self.settled.is_some_and(|settled| settled > now + ABSURD) {
            tracing::warn!(
                name = self.schedule.name,
                "the clock was set back by more than a day"
            );
            self.settled = Some(now);
        }
        if let Some(due) = self.schedule.cron.until(now)
            && self.settled.is_none_or(|settled| due > settled)
        {
            let attended = match &self.schedule.turn {
                None => self.attend_alone(due, now).await,
                Some(turn) => self.attend_in_turn(&**turn, due, now).await,
            };
            match attended {
                Attended::Settled => self.settled = Some(due),
                Attended::Later => return RETRY,
            }
        }
        self.wait()
    }

    fn wait(&self) -> Duration {
        let now = self.schedule.clock.now();
        let from = self.settled.map_or(now, |settled| settled.min(now));
        let next = self.schedule.cron.after(from);
        next.map_or(LOOK, |next| next.since(now).min(LOOK))
    }

    async fn attend_alone(&self, due: Timestamp, now: Timestamp) -> Attended {
        let in_time = self.report(self.settled.unwrap_or(self.started), due, now);
        if in_time {
            self.work().await;
        }
        Attended::Settled
    }

    async fn attend_in_turn(&self, turn: &dyn Turn, due: Timestamp, now: Timestamp) -> Attended {
        let attended = async {
            if !turn.take(now, now + LEASE).await? {
                let begun = turn.record().await?.is_some_and(|record| record.due >= due);
                // Past the grace nothing begins any more, and whoever has the turn next tells what was missed.
                return Ok(if begun || now.since(due) > GRACE {
                    Attended::Settled
                } else {
                    Attended::Later
                });
            }
            let attended = self.attend_with_turn(turn, due, now).await;
            // If this fails, the lease ends by itself.
            let now = self.schedule.clock.now();
            let _given_back = turn.take(now, now).await;
            attended
        };
        attended.await.unwrap_or_else(|error: StoreError| {
            tracing::error!(name = self.schedule.name, %error, "schedule.unavailable");
            Attended::Later
        })
    }

    async fn attend_with_turn(
        &self,
        turn: &dyn Turn,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<Attended, StoreError> {
        let record = turn.record().await?.filter(|record| {
            let absurd = record.due > now + ABSURD;
            if absurd {
                tracing::warn!(name = self.schedule.name, due = %record.due, "the record of a run lies far ahead");
            }
            !absurd
        });
        if record.is_some_and(|record| record.due >= due) {
            return Ok(Attended::Settled);
        }
        let in_time = match record {
            // The first of all: what was due before this process came to be was nobody's task.
            None if due <= self.started => false,
            None => self.report(self.started, due, now),
            Some(record) => {
                if !record.finished {
                    self.tell(record.due, record.due, MissedReason::NotFinished);
                }
                self.report(record.due, due, now)
            }
        };
        turn.set_record(Record {
            due,
            finished: !in_time,
        })
        .await?;
        if in_time {
            self.work_with_turn(turn).await;
            // If this fails, the run is said to be unfinished: better than the opposite.
            turn.set_record(Record { due, finished: true }).await?;
        }
        Ok(Attended::Settled)
    }

    /// Tells of what was missed after `since`. Gives whether `due`, the newest, can still begin.
    fn report(&self, since: Timestamp, due: Timestamp, now: Timestamp) -> bool {
        let cron = &self.schedule.cron;
        let in_time = now.since(due) <= GRACE;
        let last = if in_time { cron.before(due) } else { Some(due) };
        if let (Some(first), Some(last)) = (cron.after(since), last)
            && first <= last
        {
            self.tell(first, last, MissedReason::NotBegun);
        }
        in_time
    }

    fn tell(&self, first: Timestamp, last: Timestamp, reason: MissedReason) {
        let missed = Missed {
            schedule: self.schedule.name.clone(),
            first,
            last,
            reason,
        };
        tracing::warn!(name = self.schedule.name, %missed, "schedule.missed");
        let tell = std::panic::AssertUnwindSafe(|| (self.schedule.on_missed)(&missed));
        if std::panic::catch_unwind(tell).is_err() {
            tracing::error!(name = self.schedule.name, "what is told of missed runs panicked");
        }
    }

    /// One run.
    async fn work(&self) {
        let clock = &self.schedule.clock;
        let begun = clock.monotonic();
        let failure = (self.schedule.job)().await;
        let took = clock.monotonic().saturating_sub(begun);
        let (name, took_ms) = (&self.schedule.name, took.as_millis());
        match failure {
            None => tracing::info!(name, took_ms, "schedule.ran"),
            Some(error) => tracing::error!(name, took_ms, error, "schedule.failed"),
        }
    }

    /// One run, keeping the turn meanwhile.
    async fn work_with_turn(&self, turn: &dyn Turn) {
        let mut work = pin!(self.work());
        loop {
            tokio::select! {
                biased;
                () = &mut work => return,
                () = sleep(LEASE / 4) => {}
            }
            let now = self.schedule.clock.now();
            match turn.take(now, now + LEASE).await {
                Ok(true) => {}
                Ok(false) => tracing::error!(
                    name = self.schedule.name,
                    "schedule.turn_lost: this run took so long without the store that another node may begin the next one"
                ),
                Err(error) => tracing::warn!(name = self.schedule.name, %error, "schedule.unavailable"),
            }
        }
    }
}
