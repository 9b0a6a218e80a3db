use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Mutex, Notify, watch},
    time::{sleep, timeout},
};

use super::{
    Change, ChangeListener, Feed, FeedRead, FollowerConfig, Index, LANES, LaneHead, Lanes, Stale,
    index::Sweep, lease::SKEW,
};
use crate::{
    clock::{Clock, Timestamp},
    metrics::Counter,
    store::{Store, StoreError},
};

/// At least so much between two reads, however often somebody says that there is news. Whatever comes meanwhile is taken
/// in by the next one.
const SPACING: Duration = Duration::from_millis(20);
/// The same after a read that failed: a store that fails fast is not asked in a tight loop, however many requests wait.
const SPACING_FAILED: Duration = Duration::from_millis(50);
/// A whole load that takes longer has hung. Ten million rows took 107 s on two busy processors.
const LOAD_TIMEOUT: Duration = Duration::from_secs(600);
const PURGE_EVERY: Duration = Duration::from_secs(60);
/// Places of the index that a purge looks at before whoever waits for the reader has a turn: a fraction of a millisecond.
pub(super) const PURGE_STEP: usize = 4_096;

struct Reader {
    /// `None` before the first load, and when the feed must be loaded anew.
    position: Option<Lanes>,
    /// The latest wall time by which entries were sorted out.
    sorted_out_at: Timestamp,
    purged_at: Duration,
    /// The purge that is under way.
    purge: Option<Sweep>,
    failing: bool,
}

/// What a [`Follower`] did since the start, for metrics.
#[derive(Debug, Default)]
pub struct FollowerCounts {
    /// Reads of the feed that were good.
    pub good: Counter,
    /// Reads of the feed that failed.
    pub failed: Counter,
    /// Loads of the whole feed: the first, and one each time that the store went back in time or the clock was set back.
    pub loads: Counter,
    /// Requests that found the lease lapsed and waited in vain.
    pub lapsed: Counter,
}

#[derive(Clone, Copy)]
struct Finished {
    good: bool,
}

/// Keeps an [`Index`] up with the feed, and knows for how long it may be believed.
///
/// Only [`Follower::run`] and [`Follower::load`] read the feed, one read at a time. Requests never do: past the
/// lease they wake the loop and wait for the read that serves all of them.
///
/// ```no_run
/// # async fn wire(store: std::sync::Arc<dyn portcullis_core::store::Store>) -> Result<(), portcullis_core::store::StoreError> {
/// use std::sync::Arc;
/// use portcullis_core::{clock::SystemClock, revocation::{Follower, FollowerConfig, Index}};
///
/// let index = Arc::new(Index::new());
/// let follower = Arc::new(Follower::new(store, index, Arc::new(SystemClock), FollowerConfig::default()));
/// follower.load().await?;
/// let running = Arc::clone(&follower);
/// tokio::spawn(async move { running.run(std::future::pending()).await });
/// # Ok(())
/// # }
/// ```
pub struct Follower<F: Feed + ?Sized = dyn Store> {
    feed: Arc<F>,
    index: Arc<Index>,
    clock: Arc<dyn Clock>,
    config: FollowerConfig,
    listeners: Vec<Arc<dyn ChangeListener>>,
    /// Start of the last good read: nanoseconds of [`Clock::monotonic`] plus one; 0 before the first.
    good_since: AtomicU64,
    reader: Mutex<Reader>,
    wake: Notify,
    finished: watch::Sender<Finished>,
    counts: FollowerCounts,
}

impl<F: Feed + ?Sized> Follower<F> {
    /// A follower that has read nothing yet: everything is stale before [`Follower::load`].
    pub fn new(feed: Arc<F>, index: Arc<Index>, clock: Arc<dyn Clock>, config: FollowerConfig) -> Self {
        let purged_at = clock.monotonic();
        Self {
            feed,
            index,
            clock,
            config,
            listeners: Vec::new(),
            good_since: AtomicU64::new(0),
            reader: Mutex::new(Reader {
                position: None,
                sorted_out_at: Timestamp::from_millis(i64::MIN),
                purged_at,
                purge: None,
                failing: false,
            }),
            wake: Notify::new(),
            finished: watch::Sender::new(Finished { good: false }),
            counts: FollowerCounts::default(),
        }
    }

