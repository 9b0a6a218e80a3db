use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    time::Duration,
};

use tokio::sync::Mutex;

use super::Authority;
use crate::{clock::Timestamp, store::StoreError};

/// By how much the clock of a node may differ from that of its database before it is not ready: tokens that one node
/// issues would be valid too soon or too long for the others.
pub const MAX_CLOCK_SKEW: Duration = Duration::from_secs(2);

/// Between two looks at the clock of the database.
const LOOK: Duration = Duration::from_secs(30);

/// Why a node should get no requests at present. What is said here may be shown to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// The lease has lapsed: it cannot tell which tokens are still valid.
    #[error("the database was not heard from for too long to tell which tokens are still valid")]
    Stale,
    /// The database does not answer.
    #[error("the database does not answer")]
    Database,
    /// Its clock is wrong, or the database's.
    #[error("the clock of this node is {0} that of the database: set both by NTP")]
    Clock(ClockSkew),
    /// It is about to end ([`Authority::drain`]).
    #[error("this node is stopping")]
    Stopping,
}

/// By how much the clock of a node differs from that of its database, at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSkew {
    /// The node's is ahead.
    Ahead(Duration),
    /// The node's is behind.
    Behind(Duration),
}

impl ClockSkew {
    /// From what the node's clock said before and after the database was asked: how long the answer took is no difference.
    fn of(before: Timestamp, database: Timestamp, after: Timestamp) -> Self {
        if database < before {
            Self::Ahead(before.since(database))
        } else {
            Self::Behind(database.since(after))
        }
    }

    /// In milliseconds; below zero when the node's is behind.
    fn millis_ahead(self) -> i64 {
        let millis = i64::try_from(self.amount().as_millis()).unwrap_or(i64::MAX);
        match self {
            Self::Ahead(_) => millis,
            Self::Behind(_) => -millis,
        }
    }

    /// How much it is.
    #[must_use]
    pub const fn amount(self) -> Duration {
        match self {
            Self::Ahead(by) | Self::Behind(by) => by,
        }
    }
}

impl fmt::Display for ClockSkew {
    /// `3.2 s ahead of`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self {
            Self::Ahead(_) => "ahead of",
            Self::Behind(_) => "behind",
        };
        write!(f, "{:.1} s {side}", self.amount().as_secs_f64())
    }
}

/// The last answer, and when it was begun: anybody may ask, so there is one question to the database at a time, and its
/// answer is for all who came before it.
#[derive(Default)]
pub(super) struct Readiness {
    /// By how many milliseconds the clock of this node was ahead of the database's when it was last compared.
    ahead: AtomicI64,
    last: Mutex<Option<(Duration, Result<(), NotReady>)>>,
    stopping: AtomicBool,
}

impl Authority {
    /// From now on this node is not ready, for good, so that balancers send requests elsewhere; whatever comes all the same is
    /// answered as before.
    pub fn drain(&self) {
        self.readiness.stopping.store(true, Relaxed);
    }

    /// Whether this node may be sent requests: it is not stopping, knows what was revoked, the database answers, and their
    /// clocks agree.
    ///
    /// # Errors
    /// With the reason.
    pub async fn ready(&self) -> Result<(), NotReady> {
        if self.readiness.stopping.load(Relaxed) {
            return Err(NotReady::Stopping);
        }
        let came = self.clock.monotonic();
        let mut last = self.readiness.last.lock().await;
        if let Some((begun, answer)) = *last
            && begun > came
        {
            return answer;
        }
        let begun = self.clock.monotonic();
        let answer = self.look().await;
        *last = Some((begun, answer));
        answer
    }

    async fn look(&self) -> Result<(), NotReady> {
        self.follower
            .ensure_fresh()
            .await
            .map_err(|_stale| NotReady::Stale)?;
        match self.clock_skew().await {
            Ok(Some(skew)) if skew.amount() > MAX_CLOCK_SKEW => Err(NotReady::Clock(skew)),
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "store.failed");
                Err(NotReady::Database)
            }
        }
    }

    /// By how much the clock of this node differs from the database's; `None` where both are the same machine's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn clock_skew(&self) -> Result<Option<ClockSkew>, StoreError> {
        let before = self.clock.now();
        let database = self.store.database_time().await?;
        let after = self.clock.now();
        let skew = database.map(|database| ClockSkew::of(before, database, after));
        self.readiness
            .ahead
            .store(skew.map_or(0, ClockSkew::millis_ahead), Relaxed);
        Ok(skew)
    }

    /// Compares the clocks now and then, also where nobody asks whether the node is ready.
    pub(super) async fn watch_clock(&self) {
        loop {
            // What is wrong with the database others say.
            let _ = self.clock_skew().await;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// By how many seconds the clock of this node was ahead of the database's when they were last compared.
    pub(super) fn seconds_ahead(&self) -> f64 {
        let millis = self.readiness.ahead.load(Relaxed);
        let size = Duration::from_millis(millis.unsigned_abs()).as_secs_f64();
        if millis < 0 { -size } else { size }
    }

    /// For how long this node has not known for sure what was revoked: the time since the start of its last good read of the
    /// feed. Past the lease, requests with tokens are answered 503.
    #[must_use]
    pub fn staleness(&self) -> Duration {
        self.follower.staleness()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skew(before: i64, database: i64, after: i64) -> ClockSkew {
        ClockSkew::of(
            Timestamp::from_millis(before),
            Timestamp::from_millis(database),
            Timestamp::from_millis(after),
        )
    }

    #[test]
    fn a_slow_answer_is_no_difference_of_clocks() {
        assert_eq!(skew(1000, 3500, 9000).amount(), Duration::ZERO);
        assert_eq!(skew(5249, 1000, 5300).millis_ahead(), 4249);
        assert_eq!(skew(1000, 4500, 1000).millis_ahead(), -3500);
        assert_eq!(skew(1000, 999, 9000), ClockSkew::Ahead(Duration::from_millis(1)));
        assert_eq!(
            skew(1000, 9002, 9000),
            ClockSkew::Behind(Duration::from_millis(2))
        );
    }

    #[test]
    fn it_says_which_clock_is_late() {
        let text = NotReady::Clock(skew(5249, 1000, 5300)).to_string();
        assert!(
            text.contains("of this node is 4.2 s ahead of that of the database"),
            "{text}"
        );
        let text = NotReady::Clock(skew(1000, 4500, 1000)).to_string();
        assert!(
            text.contains("of this node is 3.5 s behind that of the database"),
            "{text}"
        );
    }
}
