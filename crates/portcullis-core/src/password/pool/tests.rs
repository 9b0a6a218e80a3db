use std::collections::HashSet;

use crossbeam_channel::Receiver as Gate;
use tokio::task::JoinHandle;

use super::{
    place::Place,
    worker::{Done, Work},
    *,
};
use crate::{
    clock::MovableClock,
    key::MasterKey,
    password::{HashFormatError, Password, StoredHash, compute::Memory, needs_rehash, recipe::Recipe},
    rng::SystemRng,
};

struct Bench {
    pool: HashPool,
    clock: Arc<MovableClock>,
}

fn config(threads: usize, queue: usize) -> HashPoolConfig {
    HashPoolConfig {
        threads,
        queue,
        params: Argon2Params::weak_for_tests(),
        ..HashPoolConfig::default()
    }
}

fn vault() -> Vault {
    Vault::new(&MasterKey::from_hex(&"5a".repeat(32)).unwrap())
}

fn bench(config: HashPoolConfig) -> Bench {
    let clock = Arc::new(MovableClock::default());
    let pool = HashPool::start(config, Arc::clone(&clock) as _, Arc::new(SystemRng), &vault()).unwrap();
    Bench { pool, clock }
}

fn from(address: &str) -> JobClass {
    JobClass::General {
        address: Some(address.parse().unwrap()),
    }
}

/// Another address each time.
fn stranger(number: u32) -> JobClass {
    JobClass::General {
        address: Some(IpAddr::V4((0x0a00_0000 + number).into())),
    }
}

/// Waits for other threads until it is so.
async fn until(what: impl Fn() -> bool) {
    while !what() {
        tokio::task::yield_now().await;
    }
}

impl Bench {
    /// A job that does `act`, as if it were a hash by our parameters.
    fn job(
        &self,
        class: JobClass,
        act: impl FnOnce(&mut Memory) -> Done + Send + 'static,
    ) -> JoinHandle<Result<Done, HashError>> {
        let permit = self.pool.admit(class).unwrap();
        let recipe = self.pool.params().into();
        tokio::spawn(async move {
            let work = Work::Test(recipe, Box::new(act));
            permit.run(work, Password::new("")).await
        })
    }

    /// A job that lasts until the sender is dropped; a thread has begun with it.
    async fn blocked(&self) -> (JoinHandle<Result<Done, HashError>>, Sender<()>) {
        let (release, gate): (_, Gate<()>) = crossbeam_channel::bounded(0);
        let before = self.pool.stats().running;
        let job = self.job(JobClass::Reserved, move |_| {
            let _ = gate.recv();
            Done::Checked(true)
        });
        until(|| self.pool.stats().running > before).await;
        (job, release)
    }

    /// Teaches the pool that a job takes so long.
    async fn teach(&self, time: Duration) {
        for _ in 0..60 {
            let clock = Arc::clone(&self.clock);
            let job = self.job(JobClass::Reserved, move |_| {
                clock.advance(time);
                Done::Checked(true)
            });
            assert!(job.await.unwrap().is_ok());
        }
        let learnt = self.pool.stats().estimate;
        assert!(learnt.abs_diff(time) < time / 20, "{learnt:?}");
    }
}

#[tokio::test]
async fn a_password_is_hashed_checked_and_hashed_anew() {
    let Bench { pool, .. } = bench(config(2, 16));
    let password = Password::new("correct horse");
    let hash = pool
        .admit(JobClass::Reserved)
        .unwrap()
        .hash(password.clone())
        .await
        .unwrap();
    assert_eq!(hash.kind(), "$argon2id$v=19$m=64,t=1,p=1");
    let again = pool
        .admit(JobClass::Reserved)
        .unwrap()
        .hash(password.clone())
        .await
        .unwrap();
    assert_ne!(hash.expose(), again.expose(), "salted");

    let permit = pool.admit(from("192.0.2.1")).unwrap();
    let verdict = permit
        .verify(password.clone(), Target::Stored(hash.clone()))
        .await
        .unwrap();
    assert!(verdict.matches && !verdict.rehash && verdict.problem.is_none());
    let wrong = verdict
        .permit
        .verify(Password::new("wrong horse"), Target::Stored(hash))
        .await
        .unwrap();
    assert!(!wrong.matches && !wrong.rehash);

    // One admission carries a check and the hash that replaces the old one.
    let imported = "$2b$04$CU1IhfQp55Wgzw3/eacXce.zKKKu9CePRE8ChFwOyDiYYOp2HRQLy";
    let imported = StoredHash::parse(imported).unwrap();
    let wrong = wrong
        .permit
        .verify(Password::new("abd"), Target::Stored(imported.clone()))
        .await
        .unwrap();
    assert!(
        !wrong.matches && !wrong.rehash,
        "only whoever knows the password may replace its hash"
    );
    let verdict = wrong
        .permit
        .verify(Password::new("abc"), Target::Stored(imported))
        .await
        .unwrap();
    assert!(verdict.matches && verdict.rehash);
    assert_eq!(pool.stats().held, 1);
    let better = verdict.permit.hash(Password::new("abc")).await.unwrap();
    assert!(!needs_rehash(&better, &pool.params()));
    assert_eq!((pool.stats().held, pool.stats().completed), (0, 7));
}

