//! Limits that nodes share through Redis, from outside: two nodes, each with a database of its own; a limit is that of the
//! installation, which is known by its master key.

mod fake;

use std::{net::Ipv4Addr, path::PathBuf, sync::Arc, time::Duration};

use portcullis::{embedded::Builder, rate_limit::SharedLimits};
use portcullis_core::{
    clock::MovableClock,
    limit::{Rule, SharedAsk, SharedCounts as _},
};
use portcullis_testkit::{
    client::Client,
    people::{self, PASSWORD},
    redis::Redis,
    server::{App, Engine, Local, Setup, configuration},
    stopwatch::Stopwatch,
};

use self::fake::{Fake, Says};
use crate::start;

on_both!(two_nodes_grant_one_limit, redis_dies_under_load_and_comes_back);

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// For how long a node may take to notice that a Redis is back: its pauses grow to five seconds.
const PATIENCE: Duration = Duration::from_secs(30);

fn sharing(setup: Setup, url: &str) -> Setup {
    setup
        .limited()
        .env("PORTCULLIS_MASTER_KEY", KEY)
        .env("PORTCULLIS_LIMITS__REDIS_URL", url)
}

async fn two_nodes(setup: Setup, url: &str) -> [App; 2] {
    let setup = sharing(setup, url);
    [start(setup.clone()).await, start(setup).await]
}

/// One node, on SQLite.
async fn node(url: &str) -> App {
    start(sharing(Setup::new(Engine::Sqlite), url)).await
}

fn at(base: &str, last: u8) -> Client {
    Client::from_address(base, Ipv4Addr::new(127, 0, 0, last).into())
}

/// One login of somebody else at `address`. Gives the status.
async fn attempt(base: &str, address: u8, number: usize) -> u16 {
    let email = format!("nobody{address}-{number}@example.com");
    people::login(&at(base, address), &email, PASSWORD)
        .await
        .status
        .as_u16()
}

/// How many of `tries`, one after the other and at each node in turn, get as far as the password.
async fn granted(bases: &[&str], address: u8, tries: usize) -> usize {
    let mut granted = 0;
    for number in 0..tries {
        match attempt(bases[number % bases.len()], address, number).await {
            401 => granted += 1,
            429 => {}
            other => panic!("{other}"),
        }
    }
    granted
}

fn bases(nodes: &[App]) -> Vec<&str> {
    nodes.iter().map(|node| node.process.url()).collect()
}

fn said(app: &App, what: &str) -> usize {
    app.process.log().matches(what).count()
}

/// Attempts until the node has said that it shares again.
async fn until_shared(app: &App, times: usize) {
    let begun = Stopwatch::start();
    let mut number = 0;
    while said(app, "limits.shared_again") < times {
        assert!(
            begun.elapsed() < PATIENCE,
            "it does not share again: {}",
            app.process.log()
        );
        attempt(app.process.url(), 250, number).await;
        number += 1;
    }
}

async fn two_nodes_grant_one_limit(setup: Setup) {
    let redis = Redis::start();
    let nodes = two_nodes(setup, &redis.url()).await;
    let bases = bases(&nodes);
    assert_eq!(granted(&bases, 10, 8).await, 5);
    // At once, too.
    let tries = (0..12).map(|number| attempt(bases[number % 2], 11, number));
    let statuses = futures_util::future::join_all(tries).await;
    let let_through = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(let_through, 5, "{statuses:?}");
    // By account: each time from another address.
    let mut refused = 0;
    for last in 20..28 {
        let client = at(bases[usize::from(last % 2)], last);
        let answer = people::login(&client, "one@example.com", PASSWORD).await;
        refused += usize::from(answer.status.as_u16() == 429);
    }
    assert_eq!(refused, 3);
    // A node that has let nobody through says what all together have.
    let answer = people::login(&at(bases[0], 30), "two@example.com", PASSWORD)
        .await
        .expect(401);
    assert!(answer.header("ratelimit").contains(";r=4;"));
    let answer = people::login(&at(bases[1], 30), "three@example.com", PASSWORD)
        .await
        .expect(401);
    assert!(answer.header("ratelimit").contains(";r=3;"));
    let answer = people::login(&at(bases[1], 10), "nobody@example.com", PASSWORD)
        .await
        .expect(429);
    let after: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&after), "{after}");
}

