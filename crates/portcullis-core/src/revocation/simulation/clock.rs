use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use crate::clock::{Clock, MovableClock, Timestamp};

/// The clock of a node: its wall clock is a little off, and is set now and then.
pub(super) struct NodeClock {
    truth: Arc<MovableClock>,
    off_by: AtomicI64,
}

impl NodeClock {
    pub(super) fn new(truth: &Arc<MovableClock>, off_by: i64) -> Arc<Self> {
        Arc::new(Self {
            truth: Arc::clone(truth),
            off_by: AtomicI64::new(off_by),
        })
    }

    pub(super) fn set(&self, off_by: i64) {
        self.off_by.store(off_by, Ordering::SeqCst);
    }
}

impl Clock for NodeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.truth.now().millis() + self.off_by.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.truth.monotonic()
    }
}
