//! A node whose feed says what the test wants.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::{Notify, Semaphore};

use crate::{
    clock::{Clock, MovableClock, Timestamp},
    revocation::{
        Change, ChangeListener, Feed, FeedRead, FeedSnapshot, Follower, FollowerConfig, Index, LaneHead,
        Lanes, Stale,
    },
    store::StoreError,
};

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Answer {
    Rows,
    Rewritten,
    Down,
    /// Never.
    Hangs,
}

/// A feed that says what the test wants.
pub(super) struct Script {
    pub(super) clock: Arc<MovableClock>,
    pub(super) rows: Mutex<Vec<Change>>,
    pub(super) reading: Mutex<Answer>,
    pub(super) loading: Mutex<Answer>,
    /// How long an answer takes on the clock.
    pub(super) takes: Mutex<Duration>,
    /// Reads wait for a permit.
    pub(super) gate: Semaphore,
    /// Somebody says that there is news.
    pub(super) word: Notify,
    pub(super) reads: AtomicUsize,
    pub(super) loads: AtomicUsize,
}

pub(super) const OPEN: usize = 1_000_000;

impl Script {
    pub(super) fn push(&self, change: Change) {
        self.rows.lock().unwrap().push(change);
    }

    pub(super) fn set(&self, reading: Answer, loading: Answer) {
        *self.reading.lock().unwrap() = reading;
        *self.loading.lock().unwrap() = loading;
    }

    pub(super) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    pub(super) fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    pub(super) fn heads(&self) -> Lanes {
        let mut lanes = Lanes::default();
        for row in self.rows.lock().unwrap().iter() {
            let head = &mut lanes[usize::from(row.lane)];
            if row.n > head.n {
                *head = LaneHead {
                    n: row.n,
                    tag: row.tag,
                };
            }
        }
        lanes
    }

    pub(super) async fn answer(&self, answer: Answer) -> Result<bool, StoreError> {
        self.gate.acquire().await.unwrap().forget();
        self.clock.advance(*self.takes.lock().unwrap());
        match answer {
            Answer::Rows => Ok(true),
            Answer::Rewritten => Ok(false),
            Answer::Down => Err(StoreError::unavailable("down")),
            Answer::Hangs => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Feed for Script {
    async fn load(&self, now: Timestamp) -> Result<FeedSnapshot, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let (lanes, rows) = (self.heads(), self.rows.lock().unwrap().clone());
        let answer = *self.loading.lock().unwrap();
        self.answer(answer).await?;
        Ok(FeedSnapshot {
            lanes,
            changes: rows.into_iter().filter(|row| row.until >= now).collect(),
        })
    }

    async fn read(&self, position: &Lanes) -> Result<FeedRead, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let (lanes, rows) = (self.heads(), self.rows.lock().unwrap().clone());
        let answer = *self.reading.lock().unwrap();
        if !self.answer(answer).await? {
            return Ok(FeedRead::Rewritten);
        }
        let changes = rows
            .into_iter()
            .filter(|row| row.n > position[usize::from(row.lane)].n)
            .collect();
        Ok(FeedRead::Continued { lanes, changes })
    }

    async fn moved(&self) {
        self.word.notified().await;
    }
}

#[derive(Default)]
pub(super) struct Heard {
    pub(super) changes: Mutex<Vec<Change>>,
    pub(super) reloads: AtomicUsize,
}

impl ChangeListener for Heard {
    fn changed(&self, change: &Change) {
        self.changes.lock().unwrap().push(change.clone());
    }

    fn reloaded(&self) {
        self.reloads.fetch_add(1, Ordering::SeqCst);
    }
}

pub(super) struct Node {
    pub(super) clock: Arc<MovableClock>,
    pub(super) feed: Arc<Script>,
    pub(super) heard: Arc<Heard>,
    pub(super) follower: Arc<Follower<Script>>,
}

pub(super) fn node() -> Node {
    let clock = Arc::new(MovableClock::default());
    let feed = Arc::new(Script {
        clock: Arc::clone(&clock),
        rows: Mutex::default(),
        reading: Mutex::new(Answer::Rows),
        loading: Mutex::new(Answer::Rows),
        takes: Mutex::default(),
        gate: Semaphore::new(OPEN),
        word: Notify::new(),
        reads: AtomicUsize::new(0),
        loads: AtomicUsize::new(0),
    });
    let heard = Arc::new(Heard::default());
    let follower = Follower::new(
        Arc::clone(&feed),
        Arc::new(Index::new()),
        Arc::clone(&clock) as Arc<dyn Clock>,
        FollowerConfig::default(),
    )
    .with_listener(Arc::clone(&heard) as Arc<dyn ChangeListener>);
    Node {
        clock,
        feed,
        heard,
        follower: Arc::new(follower),
    }
}

impl Node {
    pub(super) async fn loaded() -> Self {
        let node = node();
        node.follower.load().await.unwrap();
        node
    }

    /// Loaded, its loop running and past its first read.
    pub(super) async fn running() -> Self {
        let node = Self::loaded().await;
        let follower = Arc::clone(&node.follower);
        tokio::spawn(async move { follower.run(std::future::pending()).await });
        settle().await;
        node
    }

    /// Lets time pass on both clocks, in steps, so that timers follow on timers as they do in life.
    pub(super) async fn pass(&self, time: Duration) {
        let step = Duration::from_millis(10);
        let mut left = time;
        while !left.is_zero() {
            let by = step.min(left);
            left -= by;
            self.clock.advance(by);
            tokio::time::advance(by).await;
            settle().await;
        }
    }

    /// The database holds answers back until [`Node::let_through`].
    pub(super) fn hold_back(&self) {
        self.feed.gate.forget_permits(OPEN);
    }

    pub(super) fn let_through(&self) {
        self.feed.gate.add_permits(OPEN / 2);
    }

    pub(super) fn ask(&self) -> tokio::task::JoinHandle<Result<(), Stale>> {
        let follower = Arc::clone(&self.follower);
        tokio::spawn(async move { follower.ensure_fresh().await })
    }
}

/// Lets every task run until it waits.
pub(super) async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

pub(super) const SECOND: Duration = Duration::from_secs(1);
