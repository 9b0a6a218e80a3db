use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering::SeqCst},
};

use crate::metrics::Histogram;

/// What a group of requests holds: places, and nanoseconds of work that is yet to be done for them.
#[derive(Default)]
pub(super) struct Share {
    pub(super) places: AtomicU32,
    pub(super) load: AtomicU64,
}

/// What request threads and hashing threads both count. Atomics only: nobody ever waits.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) total: Share,
    pub(super) general: Share,
    pub(super) reserved: Share,
    /// Jobs in the queue whose client went away. Can pass through -1 when a thread is faster than the client's.
    pub(super) dead: AtomicI64,
    pub(super) queued: AtomicI64,
    pub(super) running: AtomicU32,
    pub(super) completed: AtomicU64,
    pub(super) refused_full: AtomicU64,
    pub(super) refused_share: AtomicU64,
    pub(super) refused_address: AtomicU64,
    pub(super) late: AtomicU64,
    pub(super) skipped: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) waited: Histogram,
    pub(super) worked: AtomicU64,
    pub(super) memory: AtomicU64,
    pub(super) stored: AtomicU64,
    pub(super) weak: AtomicU64,
}

/// Held by a client that has no job in the queue.
const IDLE: u8 = 0;
/// Its job waits.
const QUEUED: u8 = 1;
/// A thread works on its job.
const RUNNING: u8 = 2;
/// The client went away; the place is free, or will be when the thread is done with the job.
const GONE: u8 = 3;

/// One admitted request. It is given back exactly once: by its client, or by the thread that works for a client that
/// went away.
pub(super) struct Place {
    state: AtomicU8,
    cost: AtomicU64,
    counters: Arc<Counters>,
    reserved: bool,
    address: Option<Arc<Share>>,
}

impl Place {
    /// Takes a place with work of `cost` nanoseconds to be expected.
    pub(super) fn take(
        counters: Arc<Counters>,
        reserved: bool,
        address: Option<Arc<Share>>,
        cost: u64,
    ) -> Arc<Self> {
        let place = Self {
            state: AtomicU8::new(IDLE),
            cost: AtomicU64::new(cost),
            counters,
            reserved,
            address,
        };
        for share in place.shares() {
            share.places.fetch_add(1, SeqCst);
            share.load.fetch_add(cost, SeqCst);
        }
        Arc::new(place)
    }

    fn shares(&self) -> impl Iterator<Item = &Share> {
        let class = if self.reserved {
            &self.counters.reserved
        } else {
            &self.counters.general
        };
        [&self.counters.total, class]
            .into_iter()
            .chain(self.address.as_deref())
    }

    /// Only whoever holds the state calls this, so that old and new value belong together.
    fn expect(&self, cost: u64) {
        let before = self.cost.swap(cost, SeqCst);
        for share in self.shares() {
            share.load.fetch_add(cost, SeqCst);
            share.load.fetch_sub(before, SeqCst);
        }
    }

    fn give_back(&self) {
        self.expect(0);
        for share in self.shares() {
            share.places.fetch_sub(1, SeqCst);
        }
    }

    fn step(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, SeqCst, SeqCst).is_ok()
    }

    /// The client puts a job of `cost` nanoseconds into the queue.
    pub(super) fn queue(&self, cost: u64) {
        self.expect(cost);
        self.state.store(QUEUED, SeqCst);
        self.counters.queued.fetch_add(1, SeqCst);
    }

    /// A thread begins with the job. False when the client went away: nothing is to be done.
    pub(super) fn start(&self) -> bool {
        let alive = self.step(QUEUED, RUNNING);
        if alive {
            self.counters.queued.fetch_sub(1, SeqCst);
        } else {
            self.bury();
        }
        alive
    }

    /// The thread is done.
    pub(super) fn finish(&self) {
        self.expect(0);
        if !self.step(RUNNING, IDLE) {
            self.give_back();
        }
    }

    /// The client goes, whatever its job does.
    pub(super) fn leave(&self) {
        if self.step(QUEUED, GONE) {
            self.give_back();
            self.counters.queued.fetch_sub(1, SeqCst);
            self.counters.dead.fetch_add(1, SeqCst);
        } else if !self.step(RUNNING, GONE) {
            self.give_back();
        }
    }

    /// Whether the job in the queue has no client any more.
    pub(super) fn is_gone(&self) -> bool {
        self.state.load(SeqCst) == GONE
    }

    /// The job of a client that went away has left the queue.
    pub(super) fn bury(&self) {
        self.counters.dead.fetch_sub(1, SeqCst);
        self.counters.skipped.fetch_add(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(counters: &Arc<Counters>) -> Arc<Place> {
        Place::take(Arc::clone(counters), false, Some(Arc::default()), 10)
    }

    fn held(counters: &Counters) -> (u32, u64) {
        (
            counters.general.places.load(SeqCst),
            counters.total.load.load(SeqCst),
        )
    }

    #[test]
    fn a_place_is_given_back_once_whenever_its_client_leaves() {
        let counters = Arc::<Counters>::default();

        place(&counters).leave();
        assert_eq!(held(&counters), (0, 0));

        let waiting = place(&counters);
        waiting.queue(30);
        assert_eq!(held(&counters), (1, 30));
        waiting.leave();
        assert_eq!((held(&counters), counters.dead.load(SeqCst)), ((0, 0), 1));
        assert!(waiting.is_gone() && !waiting.start());
        assert_eq!((held(&counters), counters.dead.load(SeqCst)), ((0, 0), 0));

        let running = place(&counters);
        running.queue(30);
        assert!(running.start());
        running.leave();
        assert_eq!(held(&counters), (1, 30), "the thread still works for it");
        running.finish();
        assert_eq!(held(&counters), (0, 0));

        let done = place(&counters);
        done.queue(30);
        assert!(done.start());
        done.finish();
        assert_eq!(held(&counters), (1, 0), "it may bring a second job");
        done.queue(20);
        assert!(done.start());
        done.finish();
        done.leave();
        assert_eq!(held(&counters), (0, 0));
        assert_eq!(counters.queued.load(SeqCst), 0);
    }
}
