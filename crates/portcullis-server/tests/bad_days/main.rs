//! Bad days: three nodes under load, and something breaks. A stage of its own (`cargo nextest run --profile bad-days`), since
//! each takes seconds that really pass.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod clocks;
mod database;
mod disk;
mod failover;
mod nodes;

use std::{path::Path, time::Duration};

use portcullis_testkit::{
    nodes::{Ledger, Load, Lost, Nodes},
    postgres::Postgres,
    stopwatch::Stopwatch,
};

const BINARY: &str = env!("CARGO_BIN_EXE_portcullis");
/// People under way at a time.
const PEOPLE: usize = 6;
/// What a node believes without hearing from its database.
const LEASE: Duration = Duration::from_secs(5);

async fn three_nodes(url: &str) -> Nodes {
    Nodes::start(Path::new(BINARY), url, 3, &[]).await
}

/// What of all that was acknowledged is not there, once all nodes are well.
async fn lost(ledger: &Ledger, nodes: &Nodes, database: &Postgres) -> Lost {
    for node in 0..nodes.count() {
        ready(nodes, node).await;
    }
    ledger.lost(&database.emails().await, &nodes.clients()).await
}

/// Waits until a node is ready.
async fn ready(nodes: &Nodes, node: usize) {
    let waited = Stopwatch::start();
    loop {
        let answer = nodes.client(node).get("/readyz").await;
        if answer.status == 200 {
            return;
        }
        assert!(
            waited.elapsed() < Duration::from_secs(30),
            "not ready: {}",
            answer.body
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Begins a load and waits until it runs.
async fn load(nodes: &Nodes) -> Load {
    let load = Load::begin(nodes, PEOPLE);
    load.acts(60).await;
    load
}

/// Nothing was lost, and no answer was what it must never be.
fn all_is_well(ledger: &Ledger, lost: &Lost) {
    assert_eq!(ledger.wrong, [""; 0]);
    assert_eq!(*lost, Lost::default(), "of {} acknowledged acts", ledger.acts);
    assert!(!ledger.users.is_empty() && !ledger.live.is_empty() && !ledger.ended.is_empty());
}
