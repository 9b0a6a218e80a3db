use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use proptest::prelude::*;
use tokio::sync::Semaphore;

use super::{
    Change, ChangeKind, ChangeListener, Feed, FeedRead, FeedSnapshot, Follower, FollowerConfig, Index,
    LaneHead, Lanes, NotAdmitted, Revoked, Stale,
};
use crate::{
    access::{Principal, RoleName},
    clock::{Clock, MovableClock, Timestamp},
    id::{SessionId, TokenId, UserId},
    store::StoreError,
};

fn uuid(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}

fn session(n: u128) -> SessionId {
    SessionId::from_uuid(uuid(n))
}

fn user(n: u128) -> UserId {
    UserId::from_uuid(uuid(n))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

fn token() -> Principal {
    Principal {
        user: user(1),
        session: session(1),
        token: TokenId::from_uuid(uuid(1)),
        roles: vec!["editor".parse().unwrap(), "viewer".parse().unwrap()],
        scopes: Vec::new(),
        narrowed: false,
        issued_at: at(0),
        expires_at: at(900),
        token_epoch: 10,
        session_epoch: 20,
        roles_epoch: 30,
    }
}

fn ended(n: u128) -> ChangeKind {
    ChangeKind::SessionEnded { session: session(n) }
}

fn epochs(n: u128, token_epoch: i64, session_epoch: i64) -> ChangeKind {
    ChangeKind::UserEpochs {
        user: user(n),
        token_epoch,
        session_epoch,
    }
}

fn edited(role: &str, roles_epoch: i64) -> ChangeKind {
    ChangeKind::RoleEdited {
        role: role.parse().unwrap(),
        roles_epoch,
    }
}

fn revoked(kid: &str) -> ChangeKind {
    ChangeKind::KeyRevoked { kid: kid.to_owned() }
}

fn change(lane: u8, n: i64, kind: ChangeKind) -> Change {
    Change {
        lane,
        n,
        tag: n + 1000,
        kind,
        at: at(0),
        until: at(i64::MAX / 1000),
    }
}

fn index(kinds: &[ChangeKind]) -> Index {
    let index = Index::new();
    index.deny(kinds, at(1000));
    index
}

// The index

#[test]
fn each_kind_of_change_voids_what_it_should_and_says_why() {
    let cases = [
        (ended(1), Err(Revoked::Session)),
        (ended(2), Ok(())),
        (epochs(1, 10, 20), Ok(())),
        (epochs(1, 11, 20), Err(Revoked::User)),
        (epochs(1, 10, 21), Err(Revoked::Sessions)),
        (epochs(1, i64::MAX, i64::MAX), Err(Revoked::Deleted)),
        (epochs(2, 11, 21), Ok(())),
        (edited("editor", 30), Ok(())),
        (edited("editor", 31), Err(Revoked::Role)),
        (edited("viewer", 31), Err(Revoked::Role)),
        (edited("admin", 31), Ok(())),
        (revoked("key"), Err(Revoked::Key)),
        (revoked("other"), Ok(())),
        (ChangeKind::KeysChanged, Ok(())),
        (ChangeKind::ProfileChanged { user: user(1) }, Ok(())),
    ];
    for (kind, expected) in cases {
        let index = index(std::slice::from_ref(&kind));
        assert_eq!(index.check(&token(), "key"), expected, "{kind:?}");
    }
}

#[test]
fn a_narrowed_token_is_voided_by_the_edit_of_any_role() {
    let mut token = token();
    token.narrowed = true;
    token.roles.clear();
    assert_eq!(index(&[edited("admin", 30)]).check(&token, "key"), Ok(()));
    assert_eq!(
        index(&[edited("admin", 31)]).check(&token, "key"),
        Err(Revoked::Role)
    );
}

#[test]
fn an_old_edit_of_one_role_is_found_behind_newer_edits_of_others() {
    let index = index(&[edited("viewer", 31), edited("admin", 99), edited("viewer", 29)]);
    assert_eq!(index.check(&token(), "key"), Err(Revoked::Role));
}

#[test]
fn an_entry_stays_until_the_latest_of_its_ends() {
    for kind in [ended(1), epochs(1, 11, 21), edited("editor", 31), revoked("key")] {
        let index = Index::new();
        for until in [at(100), at(200), at(150)] {
            index.deny(std::slice::from_ref(&kind), until);
        }
        assert_eq!(index.len(), 1);
        assert_eq!(index.purge(at(200)), 0, "{kind:?}");
        assert!(index.check(&token(), "key").is_err());
        assert_eq!(index.purge(at(201)), 1);
        assert!(index.is_empty());
        assert_eq!(index.check(&token(), "key"), Ok(()));
    }
}

/// The store was restored: tokens of now state lesser epochs than the edit that it has lost.
#[test]
fn an_edit_that_is_over_voids_no_narrowed_token_of_later() {
    let index = index(&[edited("admin", 99)]);
    let mut token = token();
    token.narrowed = true;
    assert_eq!(index.check(&token, "key"), Err(Revoked::Role));
    index.purge(at(1001));
    assert_eq!(index.check(&token, "key"), Ok(()));
}

fn any_kind() -> impl Strategy<Value = ChangeKind> {
    prop_oneof![
        (1..4u128).prop_map(ended),
        (1..3u128, 8..13i64, 18..23i64).prop_map(|(n, t, s)| epochs(n, t, s)),
        (0..3usize, 28..33i64).prop_map(|(role, n)| edited(["admin", "editor", "viewer"][role], n)),
        (0..2usize).prop_map(|key| revoked(["key", "other"][key])),
        Just(ChangeKind::KeysChanged),
    ]
}

fn any_token() -> impl Strategy<Value = Principal> {
    (
        (1..4u128, 1..3u128, any::<bool>()),
        prop::collection::vec(0..3usize, 0..3),
        (8..13i64, 18..23i64, 28..33i64),
    )
        .prop_map(|((s, u, narrowed), roles, (t, e, r))| Principal {
            session: session(s),
            user: user(u),
            roles: roles
                .into_iter()
                .map(|i| ["admin", "editor", "viewer"][i].parse::<RoleName>().unwrap())
                .collect(),
            narrowed,
            token_epoch: t,
            session_epoch: e,
            roles_epoch: r,
            ..token()
        })
}

/// The meaning of a change for one token, without an index.
fn voids(change: &ChangeKind, token: &Principal, key: &str) -> bool {
    match change {
        ChangeKind::SessionEnded { session } => *session == token.session,
        ChangeKind::UserEpochs {
            user,
            token_epoch,
            session_epoch,
        } => {
            *user == token.user && (token.token_epoch < *token_epoch || token.session_epoch < *session_epoch)
        }
        ChangeKind::RoleEdited { role, roles_epoch } => {
            token.roles_epoch < *roles_epoch && (token.narrowed || token.roles.contains(role))
        }
        ChangeKind::KeyRevoked { kid } => kid == key,
        ChangeKind::KeysChanged | ChangeKind::ProfileChanged { .. } => false,
    }
}

proptest! {
    #[test]
    fn the_index_is_the_sum_of_its_changes_in_any_order(
        kinds in prop::collection::vec(any_kind(), 0..12),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        shuffled in any::<u64>(),
        tokens in prop::collection::vec(any_token(), 1..20),
    ) {
        let mut order = kinds.clone();
        if !kinds.is_empty() {
            order.extend(again.iter().map(|i| i.get(&kinds).clone()));
            let length = order.len();
            let mut state = shuffled;
            for i in 0..length {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                order.swap(i, usize::try_from(state >> 33).unwrap() % length);
            }
        }
        let index = Index::new();
        for kind in &order {
            index.deny(std::slice::from_ref(kind), at(1000));
        }
        for token in &tokens {
            let void = kinds.iter().any(|kind| voids(kind, token, "key"));
            prop_assert_eq!(index.check(token, "key").is_err(), void, "{:?}", token);
        }
    }
}

#[test]
fn what_is_put_in_beside_a_purge_is_not_lost() {
    for round in 0..200 {
        let index = index(&[ended(1)]);
        std::thread::scope(|scope| {
            scope.spawn(|| index.purge(at(2000)));
            index.deny(&[ended(1)], at(3000));
        });
        assert_eq!(index.check(&token(), "key"), Err(Revoked::Session), "{round}");
        assert_eq!(index.purge(at(2000)), 0);
    }
}

#[tokio::test]
async fn a_watch_resolves_at_the_change_that_voids_the_token_and_not_before() {
    let index = Arc::new(Index::new());
    let watched = Arc::clone(&index);
    let mut watch = tokio::spawn(async move { watched.revoked(&token(), "key").await });
    tokio::task::yield_now().await;
    index.deny(&[ended(2), ChangeKind::KeysChanged], at(1000));
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!watch.is_finished());
    index.deny(&[epochs(1, 0, 21)], at(1000));
    assert_eq!((&mut watch).await.unwrap(), Revoked::Sessions);
    assert_eq!(index.revoked(&token(), "key").await, Revoked::Sessions);
}