#[tokio::test]
async fn a_hash_that_cannot_be_read_never_matches_and_says_so() {
    let Bench { pool, .. } = bench(config(1, 4));
    let permit = pool.admit(JobClass::Reserved).unwrap();
    let broken = StoredHash::from_stored("password".to_owned());
    let verdict = permit
        .verify(Password::new("password"), Target::Stored(broken))
        .await
        .unwrap();
    assert!(!verdict.matches && !verdict.rehash);
    assert_eq!(verdict.problem, Some(HashFormatError::Unknown));
    assert_eq!(pool.stats().completed, 1, "it took the time of a check");
}

#[tokio::test]
async fn a_dummy_does_the_work_and_never_matches() {
    let dummy = || Target::Dummy {
        identifier: "nobody@example.com".to_owned(),
    };
    for (on, jobs) in [(true, 1), (false, 0)] {
        let Bench { pool, .. } = bench(HashPoolConfig {
            dummy: on,
            ..config(1, 4)
        });
        let permit = pool.admit(JobClass::Reserved).unwrap();
        let verdict = permit.verify(Password::new("any"), dummy()).await.unwrap();
        assert!(!verdict.matches && !verdict.rehash && verdict.problem.is_none());
        assert_eq!(pool.stats().completed, jobs);
    }
}

#[tokio::test]
async fn dummies_copy_what_is_stored_and_stay_the_same_for_an_identifier() {
    let Bench { pool, .. } = bench(config(1, 4));
    let kind = |pool: &HashPool, n: u32| {
        let target = Target::Dummy {
            identifier: format!("{n}@example.com"),
        };
        pool.target(&target).0.recipe
    };
    assert_eq!(kind(&pool, 1), pool.params().into());
    pool.set_population(&[
        ("$2b$10".to_owned(), 30),
        ("$argon2id$v=19$m=64,t=1,p=1".to_owned(), 70),
    ]);
    let bcrypt = Recipe::parse("$2b$10").unwrap();
    let of_bcrypt = (0..2_000).filter(|n| kind(&pool, *n) == bcrypt).count();
    // Five standard deviations around 600.
    assert!((498..=702).contains(&of_bcrypt), "{of_bcrypt}");
    let again = HashPool::start(
        config(1, 4),
        Arc::new(MovableClock::default()),
        Arc::new(SystemRng),
        &vault(),
    );
    let again = again.unwrap();
    again.set_population(&[
        ("$argon2id$v=19$m=64,t=1,p=1".to_owned(), 70),
        ("$2b$10".to_owned(), 30),
    ]);
    assert!(
        (0..2_000).all(|n| kind(&pool, n) == kind(&again, n)),
        "also after a restart"
    );
    pool.set_population(&[]);
    assert!((0..100).all(|n| kind(&pool, n) == pool.params().into()));
}

#[tokio::test]
async fn one_address_holds_a_quarter_at_most() {
    let Bench { pool, .. } = bench(config(1, 16));
    let permits: Vec<_> = (0..4).map(|_| pool.admit(from("192.0.2.1")).unwrap()).collect();
    assert_eq!(
        pool.admit(from("192.0.2.1")).unwrap_err().retry_after,
        Duration::from_secs(1)
    );
    assert!(pool.admit(from("::ffff:192.0.2.1")).is_err());
    assert_eq!(pool.stats().refused_address, 2);
    let others: Vec<_> = (1..=4)
        .map(|n| pool.admit(from(&format!("2001:db8::{n}"))).unwrap())
        .collect();
    assert!(pool.admit(from("2001:db8::5")).is_err(), "a /64 is one");
    assert!(pool.admit(from("2001:db8:0:1::5")).is_ok());
    drop(permits);
    assert!(pool.admit(from("192.0.2.1")).is_ok());
    drop(others);
    let nowhere: Vec<_> = (0..5)
        .map(|_| pool.admit(JobClass::General { address: None }))
        .collect();
    assert_eq!(nowhere.iter().filter(|permit| permit.is_ok()).count(), 4);
}