async fn redis_dies_under_load_and_comes_back(setup: Setup) {
    let mut redis = Redis::start();
    let nodes = two_nodes(setup, &redis.url()).await;
    let bases = bases(&nodes);
    assert_eq!(granted(&bases, 30, 2).await, 2);
    let load = async {
        let tries = (0..40).map(|number| attempt(bases[number % 2], 31, number));
        futures_util::future::join_all(tries).await
    };
    let (statuses, ()) = tokio::join!(load, async { redis.kill() });
    assert!(
        statuses.iter().all(|status| [401, 429].contains(status)),
        "{statuses:?}"
    );
    let let_through = statuses.iter().filter(|status| **status == 401).count();
    assert!(
        (5..=10).contains(&let_through),
        "never more than each node's own limit: {let_through}"
    );
    // What a node has let through itself counts on; it had one of these.
    assert_eq!(granted(&bases[..1], 30, 9).await, 4);
    assert_eq!(granted(&bases[1..], 32, 9).await, 5);
    for node in &nodes {
        assert_eq!(said(node, "limits.shared_away"), 1, "{}", node.process.log());
    }
    redis.restart();
    for node in &nodes {
        until_shared(node, 1).await;
    }
    // It has forgotten everything, and yet nobody at a node's own limit gets more from that node.
    assert_eq!(granted(&bases[..1], 30, 3).await, 0);
    assert_eq!(granted(&bases, 33, 8).await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_redis_holds_up_one_request_and_no_more() {
    let redis = Redis::start();
    let app = node(&redis.url()).await;
    let bases = [app.process.url()];
    assert_eq!(granted(&bases, 40, 8).await, 5);
    redis.freeze();
    assert_eq!(granted(&bases, 41, 9).await, 5);
    assert_eq!(said(&app, "limits.shared_away"), 1);
    redis.thaw();
    until_shared(&app, 1).await;
    // One that takes no writes is no good, and is not taken for one that is back.
    assert!(redis.command("CONFIG SET maxmemory 1").starts_with("+OK"));
    assert_eq!(granted(&bases, 43, 9).await, 5);
    assert!(
        app.process.log().contains("it answers OOM"),
        "{}",
        app.process.log()
    );
    assert_eq!(granted(&bases, 44, 9).await, 5);
    assert_eq!(said(&app, "limits.shared_away"), 2);
    assert_eq!(said(&app, "limits.shared_again"), 1);
    assert!(redis.command("CONFIG SET maxmemory 0").starts_with("+OK"));
    until_shared(&app, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_answers_nonsense_opens_nothing() {
    const ALL_ALLOWED: &str = "*5\r\n:1\r\n:1\r\n:0\r\n:1\r\n:0\r\n";
    for (number, says) in [
        // Another protocol, a friend of everybody, somebody else's numbers.
        Says::Always("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
        Says::Always("+OK\r\n"),
        Says::ToDecisions("+OK\r\n"),
        Says::ToDecisions("*3\r\n:1\r\n:1\r\n:0\r\n"),
        Says::ToDecisions("*5\r\n:0\r\n:-1\r\n:0\r\n:0\r\n:0\r\n"),
        // A refusal without a reason, which would else be no decision at all.
        Says::ToDecisions("*5\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n"),
        Says::ToDecisions("$-1\r\n"),
        Says::ToDecisions("-ERR planted\r\n"),
        // Everything is allowed, always: the node's own limit still holds.
        Says::ToDecisions(ALL_ALLOWED),
    ]
    .into_iter()
    .enumerate()
    {
        let fake = Fake::start(says);
        let shared = SharedLimits::new(fake.url()).unwrap();
        let looks_well = shared.probe().await;
        match says {
            Says::Always(_) => assert!(
                looks_well
                    .as_ref()
                    .unwrap_err()
                    .contains("something else than a Redis"),
                "{looks_well:?}"
            ),
            Says::ToDecisions(_) => assert_eq!(looks_well, Ok(())),
        }
        let app = local(&shared, MovableClock::default()).await;
        let address = u8::try_from(number).unwrap() + 50;
        assert_eq!(granted(&[app.client().base()], address, 9).await, 5, "{says:?}");
    }
}

/// A node in this process, without the work for unknown accounts.
async fn local(shared: &SharedLimits, clock: MovableClock) -> Local {
    let mut configuration = configuration();
    configuration.limits.enabled = true;
    configuration.hashing.dummy = false;
    let further = |builder: Builder| builder.master_key_hex(KEY).shared_limits(shared);
    Local::start_with(Engine::Sqlite, Arc::new(clock), configuration, further).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_answer_is_asked_once() {
    let fake = Fake::start(Says::ToDecisions(""));
    let app = node(&fake.url()).await;
    let begun = Stopwatch::start();
    assert_eq!(granted(&[app.process.url()], 60, 1).await, 1);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(fake.decisions(), 1);
    // All that wait for it at that moment wait for the same answer.
    let tries = (0..20).map(|number| attempt(app.process.url(), 61, number));
    let statuses = futures_util::future::join_all(tries).await;
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 5);
    let log = app.process.log();
    assert!(log.contains("no answer in time"), "{log}");
    // It probes well when it is connected to anew, so it is asked again, and left alone for longer each time.
    assert!(fake.decisions() < 25, "{}", fake.decisions());
    assert!(said(&app, "limits.shared_away") < 5, "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_is_wrong_is_said_and_not_told() {
    let redis = Redis::start_with(&["--requirepass", "right-planted"]);
    let url = redis.url_as(":wrong-planted@");
    let app = node(&url).await;
    assert_eq!(granted(&[app.process.url()], 70, 9).await, 5);
    let check = app.command(&["check"], "").await;
    let doctor = app.command(&["doctor"], "").await;
    let log = app.process.log();
    for text in [&log, &check.stderr, &doctor.stdout] {
        assert!(text.contains("refuses the user or the password"), "{text}");
        assert!(!text.contains("planted"), "{text}");
    }
    assert!(check.stderr.contains("limits.redis_url"), "{}", check.stderr);

    // A user who may do what is asked and nothing else, as the book says.
    let acl = book_acl();
    let answer = redis.command(&format!("AUTH right-planted\r\n{acl}"));
    assert!(answer.starts_with("+OK\r\n+OK"), "{answer}");
    let shared = SharedLimits::new(redis.url_as("portcullis:PASSWORD@")).unwrap();
    shared.probe().await.unwrap();
    let app = node(&redis.url_as("portcullis:PASSWORD@")).await;
    assert_eq!(granted(&[app.process.url()], 71, 9).await, 5);
    assert_eq!(said(&app, "limits.shared_away"), 0, "{}", app.process.log());
    let keys = redis.command("AUTH right-planted\r\nKEYS portcullis:*");
    assert!(keys.contains("portcullis:{limits}:"), "{keys}");
}

/// The command of the book that makes a user, who may do the same in Compose.
fn book_acl() -> String {
    let read = |path: &str| {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
        std::fs::read_to_string(path).unwrap()
    };
    let page = read("docs/src/operations.md");
    let line = page
        .lines()
        .find(|line| line.starts_with("ACL SETUSER portcullis"));
    let line = line.expect("the book says how to make a user");
    let rights = &line[line.find("-@all").unwrap()..];
    assert!(read("deploy/compose/redis.yaml").contains(rights), "{rights}");
    line.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_verified() {
    let certificate = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let made = rcgen::CertificateParams::new([name.to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        (made.pem(), key.serialize_pem())
    };
    let (own, key) = certificate("localhost");
    let (other, _) = certificate("localhost");
    let (_redis, port) = Redis::start_with_tls(&own, &key);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authority.pem");
    std::fs::write(&file, &own).unwrap();
    let url = format!("rediss://localhost:{port}");
    let setup =
        sharing(Setup::new(Engine::Sqlite), &url).env("PORTCULLIS_LIMITS__REDIS_CA", file.to_str().unwrap());
    let nodes = [start(setup.clone()).await, start(setup).await];
    assert_eq!(granted(&bases(&nodes), 80, 8).await, 5);

    let probe = |url: String, pem: String| async move {
        SharedLimits::with_root_certificates(url, &pem)
            .unwrap()
            .probe()
            .await
    };
    assert_eq!(probe(url.clone(), own.clone()).await, Ok(()));
    for (url, pem) in [
        // By somebody else; for another name; and nobody on the web knows it.
        (url.clone(), other),
        (format!("rediss://127.0.0.1:{port}"), own),
    ] {
        let why = probe(url, pem).await.unwrap_err();
        assert!(why.contains("certificate"), "{why}");
    }
    let why = SharedLimits::new(url).unwrap().probe().await.unwrap_err();
    assert!(why.contains("certificate"), "{why}");
}

/// The clocks of the nodes are an hour apart, and each node's own limiter counts by its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_of_nodes_need_not_agree() {
    let redis = Redis::start();
    let shared = SharedLimits::new(redis.url()).unwrap();
    let ahead = MovableClock::default();
    ahead.advance(Duration::from_secs(3600));
    let nodes = [
        local(&shared, MovableClock::default()).await,
        local(&shared, ahead).await,
    ];
    let clients: Vec<Client> = nodes.iter().map(Local::client).collect();
    let bases: Vec<&str> = clients.iter().map(Client::base).collect();
    assert_eq!(granted(&bases, 90, 8).await, 5);
}

/// The clock of Redis was set back by an hour since it counted: nobody is held up for longer than a window for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_whose_clock_goes_back_holds_nobody_for_longer_than_the_window() {
    let redis = Redis::start();
    let shared = SharedLimits::new(redis.url()).unwrap();
    shared.connect().await;
    let rule = Rule::new("login", "3/second".parse().unwrap());
    let key = [7; 16];
    let asked = [SharedAsk { rule, key }];
    let count = || async {
        let (allowed, standings) = shared.count(&asked).await.expect("it is up");
        (allowed, standings[0].live, standings[0].reset_after_micros)
    };
    assert!(count().await.0);
    let name = redis.command("KEYS portcullis:{limits}:Bw*");
    let name = name.lines().nth(2).expect("the key").to_owned();
    let future = "9000000000000000";
    for _ in 0..3 {
        let _ = redis.command(&format!("RPUSH {name} {future}"));
    }
    let (allowed, live, reset) = count().await;
    assert!(!allowed && live == 4 && reset <= 1_000_000, "{live} {reset}");
    assert!(!redis.command(&format!("LRANGE {name} 0 -1")).contains(future));
    // As soon as the window is over.
    let begun = Stopwatch::start();
    while !count().await.0 {
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_learns_no_address_and_no_account_and_keeps_nothing() {
    let redis = Redis::start();
    let app = node(&redis.url()).await;
    people::login(&at(app.process.url(), 50), "planted@example.com", PASSWORD)
        .await
        .expect(401);
    let keys = redis.command("KEYS *");
    let found: Vec<&str> = keys
        .lines()
        .filter(|line| line.starts_with("portcullis:"))
        .collect();
    let counted = found.iter().filter(|key| !key.ends_with("probe")).count();
    assert_eq!(counted, 2, "one by address, one by account: {keys}");
    for planted in ["planted", "127.0.0", "example"] {
        assert!(!keys.contains(planted), "{keys}");
    }
    // Each key ends with its window.
    for key in found {
        let left = redis.command(&format!("PTTL {key}"));
        let left: i64 = left
            .trim_start_matches(':')
            .lines()
            .next()
            .unwrap()
            .parse()
            .unwrap();
        // A probe may have ended meanwhile.
        let gone = left == -2 && key.ends_with("probe");
        assert!(gone || (1..=60_000).contains(&left), "{left}");
    }
}