#[test]
fn nothing_new_wakes_nobody() {
    let index = index(&[ended(1)]);
    let seen = index.watch();
    index.deny(&[ended(1)], at(1000));
    index.deny(&[ended(1)], at(900));
    assert!(!seen.has_changed().unwrap());
    index.deny(&[ended(1)], at(1001));
    assert!(seen.has_changed().unwrap());
}

// The follower

#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Rows,
    Rewritten,
    Down,
    /// Never.
    Hangs,
}

/// A feed that says what the test wants.
struct Script {
    clock: Arc<MovableClock>,
    rows: Mutex<Vec<Change>>,
    reading: Mutex<Answer>,
    loading: Mutex<Answer>,
    /// How long an answer takes on the clock.
    takes: Mutex<Duration>,
    /// Reads wait for a permit.
    gate: Semaphore,
    reads: AtomicUsize,
    loads: AtomicUsize,
}

const OPEN: usize = 1_000_000;

impl Script {
    fn push(&self, change: Change) {
        self.rows.lock().unwrap().push(change);
    }

    fn set(&self, reading: Answer, loading: Answer) {
        *self.reading.lock().unwrap() = reading;
        *self.loading.lock().unwrap() = loading;
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    fn heads(&self) -> Lanes {
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

    async fn answer(&self, answer: Answer) -> Result<bool, StoreError> {
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
}

#[derive(Default)]
struct Heard {
    changes: Mutex<Vec<Change>>,
    reloads: AtomicUsize,
}

impl ChangeListener for Heard {
    fn changed(&self, change: &Change) {
        self.changes.lock().unwrap().push(change.clone());
    }

    fn reloaded(&self) {
        self.reloads.fetch_add(1, Ordering::SeqCst);
    }
}

struct Node {
    clock: Arc<MovableClock>,
    feed: Arc<Script>,
    heard: Arc<Heard>,
    follower: Arc<Follower<Script>>,
}

fn node() -> Node {
    let clock = Arc::new(MovableClock::default());
    let feed = Arc::new(Script {
        clock: Arc::clone(&clock),
        rows: Mutex::default(),
        reading: Mutex::new(Answer::Rows),
        loading: Mutex::new(Answer::Rows),
        takes: Mutex::default(),
        gate: Semaphore::new(OPEN),
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
    async fn loaded() -> Self {
        let node = node();
        node.follower.load().await.unwrap();
        node
    }

    /// Loaded, its loop running and past its first read.
    async fn running() -> Self {
        let node = Self::loaded().await;
        let follower = Arc::clone(&node.follower);
        tokio::spawn(async move { follower.run(std::future::pending()).await });
        settle().await;
        node
    }

    /// Lets time pass on both clocks, in steps, so that timers follow on timers as they do in life.
    async fn pass(&self, time: Duration) {
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
    fn hold_back(&self) {
        self.feed.gate.forget_permits(OPEN);
    }

    fn let_through(&self) {
        self.feed.gate.add_permits(OPEN / 2);
    }

    fn ask(&self) -> tokio::task::JoinHandle<Result<(), Stale>> {
        let follower = Arc::clone(&self.follower);
        tokio::spawn(async move { follower.ensure_fresh().await })
    }
}

/// Lets every task run until it waits.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn nothing_is_believed_before_the_feed_is_loaded() {
    let node = node();
    assert_eq!(node.follower.staleness(), Duration::MAX);
    assert!(!node.follower.is_loaded());
    assert_eq!(node.follower.ensure_fresh().await, Err(Stale));
    node.feed.set(Answer::Rows, Answer::Down);
    assert!(node.follower.load().await.is_err());
    assert_eq!(node.follower.ensure_fresh().await, Err(Stale));
    node.feed.push(change(3, 7, ended(1)));
    node.feed.set(Answer::Rows, Answer::Rows);
    node.follower.load().await.unwrap();
    assert!(node.follower.is_loaded());
    assert_eq!(node.follower.ensure_fresh().await, Ok(()));
    assert_eq!(
        node.follower.admit(&token(), "key").await,
        Err(NotAdmitted::Revoked(Revoked::Session))
    );
    // Whatever a listener had read before this load may be older than the load.
    assert_eq!(node.heard.reloads.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn the_lease_counts_from_the_start_of_the_read_and_not_from_its_end() {
    let node = node();
    *node.feed.takes.lock().unwrap() = 3 * SECOND;
    node.follower.load().await.unwrap();
    assert_eq!(node.follower.staleness(), 3 * SECOND);
    node.clock.advance(Duration::from_millis(1999));
    assert_eq!(node.follower.ensure_fresh().await, Ok(()));
    node.clock.advance(Duration::from_millis(1));
    assert_eq!(node.follower.ensure_fresh().await, Err(Stale));
    node.follower.read().await.unwrap();
    assert_eq!(node.follower.staleness(), 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_step_of_the_wall_clock_neither_ends_nor_stretches_the_lease() {
    let node = Node::loaded().await;
    node.clock.step(3_600_000);
    assert_eq!(node.follower.ensure_fresh().await, Ok(()));
    node.clock.advance(5 * SECOND);
    node.clock.step(-7_200_000);
    assert_eq!(node.follower.ensure_fresh().await, Err(Stale));
}

#[tokio::test(start_paused = true)]
async fn all_requests_past_the_lease_share_one_read() {
    let node = Node::running().await;
    node.pass(Duration::from_millis(600)).await;
    node.hold_back();
    let before = node.feed.reads();
    node.clock.advance(60 * SECOND);
    let asked: Vec<_> = (0..1000).map(|_| node.ask()).collect();
    // Beyond the spacing of reads, within the wait.
    node.pass(Duration::from_millis(100)).await;
    assert_eq!(node.feed.reads(), before + 1);
    assert!(asked.iter().all(|request| !request.is_finished()));
    node.let_through();
    for request in asked {
        assert_eq!(request.await.unwrap(), Ok(()));
    }
    assert_eq!(node.feed.reads(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_fails_refuses_all_that_waited_for_it() {
    let node = Node::running().await;
    node.feed.set(Answer::Down, Answer::Down);
    node.clock.advance(60 * SECOND);
    let asked: Vec<_> = (0..100).map(|_| node.ask()).collect();
    node.pass(Duration::from_millis(100)).await;
    assert!(
        asked.iter().all(tokio::task::JoinHandle::is_finished),
        "none waits longer"
    );
    for request in asked {
        assert_eq!(request.await.unwrap(), Err(Stale));
    }
    assert_eq!(
        node.follower.admit(&token(), "key").await,
        Err(NotAdmitted::Stale(Stale))
    );
    node.feed.set(Answer::Rows, Answer::Rows);
    assert_eq!(node.follower.ensure_fresh().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_database_that_hangs_costs_a_request_the_wait_and_no_more() {
    let node = Node::running().await;
    node.feed.set(Answer::Hangs, Answer::Hangs);
    node.pass(6 * SECOND).await;
    let asked = node.ask();
    node.pass(Duration::from_millis(480)).await;
    assert!(!asked.is_finished());
    node.pass(Duration::from_millis(40)).await;
    assert!(asked.is_finished());
    assert_eq!(asked.await.unwrap(), Err(Stale));
    // The loop does not hang with it.
    node.feed.set(Answer::Rows, Answer::Rows);
    for _ in 0..6 {
        node.pass(SECOND).await;
    }
    assert_eq!(node.follower.ensure_fresh().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_database_that_fails_fast_is_not_asked_in_a_tight_loop() {
    let node = Node::running().await;
    node.feed.set(Answer::Down, Answer::Down);
    node.pass(60 * SECOND).await;
    let before = node.feed.reads();
    for _ in 0..100 {
        for _ in 0..20 {
            node.ask();
        }
        node.pass(Duration::from_millis(10)).await;
    }
    let reads = node.feed.reads() - before;
    assert!(
        (2..=21).contains(&reads),
        "{reads} reads in a second for 2000 requests"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_goes_away_takes_nobody_s_read_with_it() {
    let node = Node::running().await;
    node.hold_back();
    node.clock.advance(60 * SECOND);
    let first = node.ask();
    node.pass(Duration::from_millis(100)).await;
    let second = node.ask();
    settle().await;
    first.abort();
    settle().await;
    let reads = node.feed.reads();
    node.let_through();
    assert_eq!(second.await.unwrap(), Ok(()));
    assert_eq!(node.feed.reads(), reads);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_began_too_long_ago_lets_nobody_in_but_the_next_does() {
    let node = Node::running().await;
    node.hold_back();
    node.pass(Duration::from_millis(600)).await;
    let before = node.feed.reads();
    // The read hangs, and the machine sleeps meanwhile.
    node.clock.advance(60 * SECOND);
    let asked = node.ask();
    settle().await;
    node.let_through();
    node.pass(Duration::from_millis(100)).await;
    assert_eq!(asked.await.unwrap(), Ok(()));
    assert_eq!(node.feed.reads(), before + 1);
    assert!(node.follower.staleness() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn changes_of_others_are_heard_of_by_polling_and_at_once_when_woken() {
    let node = Node::running().await;
    node.feed.push(change(0, 1, ended(2)));
    node.pass(Duration::from_millis(480)).await;
    assert_eq!(node.follower.index().len(), 0);
    node.pass(Duration::from_millis(40)).await;
    assert_eq!(node.follower.index().len(), 1);
    node.feed.push(change(0, 2, ended(1)));
    node.pass(Duration::from_millis(60)).await;
    assert_eq!(node.follower.index().len(), 1);
    node.follower.wake();
    settle().await;
    assert_eq!(
        node.follower.admit(&token(), "key").await,
        Err(NotAdmitted::Revoked(Revoked::Session))
    );
    let heard: Vec<i64> = node.heard.changes.lock().unwrap().iter().map(|c| c.n).collect();
    assert_eq!(heard, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_local_act_is_in_force_at_once_and_harmless_when_it_comes_again() {
    let node = Node::loaded().await;
    let done = change(5, 1, ended(1));
    node.feed.push(done.clone());
    node.follower.applied(std::slice::from_ref(&done));
    assert_eq!(
        node.follower.index().check(&token(), "key"),
        Err(Revoked::Session)
    );
    assert_eq!(*node.heard.changes.lock().unwrap(), std::slice::from_ref(&done));
    node.follower.read().await.unwrap();
    assert_eq!(node.follower.index().len(), 1);
    assert_eq!(*node.heard.changes.lock().unwrap(), [done.clone(), done]);
}

#[tokio::test(start_paused = true)]
async fn a_rewritten_history_is_loaded_before_the_lease_is_renewed() {
    let node = Node::loaded().await;
    node.follower.applied(&[change(0, 1, ended(1))]);
    node.feed.push(change(0, 1, ended(2)));
    node.feed.set(Answer::Rewritten, Answer::Down);
    node.clock.advance(SECOND);
    assert!(node.follower.read().await.is_err());
    assert_eq!(node.follower.staleness(), SECOND);
    // Now the load works, though reading on would say no more that something is wrong.
    node.feed.set(Answer::Rows, Answer::Rows);
    let reads = node.feed.reads();
    node.follower.read().await.unwrap();
    assert_eq!(
        (node.feed.reads(), node.feed.loads()),
        (reads, 3),
        "it loaded, and did not read on"
    );
    assert_eq!(node.follower.staleness(), Duration::ZERO);
    // What was acknowledged here stays in force, though the store lost it.
    assert_eq!(node.follower.index().len(), 2);
    assert_eq!(node.heard.reloads.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_gap_in_a_lane_is_no_good_read() {
    for hole in [
        vec![change(0, 2, ended(2))],
        vec![change(0, 1, ended(2)), change(0, 3, ended(3))],
        vec![change(16, 1, ended(2))],
    ] {
        let node = Node::loaded().await;
        node.feed.set(Answer::Rows, Answer::Down);
        if hole[0].lane == 16 {
            // A lane that there is not: the position cannot say that it was read.
            assert!(
                super::follower::continued(
                    &Lanes::default(),
                    FeedRead::Continued {
                        lanes: Lanes::default(),
                        changes: hole,
                    }
                )
                .is_none()
            );
            continue;
        }
        for row in hole {
            node.feed.push(row);
        }
        node.clock.advance(SECOND);
        assert!(node.follower.read().await.is_err());
        assert_eq!(node.follower.staleness(), SECOND);
        node.feed.set(Answer::Rows, Answer::Rows);
        node.follower.read().await.unwrap();
        assert_eq!(node.follower.staleness(), Duration::ZERO);
    }
}

#[test]
fn a_position_beyond_the_rows_that_came_is_no_good_read() {
    let mut lanes = Lanes::default();
    lanes[4] = LaneHead { n: 1, tag: 1001 };
    let read = |lanes, changes| {
        super::follower::continued(&Lanes::default(), FeedRead::Continued { lanes, changes }).is_some()
    };
    assert!(!read(lanes, Vec::new()));
    assert!(read(lanes, vec![change(4, 1, ended(1))]));
    assert!(!read(Lanes::default(), vec![change(4, 1, ended(1))]));
}

#[tokio::test(start_paused = true)]
async fn entries_are_purged_when_their_time_is_over() {
    let node = Node::running().await;
    let mut short = change(0, 1, ended(1));
    short.until = node.clock.now() + 30 * SECOND;
    node.follower.applied(&[short]);
    node.follower.applied(&[change(1, 1, ended(2))]);
    node.clock.advance(59 * SECOND);
    node.follower.purge_if_due().await;
    assert_eq!(node.follower.index().len(), 2);
    node.clock.advance(SECOND);
    node.follower.purge_if_due().await;
    assert_eq!(node.follower.index().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_fast_clock_sorted_out_comes_back_when_it_is_set_right() {
    let node = Node::loaded().await;
    let mut done = change(0, 1, ended(1));
    done.until = node.clock.now() + 900 * SECOND;
    node.feed.push(done.clone());
    node.follower.read().await.unwrap();
    node.clock.step(3_600_000);
    node.clock.advance(60 * SECOND);
    node.follower.read().await.unwrap();
    node.follower.purge_if_due().await;
    assert_eq!(node.follower.index().check(&token(), "key"), Ok(()));
    node.clock.step(-3_600_000);
    node.follower.read().await.unwrap();
    assert_eq!(
        node.follower.index().check(&token(), "key"),
        Err(Revoked::Session)
    );
}

#[tokio::test(start_paused = true)]
async fn the_loop_ends_when_told_to_even_in_the_middle_of_a_read() {
    let node = Node::loaded().await;
    node.feed.set(Answer::Hangs, Answer::Hangs);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let follower = Arc::clone(&node.follower);
    let running = tokio::spawn(async move {
        follower
            .run(async {
                let _ = stopped.await;
            })
            .await;
    });
    settle().await;
    assert!(!running.is_finished());
    stop.send(()).unwrap();
    settle().await;
    assert!(running.is_finished());
}

#[tokio::test(start_paused = true)]
async fn the_loop_loads_what_could_not_be_loaded_at_the_start() {
    let node = node();
    node.feed.set(Answer::Rows, Answer::Down);
    assert!(node.follower.load().await.is_err());
    let follower = Arc::clone(&node.follower);
    tokio::spawn(async move { follower.run(std::future::pending()).await });
    node.pass(SECOND).await;
    node.feed.set(Answer::Rows, Answer::Rows);
    assert_eq!(node.follower.ensure_fresh().await, Ok(()));
    assert!(node.follower.is_loaded());
}
