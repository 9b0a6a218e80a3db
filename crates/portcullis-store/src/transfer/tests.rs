use std::collections::{BTreeMap, BTreeSet};

use portcullis_core::{rng::SystemRng, store::Store as _};
use portcullis_testkit::database::{Engine, TestDatabase};

use super::{
    source::{Source, Writers},
    table::{Kind, TABLES},
    target::Target,
    *,
};
use crate::DatabaseOptions;

/// The test kit has a store of its own making: only the URL is common to both.
fn options(database: &TestDatabase) -> DatabaseOptions {
    DatabaseOptions::new(database.url())
}

/// Table -> columns, the primary key first, each with its kind.
type Columns = BTreeMap<String, (BTreeSet<(String, String)>, BTreeSet<String>)>;

fn moved() -> Columns {
    let kind = |kind| match kind {
        Kind::Integer => "int8",
        Kind::Text => "text",
        Kind::Bytes => "bytea",
        Kind::Uuid => "uuid",
    };
    TABLES
        .iter()
        .map(|table| {
            let columns = table
                .columns
                .iter()
                .map(|column| (column.name.to_owned(), kind(column.kind).to_owned()));
            let key = table.key_columns().iter().map(|column| column.name.to_owned());
            (table.name.to_owned(), (columns.collect(), key.collect()))
        })
        .collect()
}

/// A column that a migration adds must be moved as well. The other engine has the same ones: a test compares the schemas.
#[tokio::test]
async fn every_column_of_the_schema_is_moved() {
    let database = TestDatabase::postgres().await;
    let mut connection = database.postgres_connection().await;
    let rows: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text, t.typname::text,
                EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary
                        AND a.attnum = ANY(i.indkey))
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
         WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut stored = Columns::new();
    for (table, column, kind, key) in rows {
        let (columns, keys) = stored.entry(table).or_default();
        columns.insert((column.clone(), kind));
        if key {
            keys.insert(column);
        }
    }
    for none in ["portcullis_migrations", "portcullis_leases"] {
        assert!(stored.remove(none).is_some());
    }
    assert_eq!(moved(), stored);
}

/// What a table refers to is moved before it.
#[test]
fn tables_come_behind_those_that_they_refer_to() {
    let place = |name| TABLES.iter().position(|table| table.name == name).unwrap();
    assert!(place("portcullis_users") < place("portcullis_user_roles"));
    assert!(place("portcullis_roles") < place("portcullis_user_roles"));
    assert!(place("portcullis_users") < place("portcullis_sessions"));
    assert!(place("portcullis_users") < place("portcullis_identities"));
    assert!(place("portcullis_sessions") < place("portcullis_session_origins"));
    assert!(place("portcullis_identities") < place("portcullis_session_origins"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_writes_to_a_source_that_is_copied() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let database = TestDatabase::open(engine).await;
        let source = Source::open(&options(&database), Writers::Wait).await.unwrap();
        let mut impatient = options(&database);
        impatient.timeout = std::time::Duration::from_millis(200);
        let store = crate::Database::open(&impatient).await.unwrap();
        assert!(store.set_meta("k", "v").await.is_err());
        assert_eq!(store.meta("k").await.unwrap(), None, "it can be read");
        source.close().await;
        store.set_meta("k", "v").await.unwrap();
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_sees_one_moment_and_stops_nobody() {
    let meta = TABLES
        .iter()
        .find(|table| table.name == "portcullis_meta")
        .unwrap();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let database = TestDatabase::open(engine).await;
        let mut source = Source::open(&options(&database), Writers::GoOn).await.unwrap();
        assert_eq!(source.count(meta).await.unwrap(), 0);
        let store = crate::Database::open(&options(&database)).await.unwrap();
        store.set_meta("k", "v").await.unwrap();
        assert_eq!(source.count(meta).await.unwrap(), 0);
        assert!(source.page(meta, None).await.unwrap().is_empty());
        source.close().await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_write_the_later_one_goes_on() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let database = TestDatabase::empty(engine).await;
        let (mut first, resumed) = Target::open(&options(&database), "copy", "key", &SystemRng)
            .await
            .unwrap();
        assert!(!resumed);
        let (mut second, resumed) = Target::open(&options(&database), "copy", "key", &SystemRng)
            .await
            .unwrap();
        assert!(resumed);
        let users = TABLES
            .iter()
            .find(|table| table.name == "portcullis_users")
            .unwrap();
        let columns: Vec<_> = users.columns.iter().collect();
        for _ in 0..2 {
            let late = first.put(users, &columns, &[], true).await;
            assert!(matches!(late, Err(TransferError::TakenOver)), "{late:?}");
        }
        assert!(matches!(first.finish(None).await, Err(TransferError::TakenOver)));
        second.put(users, &columns, &[], true).await.unwrap();
        assert!(second.is_done(users));
        second.finish(None).await.unwrap();
        // Without the mark it is a database like any other, and still empty.
        let (third, resumed) = Target::open(&options(&database), "restore", "key", &SystemRng)
            .await
            .unwrap();
        assert!(!resumed);
        drop(third);
        for (act, key) in [("copy", "key"), ("restore", "another key")] {
            let other = Target::open(&options(&database), act, key, &SystemRng).await;
            assert!(matches!(other.err(), Some(TransferError::OtherAct { act }) if act == "restore"));
        }
    }
}
