//! The time of a login does not tell which accounts exist.
//!
//! Times are called equal by two one-sided tests (see `portcullis_testkit::equivalence`): bound 1.1, alpha 0.05, and at
//! least 120 pairs. A sample is the fastest of three attempts, since a machine that does something else can only add to
//! a time. Kinds are sampled in turn until the interval of the ratio is narrow enough to decide (its ends less than 15%
//! apart, wherever it lies) or 600 times. The same statement must fail once the work for unknown accounts is left out.

use std::sync::Arc;

use portcullis_core::{
    audit::{ActContext, Actor, kind},
    clock::{Clock, SystemClock},
    id::{AuditId, UserId},
    password::StoredHash,
    rng::SystemRng,
    store::{NewUser, UserUpdate},
    user::UserStatus,
};
use portcullis_testkit::{
    client::Client,
    equivalence::Ratio,
    people::{self, Member, PASSWORD},
    server::{Engine, Local, configuration},
    stopwatch::Stopwatch,
};

/// How far apart, as a ratio, times may be and still count as equal.
const BOUND: f64 = 1.1;
const WRONG: &str = "wrong horse 9 battery";

/// bcrypt of cost 10 of something: more work than our own hashes, so that its kind can be told by time.
const IMPORTED: &str = "$2b$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234";

async fn start(dummy: bool) -> Local {
    let mut configuration = configuration();
    configuration.hashing.dummy = dummy;
    Local::start(Engine::Sqlite, Arc::new(SystemClock), configuration).await
}

fn context() -> ActContext {
    let now = SystemClock.now();
    ActContext {
        now,
        deny_until: now + std::time::Duration::from_secs(3600),
        audit_id: AuditId::generate(now, &SystemRng),
        tag: 1,
        actor: Actor::Operator,
        address: None,
        request_id: None,
    }
}

/// A user whose hash was made elsewhere.
async fn import(app: &Local, email: &str) {
    let user = NewUser {
        id: UserId::generate(SystemClock.now(), &SystemRng),
        email: email.parse().unwrap(),
        name: "Someone".parse().unwrap(),
        password: Some(StoredHash::from_stored(IMPORTED.to_owned())),
        roles: vec!["user".parse().unwrap()],
        status: UserStatus::Active,
        session: None,
        identity: None,
        event: kind::USER_CREATED,
    };
    let _ = app.authority.store().create_user(&context(), user).await.unwrap();
}

async fn disable(app: &Local, member: &Member) {
    let update = UserUpdate {
        status: Some(UserStatus::Disabled),
        ..UserUpdate::default()
    };
    let _ = app
        .authority
        .store()
        .update_user(&context(), member.id.parse().unwrap(), update)
        .await
        .unwrap();
}

/// Seconds that a failed login takes at best; answers must not differ either.
async fn time(client: &Client, email: &str, password: &str) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        best = best.min(attempt(client, email, password).await);
    }
    best
}

async fn attempt(client: &Client, email: &str, password: &str) -> f64 {
    let watch = Stopwatch::start();
    let answer = people::login(client, email, password).await.expect(401);
    let seconds = watch.elapsed().as_secs_f64();
    assert!(answer.body.contains("Wrong email or password"), "{}", answer.body);
    seconds
}

/// Rounds of each test, at least and at most.
const ROUNDS: std::ops::Range<usize> = 120..600;

/// Whether these say enough.
fn decided(one: &[f64], other: &[f64]) -> bool {
    let ratio = Ratio::of_pairs(one, other);
    ratio.high / ratio.low < 1.15
}

/// Times all of `tries` in each round, each kind first, second and last equally often.
async fn round(client: &Client, number: usize, tries: &[(&str, &str)]) -> Vec<f64> {
    let mut times = vec![0.0; tries.len()];
    for place in 0..tries.len() {
        let which = (place + number) % tries.len();
        times[which] = time(client, tries[which].0, tries[which].1).await;
    }
    times
}