#[tokio::test]
async fn each_class_leaves_the_other_a_quarter() {
    for (most, rest) in [
        (
            stranger as fn(u32) -> JobClass,
            (|_| JobClass::Reserved) as fn(u32) -> JobClass,
        ),
        (|_| JobClass::Reserved, stranger),
    ] {
        let Bench { pool, .. } = bench(config(1, 16));
        let flood: Vec<_> = (0..20).filter_map(|n| pool.admit(most(n)).ok()).collect();
        assert_eq!((flood.len(), pool.stats().refused_share), (12, 8));
        let others: Vec<_> = (0..20).filter_map(|n| pool.admit(rest(n)).ok()).collect();
        assert_eq!((others.len(), pool.stats().refused_full), (4, 16));
        drop((flood, others));
        assert_eq!(pool.stats().held, 0);
    }
}

#[tokio::test]
async fn what_cannot_be_done_in_time_is_refused_at_once() {
    let bench = bench(HashPoolConfig {
        deadline: Duration::from_secs(4),
        ..config(2, 1_000)
    });
    bench.teach(Duration::from_secs(1)).await;
    // Two threads do eight seconds of work within the deadline.
    let held: Vec<_> = (0..100)
        .filter_map(|n| bench.pool.admit(stranger(n)).ok())
        .collect();
    assert!((5..=6).contains(&held.len()), "{}", held.len());
    let reserved: Vec<_> = (0..100)
        .filter_map(|_| bench.pool.admit(JobClass::Reserved).ok())
        .collect();
    assert!(
        (7..=8).contains(&(held.len() + reserved.len())),
        "{}",
        reserved.len()
    );
    let busy = bench.pool.admit(JobClass::Reserved).unwrap_err();
    assert!((1..=2).contains(&busy.retry_after.as_secs()), "{busy:?}");
    assert!(
        busy.to_string()
            .starts_with("too many logins at once: try again in ")
    );
    // An address has a quarter of that.
    drop((held, reserved));
    let one: Vec<_> = (0..9)
        .filter_map(|_| bench.pool.admit(from("192.0.2.1")).ok())
        .collect();
    assert!((1..=2).contains(&one.len()), "{}", one.len());
}

#[tokio::test]
async fn a_free_thread_is_used_whatever_is_estimated() {
    let bench = bench(HashPoolConfig {
        deadline: Duration::from_millis(1),
        ..config(2, 16)
    });
    bench.teach(Duration::from_secs(60)).await;
    let held: Vec<_> = (0..10)
        .filter_map(|n| bench.pool.admit(stranger(n)).ok())
        .collect();
    assert_eq!(held.len(), 2);
    let busy = bench.pool.admit(stranger(11)).unwrap_err();
    assert_eq!(busy.retry_after, Duration::from_secs(30));
}

#[tokio::test]
async fn a_costly_hash_counts_for_what_it_is() {
    let bench = bench(HashPoolConfig {
        deadline: Duration::from_secs(4),
        ..config(1, 100)
    });
    let (job, release) = bench.blocked().await;
    let before = bench.pool.0.counters.total.load.load(SeqCst);
    let permit = bench.pool.admit(stranger(1)).unwrap();
    let hash = StoredHash::parse(&format!("$2b$10${}", "A".repeat(53))).unwrap();
    let check = tokio::spawn(permit.verify(Password::new("any"), Target::Stored(hash)));
    until(|| bench.pool.stats().queued == 1).await;
    let bcrypt = Recipe::parse("$2b$10").unwrap();
    assert_eq!(
        bench.pool.0.counters.total.load.load(SeqCst),
        before + bench.pool.0.pace.estimate(&bcrypt)
    );
    drop(release);
    assert!(!check.await.unwrap().unwrap().matches && job.await.unwrap().is_ok());
    assert_eq!(bench.pool.0.counters.total.load.load(SeqCst), 0);
}

