//! A server that says nothing more and leaves its connections open: its machine lost power, a firewall forgot. Behind the same
//! address there may soon be another one.

use std::time::Duration;

use portcullis_core::{
    revocation::Lanes,
    store::{Store as _, StoreError},
};
use portcullis_store::{Database, DatabaseOptions};
use portcullis_testkit::{postgres::Postgres, stopwatch::Stopwatch};
use sqlx::{Connection as _, Executor as _, PgConnection};

/// What was begun before the silence is given up within two of these.
const TIMEOUT: Duration = Duration::from_secs(1);
/// And what comes after it works within this.
const SOON: Duration = Duration::from_secs(8);

async fn open(server: &Postgres) -> Database {
    let options = DatabaseOptions {
        timeout: TIMEOUT,
        max_connections: 1,
        ..DatabaseOptions::new(server.url())
    };
    Database::open(&options).await.unwrap()
}

/// Until somebody waits for a lock.
async fn until_waiting(watch: &mut PgConnection) {
    loop {
        watch.execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
        let waiting: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                .fetch_one(&mut *watch)
                .await
                .unwrap();
        if waiting > 0 {
            return;
        }
    }
}

/// Tries until it works; gives how long that took.
async fn until_it_works<F>(mut attempt: impl FnMut() -> F) -> Duration
where
    F: Future<Output = Result<(), StoreError>>,
{
    let waited = Stopwatch::start();
    while let Err(error) = attempt().await {
        assert!(waited.elapsed() < SOON * 2, "it stays as it is: {error}");
    }
    waited.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_of_the_feed_that_is_never_answered_costs_its_connection_and_nothing_else() {
    let server = Postgres::start(&["fsync = off"]);
    let database = open(&server).await;
    database.read_feed(&Lanes::default()).await.unwrap();
    let mut held = server.connect().await;
    held.execute("BEGIN; LOCK TABLE portcullis_lanes IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let read = tokio::spawn({
        let database = database.clone();
        async move { database.read_feed(&Lanes::default()).await.map(drop) }
    });
    until_waiting(&mut held).await;
    let silence = server.silence("wait_event_type = 'Lock'").await;
    held.execute("ROLLBACK").await.unwrap();
    assert!(matches!(read.await.unwrap(), Err(StoreError::Unavailable(_))));

    let took = until_it_works(|| async { database.read_feed(&Lanes::default()).await.map(drop) }).await;
    assert!(took < SOON, "{took:?}");
    // The end waits for nobody either.
    let waited = Stopwatch::start();
    database.close().await;
    assert!(waited.elapsed() < SOON, "{:?}", waited.elapsed());
    drop(silence);
    held.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_never_answered_costs_its_connection_and_nothing_else() {
    let server = Postgres::start(&["fsync = off"]);
    let database = open(&server).await;
    server
        .sql(
            "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_sleep(600); RETURN NULL; END';
             CREATE CONSTRAINT TRIGGER stall AFTER INSERT ON portcullis_meta DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW WHEN (NEW.name = 'silent') EXECUTE FUNCTION stall();",
        )
        .await;
    let act = tokio::spawn({
        let database = database.clone();
        async move { database.set_meta("silent", "v").await }
    });
    let result = act.await.unwrap();
    assert!(
        matches!(result, Err(StoreError::OutcomeUnknown { .. })),
        "{result:?}"
    );
    let silence = server.silence("wait_event = 'PgSleep'").await;
    let took = until_it_works(|| database.set_meta("other", "v")).await;
    assert!(took < SOON, "{took:?}");
    database.close().await;
    drop(silence);
}

/// All at once, and those with whom nobody was talking.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_falls_silent_altogether_is_left_for_the_next_behind_its_name() {
    let server = Postgres::start(&["fsync = off"]);
    let database = open(&server).await;
    database.read_feed(&Lanes::default()).await.unwrap();
    database.set_meta("k", "v").await.unwrap();
    database.feed_moved().await;
    // Those who are connected; whoever comes anew is answered.
    let silence = server.silence("backend_type = 'client backend'").await;
    let took = until_it_works(|| database.set_meta("k", "w")).await;
    assert!(took < SOON, "{took:?}");
    let took = until_it_works(|| async { database.read_feed(&Lanes::default()).await.map(drop) }).await;
    assert!(took < SOON, "{took:?}");
    assert_eq!(database.meta("k").await.unwrap().as_deref(), Some("w"));
    let waited = Stopwatch::start();
    database.close().await;
    assert!(waited.elapsed() < SOON, "{:?}", waited.elapsed());
    drop(silence);
}