/// Known, unknown and disabled.
async fn known_unknown_disabled(app: &Local) -> [Vec<f64>; 3] {
    let client = app.client();
    let (ada, bob) = (
        Member::register(&client, "ada").await,
        Member::register(&client, "bob").await,
    );
    disable(app, &bob).await;
    let mut times = [const { Vec::new() }; 3];
    for number in 0..ROUNDS.end {
        let unknown = format!("nobody{number}@example.com");
        let tries = [
            (ada.email.as_str(), WRONG),
            (unknown.as_str(), PASSWORD),
            (bob.email.as_str(), PASSWORD),
        ];
        let taken = round(&client, number, &tries).await;
        // The first rounds warm up.
        if number >= 5 {
            times
                .iter_mut()
                .zip(taken)
                .for_each(|(times, time)| times.push(time));
        }
        let [known, unknown, disabled] = &times;
        if known.len() >= ROUNDS.start && decided(unknown, known) && decided(disabled, known) {
            break;
        }
    }
    times
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alone_known_unknown_and_disabled_take_the_same_time() {
    let app = start(true).await;
    let [known, unknown, disabled] = known_unknown_disabled(&app).await;
    for (name, other) in [("unknown", unknown), ("disabled", disabled)] {
        let ratio = Ratio::of_pairs(&other, &known);
        assert!(
            ratio.is_within(BOUND),
            "{name} to known: {ratio:?} of {}",
            known.len()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alone_without_the_dummy_hash_the_same_test_fails() {
    let app = start(false).await;
    let [known, unknown, _] = known_unknown_disabled(&app).await;
    let ratio = Ratio::of_pairs(&unknown, &known);
    assert!(!ratio.is_within(BOUND), "the test cannot fail: {ratio:?}");
    assert!(
        ratio.high < 0.8,
        "without its work an unknown account answers at once: {ratio:?}"
    );
}

/// Half of the users were imported with hashes of another kind. Of unknown identifiers, then, about half must take
/// the time of the one kind and half of the other, each always the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alone_unknown_accounts_resemble_the_imported_ones_too() {
    const IDENTIFIERS: usize = 48;
    let app = start(true).await;
    let client = app.client();
    for i in 0..20 {
        Member::register(&client, &format!("own{i}")).await;
        import(&app, &format!("imported{i}@example.com")).await;
    }
    app.authority.learn_population().await.unwrap();

    let (mut own, mut imported) = (Vec::new(), Vec::new());
    let mut unknown = vec![Vec::new(); IDENTIFIERS];
    let mut like = Likeness::default();
    for number in 0..ROUNDS.end {
        let emails = [
            format!("own{}@example.com", number % 20),
            format!("imported{}@example.com", number % 20),
            format!("nobody{}@example.com", number % IDENTIFIERS),
        ];
        let tries: Vec<(&str, &str)> = emails.iter().map(|email| (email.as_str(), WRONG)).collect();
        let taken = round(&client, number, &tries).await;
        own.push(taken[0]);
        imported.push(taken[1]);
        unknown[number % IDENTIFIERS].push(Beside {
            own: taken[0],
            imported: taken[1],
            time: taken[2],
        });

        // Three times around, each identifier shows its kind.
        if number + 1 >= 3 * IDENTIFIERS && (number + 1) % IDENTIFIERS == 0 {
            like = by_kind(&unknown, (median(&own) * median(&imported)).sqrt());
            let enough = like.own.0.len() >= 30 && like.imported.0.len() >= 30;
            if enough && decided(&like.own.0, &like.own.1) && decided(&like.imported.0, &like.imported.1) {
                break;
            }
        }
    }
    let gap = Ratio::of(&imported, &own);
    assert!(
        gap.low > 1.5,
        "the kinds must be told apart for this test: {gap:?}"
    );
    let slow = like.slow;
    // 48 draws of one half: outside of 12 to 36 chance leads once in 3,000 runs.
    assert!(
        (12..=36).contains(&slow),
        "{slow} of {IDENTIFIERS} unknown identifiers look imported"
    );
    for (name, (unknown, known)) in [("own", like.own), ("imported", like.imported)] {
        let ratio = Ratio::of_pairs(&unknown, &known);
        assert!(
            ratio.is_within(BOUND),
            "unknown to {name}: {ratio:?} of {}",
            known.len()
        );
    }
}

/// The time of an unknown identifier, and those of the two known kinds taken beside it.
#[derive(Clone, Copy)]
struct Beside {
    own: f64,
    imported: f64,
    time: f64,
}

/// Unknown identifiers by the kind that they look like, each time with the known one beside it.
#[derive(Default)]
struct Likeness {
    own: (Vec<f64>, Vec<f64>),
    imported: (Vec<f64>, Vec<f64>),
    /// How many identifiers look imported.
    slow: usize,
}

/// Identifiers whose median is below `middle` look like our own, the others imported.
fn by_kind(unknown: &[Vec<Beside>], middle: f64) -> Likeness {
    let mut like = Likeness::default();
    for samples in unknown {
        let times: Vec<f64> = samples.iter().map(|sample| sample.time).collect();
        let slow = median(&times) > middle;
        like.slow += usize::from(slow);
        for sample in samples {
            let (side, known) = if slow {
                (&mut like.imported, sample.imported)
            } else {
                (&mut like.own, sample.own)
            };
            side.0.push(sample.time);
            side.1.push(known);
        }
    }
    like
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