    /// Adds someone to be told of changes.
    #[must_use]
    pub fn with_listener(mut self, listener: Arc<dyn ChangeListener>) -> Self {
        self.listeners.push(listener);
        self
    }

    /// The index that it keeps.
    #[must_use]
    pub fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// What it did since the start.
    #[must_use]
    pub fn counts(&self) -> &FollowerCounts {
        &self.counts
    }

    /// Loads the whole feed. Readiness waits for it.
    ///
    /// # Errors
    /// When the store fails. Call it again, or leave that to [`Follower::run`].
    pub async fn load(&self) -> Result<(), StoreError> {
        self.reader.lock().await.position = None;
        self.read().await
    }

    /// Reads the feed again and again until `shutdown` resolves: at set times, and as soon as it hears of new rows. Run
    /// exactly one per follower.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        tokio::select! {
            biased;
            () = shutdown => {}
            () = self.read_on() => {}
            () = self.purge_at_times() => {}
        }
    }

    async fn read_on(&self) {
        loop {
            // An error is logged where it happens; the lease tells the rest.
            let read = self.read().await;
            let spacing = if read.is_ok() { SPACING } else { SPACING_FAILED };
            sleep(spacing.min(self.config.poll)).await;
            tokio::select! {
                () = sleep(self.config.poll.saturating_sub(spacing)) => {}
                () = self.wake.notified() => {}
                () = self.feed.moved() => {}
            }
        }
    }

    /// Beside the reads, which it never keeps waiting for longer than a step takes.
    async fn purge_at_times(&self) {
        loop {
            sleep(self.config.poll).await;
            self.purge_if_due().await;
        }
    }

    /// Age of what the index knows: time since the start of the last good read; [`Duration::MAX`] before the first.
    #[must_use]
    pub fn staleness(&self) -> Duration {
        match self.good_since.load(Ordering::Acquire) {
            0 => Duration::MAX,
            since => self
                .clock
                .monotonic()
                .saturating_sub(Duration::from_nanos(since - 1)),
        }
    }

    /// Whether the index may be believed without a read: [`Follower::ensure_fresh`] would not wait.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.staleness() < self.config.lease
    }

    /// Whether the index may be believed. While the lease holds this is an atomic load and a look at the clock;
    /// past it, it waits for the read that all waiting requests share.
    ///
    /// # Errors
    /// When that read fails or takes longer than [`FollowerConfig::wait`].
    pub async fn ensure_fresh(&self) -> Result<(), Stale> {
        if self.is_fresh() {
            return Ok(());
        }
        let fresh = timeout(self.config.wait, self.until_read())
            .await
            .unwrap_or(Err(Stale));
        if fresh.is_err() {
            self.counts.lapsed.add(1);
        }
        fresh
    }

    async fn until_read(&self) -> Result<(), Stale> {
        let mut finished = self.finished.subscribe();
        loop {
            if self.is_fresh() {
                return Ok(());
            }
            self.wake.notify_one();
            finished.changed().await.map_err(|_| Stale)?;
            if !finished.borrow_and_update().good {
                return Err(Stale);
            }
            // A read that began too long ago renews nothing: the next one may.
        }
    }

    /// Puts the changes of an act into force on this node. Call it before the act is answered.
    pub fn applied(&self, changes: &[Change]) {
        self.index.apply(changes);
        self.tell(changes);
    }

    fn tell(&self, changes: &[Change]) {
        for listener in &self.listeners {
            for change in changes {
                listener.changed(change);
            }
        }
    }

    /// One read of the feed: what is new, or everything.
    pub(super) async fn read(&self) -> Result<(), StoreError> {
        let mut reader = self.reader.lock().await;
        let result = self.read_as(&mut reader).await;
        match &result {
            Ok(()) if reader.failing => tracing::info!("revocation.feed_read_again"),
            Err(error) if !reader.failing => tracing::warn!(
                %error,
                lease = ?self.config.lease,
                "revocation.feed_unreadable: requests with tokens get 503 once the lease lapses"
            ),
            _ => {}
        }
        reader.failing = result.is_err();
        drop(reader);
        match &result {
            Ok(()) => self.counts.good.add(1),
            Err(_) => self.counts.failed.add(1),
        }
        self.finished.send_replace(Finished { good: result.is_ok() });
        result
    }

    async fn read_as(&self, reader: &mut Reader) -> Result<(), StoreError> {
        // Entries were sorted out by a wall clock that has since been set back: tokens that they void are valid
        // again.
        if self.clock.now() + SKEW < reader.sorted_out_at {
            tracing::warn!(
                reason = "clock",
                "revocation.reload: the clock was set back, so the whole feed is loaded anew"
            );
            reader.position = None;
        }
        if let Some(position) = reader.position {
            // Before the read, so that what is committed during it counts as not seen.
            let start = self.clock.monotonic();
            let read = within(self.config.lease, self.feed.read(&position)).await?;
            if let Some((lanes, changes)) = continued(&position, read) {
                self.index.apply(&changes);
                self.tell(&changes);
                reader.position = Some(lanes);
                self.renew(start);
                return Ok(());
            }
            tracing::warn!(
                reason = "store",
                "revocation.reload: the store went back in time, so the whole feed is loaded anew"
            );
            reader.position = None;
        }
        let start = self.clock.monotonic();
        let now = self.clock.now();
        // Added to what is there, not put in its place: an act that was acknowledged here and that the store has
        // lost since stays in force on this node. Part by part: the index is all of it that is ever in memory.
        let mut take = |part: &[Change]| self.index.apply(part);
        let lanes = within(LOAD_TIMEOUT, self.feed.stream(now, &mut take)).await?;
        for listener in &self.listeners {
            listener.reloaded();
        }
        self.counts.loads.add(1);
        reader.position = Some(lanes);
        reader.sorted_out_at = now;
        self.renew(start);
        Ok(())
    }

    fn renew(&self, start: Duration) {
        let nanos = u64::try_from(start.as_nanos()).unwrap_or(u64::MAX - 1);
        self.good_since.store(nanos + 1, Ordering::Release);
    }

    pub(super) async fn purge_if_due(&self) {
        while self.purge_step().await {
            tokio::task::yield_now().await;
        }
    }

    /// Begins a purge when one is due, or goes on with it. Whether there is more to do.
    pub(super) async fn purge_step(&self) -> bool {
        // Held from the look at the clock on, so that no load falls between that and the step: what a load brings back after
        // the clock was set back, only a step by the clock of then may drop.
        let mut reader = self.reader.lock().await;
        let monotonic = self.clock.monotonic();
        if reader.purge.is_none() {
            if monotonic.saturating_sub(reader.purged_at) < PURGE_EVERY {
                return false;
            }
            reader.purged_at = monotonic;
        }
        let mut sweep = reader.purge.take().unwrap_or_default();
        let now = self.clock.now();
        reader.sorted_out_at = reader.sorted_out_at.max(now);
        if self.index.sweep(&mut sweep, now, PURGE_STEP) {
            tracing::debug!(purged = sweep.dropped, "purged the index of revocations");
            return false;
        }
        reader.purge = Some(sweep);
        true
    }
}

async fn within<T>(
    limit: Duration,
    read: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(limit, read)
        .await
        .unwrap_or_else(|_| Err(StoreError::unavailable("no answer in time")))
}

/// The rows and the new position, if they follow without a gap on the old one. A gap means that rows were missed,
/// whatever the reason; then only a whole load is complete.
pub(super) fn continued(position: &Lanes, read: FeedRead) -> Option<(Lanes, Vec<Change>)> {
    let FeedRead::Continued { lanes, changes } = read else {
        return None;
    };
    let mut heads = *position;
    for change in &changes {
        let head = heads.get_mut(usize::from(change.lane))?;
        if change.n != head.n.checked_add(1)? {
            return None;
        }
        *head = LaneHead {
            n: change.n,
            tag: change.tag,
        };
    }
    let complete: [bool; LANES] = std::array::from_fn(|lane| heads[lane] == lanes[lane]);
    complete.iter().all(|same| *same).then_some((lanes, changes))
}
