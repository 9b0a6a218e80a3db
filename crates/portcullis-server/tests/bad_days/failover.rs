//! The primary dies, and its replica takes over.

use std::time::Duration;

use portcullis_testkit::{nodes::Nodes, postgres::Postgres, stopwatch::Stopwatch};

use crate::{all_is_well, load, lost, three_nodes};

async fn replicated() -> (Postgres, Postgres, Nodes) {
    let primary = Postgres::start(&[]);
    let standby = Postgres::standby_of(&primary, &[]);
    let nodes = three_nodes(&Postgres::url_of(&[&primary, &standby])).await;
    (primary, standby, nodes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_synchronous_replication_nothing_acknowledged_is_lost() {
    let primary = Postgres::start(&[]);
    let standby = Postgres::standby_of(&primary, &[]);
    primary
        .sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        .await;
    primary.sql("SELECT pg_reload_conf()").await;
    let mut primary = primary;
    let nodes = three_nodes(&Postgres::url_of(&[&primary, &standby])).await;
    for node in 0..3 {
        assert!(
            !nodes
                .process(node)
                .log()
                .contains("synchronous replication is off")
        );
    }
    let load = load(&nodes).await;
    primary.kill();
    let down = Stopwatch::start();
    standby.promote().await;
    let promoted = down.elapsed();
    load.acts(100).await;
    let recovered = down.elapsed();
    let gap = load.longest_gap();
    let ledger = load.end().await;
    let lost = lost(&ledger, &nodes, &standby).await;
    all_is_well(&ledger, &lost);
    println!(
        "promoted after {promoted:.1?}; no act acknowledged for {gap:.1?}; {} acts, none lost; {} times 503",
        ledger.acts, ledger.refused
    );
    assert!(recovered < promoted + Duration::from_secs(10), "{recovered:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_it_each_node_says_so_and_still_takes_no_token_that_it_refused() {
    let (mut primary, standby, nodes) = replicated().await;
    for node in 0..3 {
        assert!(
            nodes
                .process(node)
                .log()
                .contains("synchronous replication is off")
        );
    }
    let load = load(&nodes).await;
    // What comes now does not reach the replica.
    standby.sql("SELECT pg_wal_replay_pause()").await;
    load.acts(60).await;
    primary.kill();
    standby.sql("SELECT pg_wal_replay_resume()").await;
    standby.promote().await;
    load.acts(60).await;
    let ledger = load.end().await;
    // Acts may be gone: that was said. But nodes that heard of a logout, each of them here, do not forget it because the
    // database did.
    for tokens in &ledger.ended {
        for client in nodes.clients() {
            client
                .bearer(&tokens.access_token)
                .get("/me")
                .await
                .expect_invalid_token();
        }
    }
    assert_eq!(ledger.wrong, [""; 0]);
}
