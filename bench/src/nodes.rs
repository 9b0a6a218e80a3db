use std::time::Duration;

use portcullis_testkit::{
    nodes::{Load, Lost, Nodes, refused_after},
    people::Member,
    postgres::Postgres,
    stopwatch::Stopwatch,
};

use crate::server;

/// What a node believes without hearing from its database.
const LEASE: Duration = Duration::from_secs(5);
/// People under way at a time while there is load.
const PEOPLE: usize = 4;

/// Where nodes tell each other, all but one of a hundred logouts are known everywhere within this.
const TOLD: Duration = Duration::from_millis(100);

/// Three nodes on one PostgreSQL: how long a token that was logged out at one is taken by the others; what a failover and a
/// rolling restart cost.
///
/// # Panics
/// At the end, with all that is not as the book says.
pub(crate) async fn run(tries: usize) {
    println!(
        "{:<44} {:>6} {:>9} {:>9} {:>9}",
        "logout acknowledged until refused elsewhere", "tries", "p50", "p99", "max"
    );
    let mut faults = Vec::new();
    let database = Postgres::start(&[]);
    for (told, env) in [
        (true, &[][..]),
        (false, &[("PORTCULLIS_DATABASE__NOTIFY", "false")][..]),
    ] {
        let how = if told { "" } else { ", without notifications" };
        let nodes = three(&database.url(), env).await;
        let idle = logouts(&nodes, tries).await;
        report(&format!("idle{how}"), &idle, told, &mut faults);
        let load = Load::begin(&nodes, PEOPLE);
        load.acts(100).await;
        let loaded = logouts(&nodes, tries).await;
        report(&format!("under load{how}"), &loaded, told, &mut faults);
        let ledger = load.end().await;
        println!(
            "  (load: {} acts acknowledged, {} times 503)",
            ledger.acts, ledger.refused
        );
    }
    println!("  (the lease: {LEASE:?})\n");

    rolling(&database, false, &mut faults).await;
    rolling(&database, true, &mut faults).await;
    drop(database);
    failover(&mut faults).await;
    assert!(faults.is_empty(), "not as it should be:\n{}", faults.join("\n"));
}

async fn three(url: &str, env: &[(&str, &str)]) -> Nodes {
    Nodes::start(&server::binary(), url, 3, env).await
}

/// The slower of the two other nodes, for each logout.
async fn logouts(nodes: &Nodes, tries: usize) -> Vec<Duration> {
    let label = format!("measured{:?}", Stopwatch::start());
    let label: String = label.chars().filter(char::is_ascii_alphanumeric).collect();
    let first = Member::register(&nodes.client(0), &label).await;
    let clients = nodes.clients();
    let mut times = Vec::new();
    for number in 0..tries {
        let at = number % clients.len();
        let person = Member::login(&clients[at], &first.email, &first.password).await;
        let others: Vec<_> = (0..clients.len())
            .filter(|other| *other != at)
            .map(|other| clients[other].clone())
            .collect();
        person.client.post("/auth/logout").await.expect(200);
        let refused = refused_after(&others, &person.tokens.access_token, LEASE).await;
        times.extend(refused.into_iter().max());
    }
    times.sort_unstable();
    times
}

fn report(name: &str, times: &[Duration], told: bool, faults: &mut Vec<String>) {
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!(
        "{name:<44} {:>6} {:>9} {:>9} {:>9}",
        times.len(),
        format!("{:.1?}", at(50)),
        format!("{:.1?}", at(99)),
        format!("{:.1?}", at(100))
    );
    if at(100) >= LEASE {
        faults.push(format!("{name}: longer than the lease"));
    }
    if told && at(99) >= TOLD {
        faults.push(format!("{name}: the 99th percentile is not below {TOLD:?}"));
    }
}

/// Each node ends by SIGTERM and starts again, one after the other; behind a balancer that asks whether they are ready, or
/// with clients that try once more elsewhere.
async fn rolling(database: &Postgres, balanced: bool, faults: &mut Vec<String>) {
    let delay = if balanced { "2s" } else { "0s" };
    let mut nodes = three(&database.url(), &[("PORTCULLIS_HTTP__DRAIN_DELAY", delay)]).await;
    let load = if balanced {
        Load::balanced(&nodes, PEOPLE)
    } else {
        Load::begin(&nodes, PEOPLE)
    };
    load.acts(100).await;
    let took = Stopwatch::start();
    for node in 0..3 {
        nodes.restart(node).await;
        load.acts(30).await;
    }
    let took = took.elapsed();
    let ledger = load.end().await;
    let lost = ledger.lost(&database.emails().await, &nodes.clients()).await;
    let failed = ledger.refused + ledger.unanswered;
    println!(
        "rolling restart, http.drain_delay = {delay}{}, {took:.1?}: {} acts acknowledged, {} connections broke, {failed} requests \
         failed, lost: {}",
        if balanced { " behind a balancer" } else { "" },
        ledger.acts,
        ledger.broken,
        told(&lost)
    );
    if failed > 0 || (balanced && ledger.broken > 0) || lost != Lost::default() || !ledger.wrong.is_empty() {
        faults.push(format!("rolling restart: {:?}", ledger.wrong));
    }
}

async fn failover(faults: &mut Vec<String>) {
    let mut primary = Postgres::start(&[]);
    let standby = Postgres::standby_of(&primary, &[]);
    primary
        .sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        .await;
    primary.sql("SELECT pg_reload_conf()").await;
    let nodes = three(&Postgres::url_of(&[&primary, &standby]), &[]).await;
    let load = Load::begin(&nodes, PEOPLE);
    load.acts(200).await;
    primary.kill();
    let down = Stopwatch::start();
    standby.promote().await;
    let promoted = down.elapsed();
    load.acts(100).await;
    let gap = load.longest_gap();
    let ledger = load.end().await;
    let of = ledger.lost(&standby.emails().await, &nodes.clients()).await;
    println!(
        "failover (kill -9, synchronous replica promoted after {promoted:.1?}): no act acknowledged for {gap:.1?}, \
         {} times 503; {} acts acknowledged, lost: {}",
        ledger.refused,
        ledger.acts,
        told(&of)
    );
    if of != Lost::default() || !ledger.wrong.is_empty() {
        faults.push(format!("failover: {:?}", ledger.wrong));
    }
}

fn told(lost: &Lost) -> String {
    if *lost == Lost::default() {
        "0".to_owned()
    } else {
        format!("{lost:?}")
    }
}
