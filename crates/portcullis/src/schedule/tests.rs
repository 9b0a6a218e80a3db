use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use portcullis_core::{
    clock::{MovableClock, Timestamp},
    store::StoreError,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use super::{turn::Record, *};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Runs and reports of what was missed, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// `03:00:00`
fn hms(at: Timestamp) -> String {
    at.to_string()[11..19].to_owned()
}

/// A schedule that notes when it runs and what it missed.
fn noting(cron: &str, log: &Log, clock: Arc<dyn Clock>) -> Schedule {
    let (ran, missed) = (log.clone(), log.clone());
    let at = Arc::clone(&clock);
    schedule(cron, move || {
        ran.note(format!("ran {}", hms(at.now())));
        async {}
    })
    .unwrap()
    .clock(clock)
    .on_missed(move |found| {
        let (first, last) = (hms(found.first), hms(found.last));
        missed.note(format!("missed {first} to {last} {:?}", found.reason));
    })
}

/// Midnight, 2026-01-01.
fn clock() -> Arc<MovableClock> {
    Arc::default()
}

fn runner(schedule: Schedule) -> Runner {
    Runner::new(schedule)
}

/// Follows tokio's time, which a test can pause.
struct TokioClock(Instant);

impl TokioClock {
    #[expect(clippy::disallowed_methods, reason = "a clock of tests")]
    fn new() -> Arc<Self> {
        Arc::new(Self(Instant::now()))
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        clock().now() + self.0.elapsed()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

mod alone {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_runs_at_its_times_until_it_is_stopped() {
        let log = Log::default();
        let running = noting("*/20 * * * * *", &log, TokioClock::new()).start();
        sleep(Duration::from_secs(61)).await;
        running.stop().await;
        sleep(HOUR).await;
        assert_eq!(log.take(), ["ran 00:00:20", "ran 00:00:40", "ran 00:01:00"]);
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_when_nobody_holds_it() {
        let log = Log::default();
        drop(noting("0 0 3 * * *", &log, TokioClock::new()).start());
        sleep(HOUR * 50).await;
        assert_eq!(log.take(), ["ran 03:00:00", "ran 03:00:00"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_under_way_is_finished_when_it_is_stopped() {
        let log = Log::default();
        let (clock, ran) = (TokioClock::new(), log.clone());
        let running = schedule("0 * * * * *", move || {
            let ran = ran.clone();
            async move {
                ran.note("begun");
                sleep(SECOND * 10).await;
                ran.note("finished");
            }
        })
        .unwrap()
        .clock(clock)
        .start();
        sleep(SECOND * 65).await;
        assert_eq!(log.take(), ["begun"]);
        running.stop().await;
        assert_eq!(log.take(), ["finished"]);
    }

    #[tokio::test(start_paused = true)]
    async fn runs_do_not_overlap_and_what_falls_between_is_missed() {
        let log = Log::default();
        let (clock, under_way, most) = (
            TokioClock::new(),
            Arc::<AtomicU32>::default(),
            Arc::<AtomicU32>::default(),
        );
        let (ran, count) = (log.clone(), Arc::clone(&most));
        let at = Arc::clone(&clock);
        let running = noting("*/10 * * * * *", &log, Arc::clone(&clock) as _);
        let running = Schedule {
            job: job::boxed(move || {
                ran.note(format!("ran {}", hms(at.now())));
                count.fetch_max(under_way.fetch_add(1, SeqCst) + 1, SeqCst);
                let under_way = Arc::clone(&under_way);
                async move {
                    sleep(SECOND * 35).await;
                    under_way.fetch_sub(1, SeqCst);
                }
            }),
            ..running
        }
        .start();
        sleep(SECOND * 50).await;
        running.stop().await;
        assert_eq!(
            log.take(),
            [
                "ran 00:00:10",
                "missed 00:00:20 to 00:00:30 NotBegun",
                "ran 00:00:45"
            ]
        );
        assert_eq!(most.load(SeqCst), 1);
    }

    #[tokio::test]
    async fn a_late_run_begins_within_a_minute_or_is_missed() {
        let (log, clock) = (Log::default(), clock());
        let mut runner = runner(noting("0 0 * * * *", &log, clock.clone()));
        assert_eq!(
            runner.look().await,
            Duration::from_secs(30),
            "looks at the clock now and then"
        );
        clock.advance(MINUTE * 59 + SECOND * 59);
        assert_eq!(runner.look().await, SECOND);
        clock.advance(SECOND + MINUTE);
        runner.look().await;
        assert_eq!(log.take(), ["ran 01:01:00"]);
        clock.advance(HOUR + Duration::from_millis(1));
        runner.look().await;
        assert_eq!(log.take(), ["missed 02:00:00 to 02:00:00 NotBegun"]);
        // The machine slept.
        clock.advance(HOUR * 4 + MINUTE * 59 + SECOND * 59);
        runner.look().await;
        assert_eq!(
            log.take(),
            ["missed 03:00:00 to 06:00:00 NotBegun", "ran 07:00:59"]
        );
        runner.look().await;
        assert_eq!(log.take(), [""; 0]);
    }

    #[tokio::test]
    async fn a_clock_that_goes_back_repeats_nothing() {
        let (log, clock) = (Log::default(), clock());
        let mut runner = runner(noting("0 0 * * * *", &log, clock.clone()));
        clock.advance(HOUR);
        runner.look().await;
        clock.step(-600_000);
        for _ in 0..20 {
            runner.look().await;
            clock.advance(MINUTE);
        }
        assert_eq!(log.take(), ["ran 01:00:00"]);
    }

    #[tokio::test]
    async fn a_clock_that_was_far_ahead_does_not_stop_it() {
        let (log, clock) = (Log::default(), clock());
        clock.step(86_400_000 * 365);
        let mut runner = runner(noting("0 0 * * * *", &log, clock.clone()));
        runner.look().await;
        clock.step(-86_400_000 * 365);
        runner.look().await;
        clock.advance(HOUR);
        runner.look().await;
        assert_eq!(log.take(), ["ran 01:00:00"]);
    }

    #[tokio::test]
    async fn whatever_a_job_does_the_next_run_comes() {
        let clock = clock();
        let runs = Arc::<AtomicU32>::default();
        let count = Arc::clone(&runs);
        let schedule = schedule("0 0 * * * *", move || {
            let run = count.fetch_add(1, SeqCst);
            assert_ne!(run, 0, "before there is a future");
            async move {
                assert_ne!(run, 1, "in the future");
                if run == 2 { Err("fails") } else { Ok(()) }
            }
        });
        let schedule = schedule
            .unwrap()
            .clock(clock.clone())
            .on_missed(|_| panic!("in a test"));
        let mut runner = runner(schedule);
        for expected in 1..=5 {
            // The third hour is missed.
            clock.advance(if expected == 3 { HOUR * 2 } else { HOUR });
            runner.look().await;
            assert_eq!(runs.load(SeqCst), expected);
        }
    }
}

/// What nodes have in common, in memory.
#[derive(Default)]
struct Shared {
    lease: Mutex<Option<(String, Timestamp)>>,
    record: Mutex<Option<Record>>,
    down: AtomicBool,
}

impl Shared {
    fn up(&self) -> Result<(), StoreError> {
        if self.down.load(SeqCst) {
            return Err(StoreError::unavailable("down"));
        }
        Ok(())
    }
}

struct Node(Arc<Shared>, String);

#[async_trait]
impl Turn for Node {
    async fn take(&self, now: Timestamp, until: Timestamp) -> Result<bool, StoreError> {
        self.0.up()?;
        let mut lease = self.0.lease.lock().unwrap();
        let free = lease
            .as_ref()
            .is_none_or(|(holder, held)| *holder == self.1 || *held <= now);
        if free {
            *lease = Some((self.1.clone(), until));
        }
        Ok(free)
    }

    async fn record(&self) -> Result<Option<Record>, StoreError> {
        self.0.up()?;
        Ok(*self.0.record.lock().unwrap())
    }

    async fn set_record(&self, record: Record) -> Result<(), StoreError> {
        self.0.up()?;
        *self.0.record.lock().unwrap() = Some(record);
        Ok(())
    }
}

fn on(shared: &Arc<Shared>, node: &str, schedule: Schedule) -> Schedule {
    Schedule {
        turn: Some(Box::new(Node(Arc::clone(shared), node.to_owned()))),
        ..schedule
    }
}

mod among_nodes {
    use super::*;

    /// Nodes with a log in common, each of which runs hourly.
    struct World {
        shared: Arc<Shared>,
        log: Log,
        clock: Arc<MovableClock>,
    }

    impl World {
        fn new() -> Self {
            Self {
                shared: Arc::default(),
                log: Log::default(),
                clock: clock(),
            }
        }

        fn node(&self, name: &str) -> Runner {
            let schedule = noting("0 0 * * * *", &self.log, self.clock.clone());
            runner(on(&self.shared, name, schedule))
        }
    }

    #[tokio::test]
    async fn each_run_is_done_by_one() {
        let world = World::new();
        let mut nodes = ["a", "b", "c"].map(|name| world.node(name));
        for hour in 1..4 {
            for node in &mut nodes {
                node.look().await;
            }
            world.clock.advance(HOUR);
            let [a, b, c] = &mut nodes;
            tokio::join!(a.look(), b.look(), c.look());
            nodes.rotate_left(1);
            assert_eq!(world.log.take(), [format!("ran 0{hour}:00:00")]);
        }
    }

    #[tokio::test]
    async fn a_first_start_misses_nothing_and_a_later_one_tells_what_nobody_did() {
        let world = World::new();
        world.clock.advance(MINUTE * 90);
        let mut node = world.node("a");
        node.look().await;
        assert_eq!(world.log.take(), [""; 0]);
        world.clock.advance(MINUTE * 30);
        node.look().await;
        assert_eq!(world.log.take(), ["ran 02:00:00"]);
        drop(node);

        world.clock.advance(HOUR * 3 + MINUTE * 10);
        let (mut a, mut b) = (world.node("a"), world.node("b"));
        a.look().await;
        b.look().await;
        assert_eq!(world.log.take(), ["missed 03:00:00 to 05:00:00 NotBegun"]);
        // One that is restarted at the very time takes the run over.
        world.clock.advance(MINUTE * 50 + SECOND);
        world.node("c").look().await;
        a.look().await;
        assert_eq!(world.log.take(), ["ran 06:00:01"]);
    }

    #[tokio::test]
    async fn the_first_time_of_all_is_run() {
        let world = World::new();
        world.shared.down.store(true, SeqCst);
        let mut node = world.node("a");
        assert_eq!(node.look().await, SECOND * 5);
        world.shared.down.store(false, SeqCst);
        world.clock.advance(HOUR);
        node.look().await;
        assert_eq!(world.log.take(), ["ran 01:00:00"]);
    }

    #[tokio::test]
    async fn a_node_that_dies_at_work_is_found_out() {
        let world = World::new();
        let mut survivor = world.node("b");
        survivor.look().await;
        world.clock.advance(HOUR);
        // As one that took its turn and was killed in the middle.
        let now = world.clock.now();
        let dead = Node(Arc::clone(&world.shared), "a".to_owned());
        assert!(dead.take(now, now + SECOND * 120).await.unwrap());
        let record = Record {
            due: now,
            finished: false,
        };
        dead.set_record(record).await.unwrap();

        survivor.look().await;
        assert_eq!(world.log.take(), [""; 0], "it may still be at work");
        world.clock.advance(HOUR);
        survivor.look().await;
        assert_eq!(
            world.log.take(),
            ["missed 01:00:00 to 01:00:00 NotFinished", "ran 02:00:00"]
        );
    }

    #[tokio::test]
    async fn a_node_that_dies_before_its_work_loses_one_run_at_most() {
        let world = World::new();
        let mut survivor = world.node("b");
        survivor.look().await;
        world.clock.advance(HOUR);
        let now = world.clock.now();
        let dead = Node(Arc::clone(&world.shared), "a".to_owned());
        assert!(dead.take(now, now + SECOND * 120).await.unwrap());

        assert_eq!(survivor.look().await, SECOND * 5, "tries again");
        world.clock.advance(MINUTE * 2);
        survivor.look().await;
        world.clock.advance(MINUTE * 58);
        survivor.look().await;
        assert_eq!(
            world.log.take(),
            ["missed 01:00:00 to 01:00:00 NotBegun", "ran 02:00:00"]
        );
    }

    #[tokio::test]
    async fn without_the_store_nothing_runs_and_it_is_made_up_for_within_a_minute() {
        let world = World::new();
        let mut node = world.node("a");
        node.look().await;
        let down = &world.shared.down;
        for (minutes, expected) in [(0, "ran 01:00:00"), (1, "ran 02:01:00")] {
            world.clock.advance(HOUR);
            down.store(true, SeqCst);
            assert_eq!(node.look().await, SECOND * 5);
            assert_eq!(world.log.take(), [""; 0]);
            world.clock.advance(MINUTE * minutes);
            down.store(false, SeqCst);
            node.look().await;
            assert_eq!(world.log.take(), [expected]);
        }
        world.clock.advance(MINUTE * 59);
        down.store(true, SeqCst);
        node.look().await;
        world.clock.advance(MINUTE + SECOND);
        down.store(false, SeqCst);
        node.look().await;
        assert_eq!(world.log.take(), ["missed 03:00:00 to 03:00:00 NotBegun"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_run_keeps_the_turn() {
        let (shared, log, clock) = (Arc::<Shared>::default(), Log::default(), TokioClock::new());
        let end = Arc::new(Notify::new());
        let node = |name: &'static str| {
            let (ran, end) = (log.clone(), Arc::clone(&end));
            let schedule = noting("0 */10 * * * *", &log, clock.clone());
            let job = job::boxed(move || {
                ran.note(format!("{name} begun"));
                let (ran, end) = (ran.clone(), Arc::clone(&end));
                async move {
                    end.notified().await;
                    ran.note(format!("{name} finished"));
                }
            });
            on(&shared, name, Schedule { job, ..schedule }).start()
        };
        let a = node("a");
        sleep(SECOND).await;
        let b = node("b");
        sleep(MINUTE * 10).await;
        let first = log.take();
        assert!(
            matches!(first.as_slice(), [begun] if begun.ends_with("begun")),
            "{first:?}"
        );
        // Through three times, of which none begins.
        sleep(MINUTE * 25).await;
        assert_eq!(log.take(), [""; 0]);
        end.notify_one();
        sleep(SECOND).await;
        let then = log.take();
        assert!(then[0].ends_with("finished"), "{then:?}");
        assert_eq!(then[1..], ["missed 00:20:00 to 00:30:00 NotBegun"]);
        end.notify_waiters();
        end.notify_one();
        tokio::join!(a.stop(), b.stop());
    }

    #[tokio::test]
    async fn a_record_from_far_ahead_does_not_stop_it() {
        let world = World::new();
        let mut node = world.node("a");
        node.look().await;
        *world.shared.record.lock().unwrap() = Some(Record {
            due: world.clock.now() + HOUR * 24 * 365,
            finished: true,
        });
        world.clock.advance(HOUR);
        node.look().await;
        assert_eq!(world.log.take(), ["ran 01:00:00"]);
    }
}

/// The real thing. What PostgreSQL does with leases is a matter of the store's own tests.
#[cfg(feature = "sqlite")]
mod in_a_store {
    use portcullis_core::store::Store as _;
    use portcullis_store::{Database, DatabaseOptions};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn nodes_share_leases_and_records() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("p.db").display());
        let (log, clock) = (Log::default(), clock());
        let mut nodes = Vec::new();
        for _ in 0..3 {
            let database = Database::open(&DatabaseOptions::new(url.clone())).await.unwrap();
            let schedule =
                noting("0 0 * * * *", &log, clock.clone()).on_one_node(Arc::new(database), "hourly");
            nodes.push(runner(schedule));
        }
        for hour in 1..4 {
            for node in &mut nodes {
                node.look().await;
            }
            assert_eq!(log.take(), [""; 0]);
            clock.advance(HOUR);
            let tasks: Vec<_> = nodes
                .drain(..)
                .map(|mut node| {
                    tokio::spawn(async move {
                        node.look().await;
                        node
                    })
                })
                .collect();
            for task in tasks {
                nodes.push(task.await.unwrap());
            }
            assert_eq!(log.take(), [format!("ran 0{hour}:00:00")]);
        }
        // A schedule of another name has a turn of its own.
        let database = Database::open(&DatabaseOptions::new(url)).await.unwrap();
        database.set_meta("schedule other", "garbage").await.unwrap();
        let other = noting("0 0 * * * *", &log, clock.clone()).on_one_node(Arc::new(database), "other");
        assert_eq!(
            runner(other).look().await,
            SECOND * 5,
            "a record that is none is an error"
        );
    }

    #[test]
    fn a_record_is_read_as_it_is_written() {
        for finished in [true, false] {
            let record = Record {
                due: clock().now(),
                finished,
            };
            assert_eq!(turn::parse(&turn::write(record)), Some(record));
        }
        for garbage in ["", "1", "x finished", "1 x", "1 finished ", "1  finished"] {
            assert_eq!(turn::parse(garbage), None, "{garbage:?}");
        }
    }
}
