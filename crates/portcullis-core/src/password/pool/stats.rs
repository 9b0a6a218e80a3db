use std::{
    sync::atomic::Ordering::{Relaxed, SeqCst},
    time::Duration,
};

use super::HashPool;
use crate::metrics::Histogram;

/// Numbers for metrics, since the start where they count up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Hashing threads.
    pub threads: usize,
    /// Requests that hold a place.
    pub held: u32,
    /// Jobs that wait.
    pub queued: u32,
    /// Jobs that are worked on.
    pub running: u32,
    /// Jobs done.
    pub completed: u64,
    /// Requests refused since the queue was full or too slow.
    pub refused_full: u64,
    /// Requests refused since their class left no more than the other's share.
    pub refused_share: u64,
    /// Requests refused since their address held its quarter.
    pub refused_address: u64,
    /// Jobs dropped at their deadline.
    pub late: u64,
    /// Jobs skipped since their client went away.
    pub skipped: u64,
    /// Jobs that failed.
    pub failed: u64,
    /// Time that jobs waited, together.
    pub waited: Duration,
    /// Time that jobs were worked on, together.
    pub worked: Duration,
    /// Time that a job of the usual mixture is estimated to take.
    pub estimate: Duration,
    /// Memory held by the threads, bytes.
    pub memory: u64,
    /// Stored hashes that the pool was told of ([`HashPool::set_population`]).
    pub stored: u64,
    /// Those among them that are weaker than what is made now, or of another family: they are upgraded when their owners
    /// log in.
    pub weak: u64,
}

impl HashPool {
    /// Numbers for metrics, as of now.
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        let counters = &self.0.counters;
        PoolStats {
            threads: self.0.config.threads,
            held: counters.total.places.load(SeqCst),
            queued: u32::try_from(counters.queued.load(SeqCst)).unwrap_or(0),
            running: counters.running.load(SeqCst),
            completed: counters.completed.load(Relaxed),
            refused_full: counters.refused_full.load(Relaxed),
            refused_share: counters.refused_share.load(Relaxed),
            refused_address: counters.refused_address.load(Relaxed),
            late: counters.late.load(Relaxed),
            skipped: counters.skipped.load(Relaxed),
            failed: counters.failed.load(Relaxed),
            waited: counters.waited.sum(),
            worked: Duration::from_nanos(counters.worked.load(Relaxed)),
            estimate: Duration::from_nanos(self.0.population.load().mean(&self.0.pace)),
            memory: counters.memory.load(SeqCst),
            stored: counters.stored.load(Relaxed),
            weak: counters.weak.load(Relaxed),
        }
    }

    /// How long jobs waited.
    #[must_use]
    pub fn waits(&self) -> &Histogram {
        &self.0.counters.waited
    }
}
