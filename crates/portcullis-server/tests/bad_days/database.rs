//! The database goes away, comes back, is slow, or has no room for another connection.

use std::time::Duration;

use portcullis_testkit::{people::Member, postgres::Postgres, stopwatch::Stopwatch};
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::{LEASE, all_is_well, load, lost, ready, three_nodes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_is_stopped_and_started() {
    let mut database = Postgres::start(&[]);
    let nodes = three_nodes(&database.url()).await;
    let ada = Member::register(&nodes.client(0), "ada").await;
    ada.me().await.expect(200);
    let load = load(&nodes).await;
    database.stop();
    let down = Stopwatch::start();
    // What is in memory is served until the lease is over, and no longer.
    let me = ada.me().await.expect(200);
    assert!(down.elapsed() < LEASE, "{}", me.body);
    while ada.me().await.status == 200 {
        assert!(
            down.elapsed() < LEASE + Duration::from_secs(2),
            "stale for too long"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for client in nodes.clients() {
        client.get("/healthz").await.expect(200);
        let answer = client.get("/readyz").await.expect(503);
        assert_eq!(answer.json()["error"], "stale");
    }
    let asked = Stopwatch::start();
    ada.refresh().await.expect(503);
    assert!(asked.elapsed() < Duration::from_secs(7), "{:?}", asked.elapsed());

    database.resume();
    let up = Stopwatch::start();
    load.acts(60).await;
    assert!(up.elapsed() < Duration::from_secs(10), "{:?}", up.elapsed());
    let ledger = load.end().await;
    let lost = lost(&ledger, &nodes, &database).await;
    all_is_well(&ledger, &lost);
    assert!(ledger.refused > 0, "the load noticed");
    ada.me().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_locked() {
    let database = Postgres::start(&["fsync = off"]);
    let nodes = three_nodes(&database.url()).await;
    let ada = Member::register(&nodes.client(0), "ada").await;
    ada.me().await.expect(200);
    let mut held = database.connect().await;
    held.execute("BEGIN; LOCK TABLE portcullis_sessions IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let asked = Stopwatch::start();
    // More than may wait.
    let requests: Vec<_> = (0..1500)
        .map(|_| {
            let ada = ada.clone();
            tokio::spawn(async move { ada.refresh().await })
        })
        .collect();
    // Whoever needs no database is served meanwhile.
    for _ in 0..20 {
        ada.me().await.expect(200);
    }
    for request in requests {
        let answer = request.await.unwrap().expect(503);
        assert!(!answer.header("retry-after").is_empty());
    }
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    held.execute("ROLLBACK").await.unwrap();
    ada.refresh().await.expect(200);
    ready(&nodes, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_connections_is_reached() {
    let database = Postgres::start(&["max_connections = 30", "superuser_reserved_connections = 0"]);
    let nodes = three_nodes(&database.url()).await;
    let ada = Member::register(&nodes.client(0), "ada").await;
    // All that are left. As many again as are closed meanwhile.
    let mut hogs = Vec::new();
    while let Ok(connection) = PgConnection::connect(&database.url()).await {
        hogs.push(connection);
    }
    assert!(hogs.len() > 5);
    // Each node lives with the connections that it has.
    let load = load(&nodes).await;
    for client in nodes.clients() {
        ada.client.at(client.base()).get("/me").await.expect(200);
        client.get("/readyz").await.expect(200);
    }
    drop(hogs);
    load.acts(100).await;
    let ledger = load.end().await;
    let lost = lost(&ledger, &nodes, &database).await;
    all_is_well(&ledger, &lost);
}
