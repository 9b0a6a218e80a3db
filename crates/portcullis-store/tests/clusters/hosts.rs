use std::time::Duration;

use portcullis_core::store::{Store as _, StoreError};
use portcullis_store::{Database, DatabaseOptions, OpenError};
use portcullis_testkit::{postgres::Postgres, stopwatch::Stopwatch};

/// A primary, and one that has all that it has before a COMMIT is answered.
async fn pair() -> (Postgres, Postgres) {
    let primary = Postgres::start(&["fsync = off"]);
    let standby = Postgres::standby_of(&primary, &["fsync = off"]);
    primary
        .sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        .await;
    primary.sql("SELECT pg_reload_conf()").await;
    (primary, standby)
}

fn options(url: String) -> DatabaseOptions {
    DatabaseOptions {
        timeout: Duration::from_secs(2),
        ..DatabaseOptions::new(url)
    }
}

/// Tries until it works; gives how long that took.
async fn until_it_works(database: &Database, key: &str) -> Duration {
    let waited = Stopwatch::start();
    while database.set_meta(key, "v").await.is_err() {
        assert!(
            waited.elapsed() < Duration::from_secs(30),
            "the new primary is not found"
        );
    }
    waited.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_that_takes_writes_is_found_and_found_again() {
    let (mut primary, mut standby) = pair().await;
    // In whatever order they are named.
    let url = Postgres::url_of(&[&standby, &primary]);
    let database = Database::open(&options(url.clone())).await.unwrap();
    database.set_meta("before", "v").await.unwrap();
    database.feed_moved().await;

    let refused = Database::open(&options(standby.url())).await.err().unwrap();
    assert!(matches!(refused, OpenError::Standby { .. }), "{refused}");
    assert!(
        refused.to_string().contains("target_session_attrs=read-write"),
        "{refused}"
    );

    primary.kill();
    let lost = database.set_meta("lost", "v").await;
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
    let none = Database::open(&options(url.clone())).await.err().unwrap();
    assert!(
        matches!(&none, OpenError::NoPrimary { hosts } if hosts.contains("is a standby")),
        "{none}"
    );
    standby.promote().await;
    let took = until_it_works(&database, "after").await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(database.meta("before").await.unwrap().as_deref(), Some("v"));
    assert_eq!(database.meta("lost").await.unwrap(), None);
    // The connections that are kept for revocations have moved, too.
    database
        .load_feed(portcullis_core::clock::Timestamp::from_millis(0))
        .await
        .unwrap();
    database.feed_moved().await;

    // The old primary comes back as if nothing had happened. It is the first of the two, and takes writes.
    primary.resume();
    primary
        .sql("ALTER SYSTEM SET synchronous_standby_names = ''")
        .await;
    primary.sql("SELECT pg_reload_conf()").await;
    let url = Postgres::url_of(&[&primary, &standby]);
    let another = Database::open(&options(url)).await.unwrap();
    assert_eq!(
        another.meta("after").await.unwrap().as_deref(),
        Some("v"),
        "that of the past is none"
    );
    // Nor is it taken when there is no other.
    standby.kill();
    let refused = another.set_meta("past", "v").await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    standby.resume();
    until_it_works(&another, "again").await;
    another.close().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ends_connections_costs_nobody_an_act() {
    let server = Postgres::start(&["fsync = off"]);
    let database = Database::open(&options(server.url())).await.unwrap();
    database.set_meta("k", "v").await.unwrap();
    // Under the hands of an act that has begun: it waits for the row, and its connection is cut.
    let mut held = server.connect().await;
    sqlx::raw_sql("BEGIN; UPDATE portcullis_meta SET value = 'held'")
        .execute(&mut held)
        .await
        .unwrap();
    let act = tokio::spawn({
        let database = database.clone();
        async move { database.set_meta("k", "new").await }
    });
    loop {
        let cut: Vec<bool> = sqlx::query_scalar(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
        )
        .fetch_all(&mut held)
        .await
        .unwrap();
        if !cut.is_empty() {
            break;
        }
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut held).await.unwrap();
    act.await.unwrap().unwrap();
    assert_eq!(database.meta("k").await.unwrap().as_deref(), Some("new"));
    database.close().await;
}
