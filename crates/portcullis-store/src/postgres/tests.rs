use portcullis_testkit::database::{Engine, TestDatabase};

use super::*;
use crate::upkeep::SetMeta;

async fn open(place: &TestDatabase, longest: Duration) -> Postgres {
    let options = DatabaseOptions::new(place.url());
    let hosts = hosts_of(place.url()).unwrap();
    let mut opened = Postgres::open(hosts, &options, Arc::default()).await.unwrap();
    opened.longest = longest;
    opened
}

fn act() -> SetMeta {
    SetMeta {
        name: "k".to_owned(),
        value: "v".to_owned(),
    }
}

/// Tokens that were issued while it went on outlive what it revokes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_that_took_too_long_is_not_committed() {
    let place = TestDatabase::empty(Engine::Postgres).await;
    let database = open(&place, Duration::from_millis(250)).await;
    database.act(act()).await.unwrap();
    place
        .tamper(
            "DELETE FROM portcullis_meta WHERE name = 'k';
             CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END';
             CREATE TRIGGER dawdle AFTER INSERT ON portcullis_meta FOR EACH ROW EXECUTE FUNCTION dawdle();",
        )
        .await;
    let late = database.act(act()).await.err().unwrap();
    assert!(matches!(late, StoreError::Unavailable(_)), "{late:?}");
    let kept = "SELECT COUNT(*) FROM portcullis_meta WHERE name = 'k'";
    assert_eq!(place.number(kept).await, 0);
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_that_took_too_long_is_not_run_again() {
    let place = TestDatabase::empty(Engine::Postgres).await;
    let database = open(&place, Duration::ZERO).await;
    // A sequence does not roll back.
    place
        .tamper(
            "CREATE SEQUENCE tries;
             CREATE FUNCTION meet() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM nextval(''tries''); RAISE EXCEPTION USING ERRCODE = ''40001''; END';
             CREATE TRIGGER meet AFTER INSERT ON portcullis_meta FOR EACH ROW EXECUTE FUNCTION meet();",
        )
        .await;
    assert!(database.act(act()).await.is_err());
    assert_eq!(place.number("SELECT last_value FROM tries").await, 1);
    database.close().await;
}