#[tokio::test]
async fn a_job_that_waited_beyond_its_deadline_is_not_begun() {
    let bench = bench(config(1, 16));
    let (job, release) = bench.blocked().await;
    let late = bench.job(stranger(1), |_| panic!("begun"));
    until(|| bench.pool.stats().queued == 1).await;
    bench
        .clock
        .advance(HashPoolConfig::default().deadline + Duration::from_millis(1));
    drop(release);
    assert!(matches!(late.await.unwrap(), Err(HashError::Busy(_))));
    assert!(job.await.unwrap().is_ok());
    let stats = bench.pool.stats();
    assert_eq!((stats.late, stats.failed, stats.held), (1, 0, 0));
    assert!(stats.waited >= HashPoolConfig::default().deadline);
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_place_and_is_skipped() {
    let bench = bench(config(1, 16));
    let (job, release) = bench.blocked().await;
    let gone = bench.job(stranger(1), |_| panic!("done for nobody"));
    let other = bench.job(stranger(2), |_| Done::Checked(true));
    until(|| bench.pool.stats().queued == 2).await;
    gone.abort();
    assert!(gone.await.err().unwrap().is_cancelled());
    assert_eq!((bench.pool.stats().held, bench.pool.stats().queued), (2, 1));
    drop(release);
    assert!(other.await.unwrap().is_ok() && job.await.unwrap().is_ok());
    let stats = bench.pool.stats();
    assert_eq!(
        (stats.skipped, stats.completed, stats.failed, stats.held),
        (1, 2, 0, 0)
    );
}

#[tokio::test]
async fn a_job_under_way_holds_its_place_until_it_is_done() {
    let bench = bench(config(1, 16));
    let (job, release) = bench.blocked().await;
    job.abort();
    assert!(job.await.err().unwrap().is_cancelled());
    assert_eq!((bench.pool.stats().held, bench.pool.stats().running), (1, 1));
    drop(release);
    until(|| bench.pool.stats().held == 0).await;
    assert_eq!(bench.pool.stats().completed, 1);
}

#[tokio::test]
async fn clients_that_come_and_go_do_not_fill_the_queue() {
    let bench = bench(config(1, 16));
    let (job, release) = bench.blocked().await;
    let stays = bench.job(stranger(0), |_| Done::Checked(true));
    until(|| bench.pool.stats().queued == 1).await;
    for number in 1..500 {
        let gone = bench.job(stranger(number), |_| panic!("done for nobody"));
        until(|| bench.pool.stats().queued == 2).await;
        gone.abort();
        assert!(gone.await.is_err());
        assert!(
            bench.pool.0.receiver.len() <= 20,
            "{}",
            bench.pool.0.receiver.len()
        );
        assert!(bench.pool.0.admission.known_addresses() <= 33);
    }
    drop(release);
    assert!(stays.await.unwrap().is_ok() && job.await.unwrap().is_ok());
    let last = bench.job(stranger(0), |_| Done::Checked(true));
    assert!(last.await.unwrap().is_ok());
    assert_eq!(
        (
            bench.pool.stats().skipped,
            bench.pool.0.counters.dead.load(SeqCst)
        ),
        (499, 0)
    );
}

#[tokio::test]
async fn a_panic_costs_one_job_and_no_thread() {
    let bench = bench(config(1, 16));
    for _ in 0..3 {
        let job = bench.job(stranger(1), |_| panic!("a defect"));
        assert!(matches!(job.await.unwrap(), Err(HashError::Failed)));
    }
    let Bench { pool, .. } = bench;
    let hash = pool
        .admit(JobClass::Reserved)
        .unwrap()
        .hash(Password::new("after all"))
        .await
        .unwrap();
    let permit = pool.admit(JobClass::Reserved).unwrap();
    let verdict = permit
        .verify(Password::new("after all"), Target::Stored(hash))
        .await
        .unwrap();
    assert!(verdict.matches);
    let stats = pool.stats();
    assert_eq!((stats.failed, stats.running, stats.completed), (3, 0, 2));
}

#[tokio::test]
async fn memory_is_that_of_one_hash_for_each_thread() {
    let Bench { pool, .. } = bench(config(3, 64));
    let mut jobs = Vec::new();
    for number in 0..48 {
        let permit = pool.admit(stranger(number)).unwrap();
        jobs.push(tokio::spawn(permit.hash(Password::new("any"))));
    }
    for job in jobs {
        job.await.unwrap().unwrap();
    }
    let held = pool.stats().memory;
    assert!((64 * 1024..=3 * 64 * 1024).contains(&held), "{held}");

    // A hash that needs more has it for its own time only.
    let large =
        "$argon2id$v=19$m=8192,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$tK1kxwBOsZ/Xj7ZgGSxxMDYTV9lvdJle4NPOUJ9Yiak";
    let permit = pool.admit(JobClass::Reserved).unwrap();
    let large = StoredHash::parse(large).unwrap();
    assert!(
        !permit
            .verify(Password::new("any"), Target::Stored(large))
            .await
            .unwrap()
            .matches
    );
    assert!(pool.stats().memory <= 2 * 64 * 1024, "{}", pool.stats().memory);
}

#[tokio::test]
async fn idle_threads_give_their_memory_back() {
    let Bench { pool, .. } = bench(HashPoolConfig {
        idle: Duration::from_millis(1),
        ..config(2, 16)
    });
    for _ in 0..4 {
        pool.admit(JobClass::Reserved)
            .unwrap()
            .hash(Password::new("any"))
            .await
            .unwrap();
    }
    until(|| pool.stats().memory == 0).await;
    pool.admit(JobClass::Reserved)
        .unwrap()
        .hash(Password::new("any"))
        .await
        .unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn hashing_threads_give_way_to_others() {
    let bench = bench(config(1, 16));
    let seen = Arc::new(Mutex::new(None));
    let job = bench.job(JobClass::Reserved, {
        let seen = Arc::clone(&seen);
        move |_| {
            let nice = rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
            *seen.lock().unwrap() = Some((nice, std::thread::current().id()));
            Done::Checked(true)
        }
    });
    assert!(job.await.unwrap().is_ok());
    let (nice, thread) = seen.lock().unwrap().unwrap();
    let own = rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
    assert_eq!(nice, (own + 10).min(19));
    assert_ne!(thread, std::thread::current().id());
}

#[tokio::test]
async fn threads_work_side_by_side() {
    let bench = bench(config(3, 16));
    let mut blocked = Vec::new();
    for _ in 0..3 {
        blocked.push(bench.blocked().await);
    }
    assert_eq!(bench.pool.stats().running, 3);
    for (job, release) in blocked {
        drop(release);
        assert!(job.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn the_threads_end_with_the_pool() {
    let bench = bench(config(2, 16));
    let counters = Arc::clone(&bench.pool.0.counters);
    drop(bench);
    // Each thread holds them as long as it lives.
    until(|| Arc::strong_count(&counters) == 1).await;
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let start = |config| {
        HashPool::start(
            config,
            Arc::new(MovableClock::default()),
            Arc::new(SystemRng),
            &vault(),
        )
    };
    assert!(matches!(
        start(config(0, 16)).err(),
        Some(HashPoolError::Threads(0))
    ));
    assert!(matches!(
        start(config(1025, 16)).err(),
        Some(HashPoolError::Threads(1025))
    ));
    assert!(matches!(start(config(1, 3)).err(), Some(HashPoolError::Queue(3))));
    let none = HashPoolConfig {
        deadline: Duration::ZERO,
        ..config(1, 16)
    };
    assert!(matches!(start(none).err(), Some(HashPoolError::Deadline)));
}

mod model {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whoever comes and goes in whatever order: no share ever holds more than it may, and all is free at the end.
        #[test]
        fn shares_hold(steps in prop::collection::vec((any::<bool>(), 0u32..8, any::<prop::sample::Index>()), 1..200)) {
            let counters = Arc::<Counters>::default();
            let admission = Admission::new(Arc::clone(&counters), 1, 12, Duration::from_secs(1_000));
            let mut held: Vec<(u32, Arc<Place>)> = Vec::new();
            for (come, who, which) in steps {
                if come {
                    let class = if who == 0 { JobClass::Reserved } else { stranger(who) };
                    let of = |who: u32| held.iter().filter(|(other, _)| *other == who).count();
                    let general = held.len() - of(0);
                    let fits = held.len() < 12
                        && if who == 0 { of(0) < 9 } else { general < 9 && of(who) < 3 };
                    let admitted = admission.admit(class, 1);
                    prop_assert_eq!(admitted.is_ok(), fits);
                    held.extend(admitted.ok().map(|place| (who, place)));
                } else if !held.is_empty() {
                    held.swap_remove(which.index(held.len())).1.leave();
                }
                let distinct: HashSet<u32> = held.iter().map(|(who, _)| *who).collect();
                prop_assert!(admission.known_addresses() >= distinct.iter().filter(|who| **who > 0).count());
            }
            held.drain(..).for_each(|(_, place)| place.leave());
            for share in [&counters.total, &counters.general, &counters.reserved] {
                prop_assert_eq!((share.places.load(SeqCst), share.load.load(SeqCst)), (0, 0));
            }
        }
    }
}
