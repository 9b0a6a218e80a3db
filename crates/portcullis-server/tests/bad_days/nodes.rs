//! A node dies, freezes, or is replaced.

use std::time::Duration;

use portcullis_testkit::{
    nodes::{Load, Nodes, refused_after},
    people::Member,
    postgres::Postgres,
    stopwatch::Stopwatch,
};
use reqwest::Method;
use rustix::process::Signal;

use crate::{BINARY, LEASE, PEOPLE, all_is_well, load, lost, three_nodes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_killed() {
    let database = Postgres::start(&[]);
    let mut nodes = three_nodes(&database.url()).await;
    let load = load(&nodes).await;
    for node in [0, 1] {
        nodes.kill(node);
        load.acts(60).await;
        nodes.resume(node).await;
    }
    let ledger = load.end().await;
    let lost = lost(&ledger, &nodes, &database).await;
    all_is_well(&ledger, &lost);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_frozen_past_its_lease_and_wakes() {
    let database = Postgres::start(&["fsync = off"]);
    let nodes = three_nodes(&database.url()).await;
    let mut people = Vec::new();
    for number in 0..10 {
        let person = Member::register(&nodes.client(0), &format!("u{number}")).await;
        // The frozen node has seen the token, and remembers that it was good.
        person
            .client
            .at(nodes.client(2).base())
            .get("/me")
            .await
            .expect(200);
        people.push(person);
    }
    let stays = Member::register(&nodes.client(0), "stays").await;
    nodes.signal(2, Signal::STOP);
    let frozen = Stopwatch::start();
    for person in &people {
        person.client.post("/auth/logout").await.expect(200);
    }
    // They wait at its door and are the first that it sees when it wakes.
    let waiting: Vec<_> = people
        .iter()
        .map(|person| {
            let client = person.client.at(nodes.client(2).base());
            tokio::spawn(async move {
                // Where the nap was longer than a connection may be idle, it is broken, and one comes again.
                match client.try_send(client.request(Method::GET, "/me")).await {
                    Ok(answer) => answer,
                    Err(_) => client.get("/me").await,
                }
            })
        })
        .collect();
    while frozen.elapsed() < LEASE + Duration::from_secs(1) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    nodes.signal(2, Signal::CONT);
    for answer in waiting {
        let answer = answer.await.unwrap();
        assert!(
            answer.status == 401 || answer.status == 503,
            "{}: {}",
            answer.status,
            answer.body
        );
    }
    for person in &people {
        let answer = person.client.at(nodes.client(2).base()).get("/me").await;
        assert!(answer.status == 401 || answer.status == 503, "{}", answer.body);
    }
    // It is well again.
    let waited = Stopwatch::start();
    let client = stays.client.at(nodes.client(2).base());
    while client.get("/me").await.status != 200 {
        assert!(waited.elapsed() < Duration::from_secs(5));
    }
    people[0]
        .client
        .at(nodes.client(2).base())
        .get("/me")
        .await
        .expect_invalid_token();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_are_replaced_one_after_the_other() {
    let database = Postgres::start(&[]);
    let mut nodes = three_nodes(&database.url()).await;
    let load = load(&nodes).await;
    for node in 0..3 {
        nodes.restart(node).await;
        load.acts(30).await;
    }
    let ledger = load.end().await;
    assert_eq!(
        (ledger.refused, ledger.unanswered),
        (0, 0),
        "of {} acts",
        ledger.acts
    );
    let lost = lost(&ledger, &nodes, &database).await;
    all_is_well(&ledger, &lost);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_balancer_no_connection_breaks_when_nodes_are_replaced() {
    let database = Postgres::start(&[]);
    let env = [("PORTCULLIS_HTTP__DRAIN_DELAY", "2s")];
    let mut nodes = Nodes::start(BINARY.as_ref(), &database.url(), 3, &env).await;
    let load = Load::balanced(&nodes, PEOPLE);
    load.acts(60).await;
    for node in 0..3 {
        nodes.restart(node).await;
        load.acts(30).await;
    }
    let ledger = load.end().await;
    assert_eq!(
        (ledger.refused, ledger.broken, ledger.unanswered),
        (0, 0, 0),
        "of {} acts",
        ledger.acts
    );
    let lost = lost(&ledger, &nodes, &database).await;
    all_is_well(&ledger, &lost);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_tells_the_others_and_they_notice_within_the_lease() {
    let database = Postgres::start(&["fsync = off"]);
    let env = [("PORTCULLIS_DATABASE__NOTIFY", "false")];
    let deaf = Nodes::start(BINARY.as_ref(), &database.url(), 3, &env).await;
    let load = Load::begin(&deaf, PEOPLE);
    for number in 0..10 {
        let person = Member::register(&deaf.client(0), &format!("u{number}")).await;
        person.client.post("/auth/logout").await.expect(200);
        let token = &person.tokens.access_token;
        refused_after(&deaf.clients(), token, LEASE).await;
    }
    let ledger = load.end().await;
    let lost = lost(&ledger, &deaf, &database).await;
    all_is_well(&ledger, &lost);
}
