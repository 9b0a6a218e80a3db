//! How the schema comes about, and that it is the same on both engines.

use std::{collections::BTreeMap, time::Duration};

use portcullis_store::{Database, DatabaseOptions, OpenError};
use portcullis_testkit::database::{Engine, TestDatabase};
use sqlx::Executor as _;

use crate::fixture::{World, at_once, waiting};

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

/// Table -> column -> (type, may be null, part of the primary key).
type Columns = BTreeMap<String, BTreeMap<String, (String, bool, bool)>>;
/// Index -> (table, columns, unique, partial).
type Indices = BTreeMap<String, (String, Vec<String>, bool, bool)>;

/// One word for what both engines have.
fn common(kind: &str) -> String {
    match kind {
        "bigint" | "INTEGER" => "integer",
        "text" | "TEXT" => "text",
        "uuid" | "bytea" | "BLOB" => "bytes",
        other => other,
    }
    .to_owned()
}

async fn sqlite() -> (Columns, Indices) {
    let db = TestDatabase::sqlite().await;
    let mut connection = db.sqlite_connection().await;
    let rows: Vec<(String, String, String, i64, i64)> = sqlx::query_as(
        r#"SELECT m.name, c.name, c.type, c."notnull", c.pk FROM sqlite_schema m JOIN pragma_table_info(m.name) c
           WHERE m.type = 'table'"#,
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut columns = Columns::new();
    for (table, column, kind, not_null, key) in rows {
        columns
            .entry(table)
            .or_default()
            .insert(column, (common(&kind), not_null == 0, key > 0));
    }
    let rows: Vec<(String, String, String, i64, i64)> = sqlx::query_as(
        r#"SELECT i.name, m.name, c.name, i."unique", i.partial
           FROM sqlite_schema m JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c
           WHERE m.type = 'table' AND i.origin = 'c' ORDER BY i.name, c.seqno"#,
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    (columns, indices(rows))
}

async fn postgres() -> (Columns, Indices) {
    let db = TestDatabase::postgres().await;
    let mut connection = db.postgres_connection().await;
    let rows: Vec<(String, String, String, bool, bool)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text, t.typname::text, a.attnotnull,
                EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary
                        AND a.attnum = ANY(i.indkey))
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
         WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut columns = Columns::new();
    for (table, column, kind, not_null, key) in rows {
        let kind = if kind == "int8" { "bigint" } else { &kind };
        columns
            .entry(table)
            .or_default()
            .insert(column, (common(kind), !not_null, key));
    }
    let rows: Vec<(String, String, String, i64, i64)> = sqlx::query_as(
        "SELECT n.relname::text, c.relname::text, a.attname::text, i.indisunique::int::bigint,
                (i.indpred IS NOT NULL)::int::bigint
         FROM pg_index i JOIN pg_class n ON n.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
              JOIN pg_attribute a ON a.attrelid = n.oid
         WHERE c.relnamespace = 'public'::regnamespace AND NOT i.indisprimary ORDER BY n.relname, a.attnum",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    (columns, indices(rows))
}

fn indices(rows: Vec<(String, String, String, i64, i64)>) -> Indices {
    let mut indices = Indices::new();
    for (index, table, column, unique, partial) in rows {
        let entry = (table, Vec::new(), unique == 1, partial == 1);
        indices.entry(index).or_insert(entry).1.push(column);
    }
    indices
}

#[tokio::test]
async fn both_engines_have_the_same_schema() {
    let (columns, indices) = sqlite().await;
    assert!(columns.len() > 10 && indices.len() > 8);
    assert!(
        columns.keys().all(|table| table.starts_with("portcullis_")),
        "the crate may live in the database of an application"
    );
    let (other_columns, other_indices) = postgres().await;
    assert_eq!(columns, other_columns);
    assert_eq!(indices, other_indices);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_do_not_collide() {
    // Several times: who meets whom, and where, is another story each time.
    for engine in [ENGINES, ENGINES, ENGINES, ENGINES].concat() {
        let place = TestDatabase::empty(engine).await;
        let opened = at_once(8, |_| {
            let options = place.options();
            async move { Database::open(&options).await }
        })
        .await;
        for database in opened {
            let database = database.unwrap();
            assert_eq!(database.pending_migrations().await.unwrap(), [""; 0]);
            database.close().await;
        }
    }
}

#[tokio::test]
async fn a_check_looks_without_migrating() {
    for engine in ENGINES {
        let place = TestDatabase::empty(engine).await;
        let looking = DatabaseOptions {
            migrate: false,
            ..place.options()
        };
        if engine == Engine::Sqlite {
            assert!(matches!(
                Database::open(&looking).await,
                Err(OpenError::File { .. })
            ));
            assert!(!place.file().exists(), "looking makes no file");
            std::fs::File::create(place.file()).unwrap();
        }
        let database = Database::open(&looking).await.unwrap();
        assert_eq!(
            database.pending_migrations().await.unwrap().first(),
            Some(&"0001_initial")
        );
        database.close().await;

        let database = Database::open(&place.options()).await.unwrap();
        assert_eq!(database.pending_migrations().await.unwrap(), [""; 0]);
        database.close().await;
        let database = Database::open(&looking).await.unwrap();
        assert_eq!(database.pending_migrations().await.unwrap(), [""; 0]);
        database.close().await;
    }
}

#[tokio::test]
async fn a_schema_of_another_version_is_refused() {
    for engine in ENGINES {
        let db = TestDatabase::open(engine).await;
        let both = [true, false].map(|migrate| DatabaseOptions {
            migrate,
            ..db.options()
        });
        db.tamper(
            "INSERT INTO portcullis_migrations (number, name, checksum) VALUES (99, '0099_later', 'x');
             INSERT INTO portcullis_meta (name, value) VALUES ('least_migration', '99');",
        )
        .await;
        for options in &both {
            let error = Database::open(options).await.err().unwrap();
            assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
            assert!(error.to_string().contains("0099_later"), "{error}");
        }
        db.tamper("DELETE FROM portcullis_migrations WHERE number = 99")
            .await;
        db.tamper("UPDATE portcullis_migrations SET checksum = 'x'").await;
        for options in &both {
            let error = Database::open(options).await.err().unwrap();
            assert!(matches!(error, OpenError::Checksum { number: 1, .. }), "{error}");
        }
    }
}

/// Expand, then contract: while nodes are replaced one by one, those of the version before run, and start, on the schema
/// of the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_version_before_runs_on_a_schema_that_was_expanded() {
    for engine in ENGINES {
        let db = TestDatabase::open(engine).await;
        let before = World::new(db.store());
        let id = before.user("ada@example.com", &["user"]).await;
        db.tamper(
            "ALTER TABLE portcullis_users ADD COLUMN later INTEGER NOT NULL DEFAULT 1;
             ALTER TABLE portcullis_sessions ADD COLUMN later TEXT;
             CREATE TABLE portcullis_later (id BIGINT NOT NULL PRIMARY KEY);
             INSERT INTO portcullis_migrations (number, name, checksum) VALUES (99, '0099_later', 'x');",
        )
        .await;
        let started = Database::open(&db.options()).await.unwrap();
        assert_eq!(started.pending_migrations().await.unwrap(), [""; 0]);
        for world in [before.clone(), before.on(started.clone())] {
            let session = world.login(id).await;
            world.carry_on(&world.token(&session)).await;
            world
                .user(&format!("{}@example.com", session.id), &["user"])
                .await;
            world.put_role("editor", &["write"], &[]).await;
        }
        started.close().await;
    }
}

/// Who waits for a table makes all others wait that come after it. A migration waits for as long as a backup takes, which
/// holds every table that it reads; logins do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_a_migration_that_waits_for_a_table_lets_others_pass() {
    let db = TestDatabase::open(Engine::Postgres).await;
    db.tamper(
        "ALTER TABLE portcullis_users DROP COLUMN password_epoch;
         DROP INDEX portcullis_users_disabled;
         DROP TABLE portcullis_session_origins, portcullis_identities, portcullis_spent;
         DELETE FROM portcullis_migrations WHERE number > 1;",
    )
    .await;
    let (mut backup, mut login) = (db.postgres_connection().await, db.postgres_connection().await);
    let look = "SELECT id FROM portcullis_users";
    backup.execute("BEGIN").await.unwrap();
    backup.execute(look).await.unwrap();
    let migrating = {
        let options = db.options();
        tokio::spawn(async move { Database::open(&options).await })
    };
    while waiting(&mut backup).await == 0 {
        assert!(!migrating.is_finished(), "it waits for the backup");
    }
    let passed = tokio::time::timeout(Duration::from_secs(10), login.execute(look)).await;
    passed.expect("it passes the migration").unwrap();
    backup.execute("COMMIT").await.unwrap();
    let database = migrating.await.unwrap().unwrap();
    assert_eq!(database.pending_migrations().await.unwrap(), [""; 0]);
    database.close().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_the_password() {
    let options = DatabaseOptions {
        timeout: Duration::from_millis(300),
        ..DatabaseOptions::new("postgres://ada:hunter2@127.0.0.1:1/accounts")
    };
    let error = Database::open(&options).await.err().unwrap();
    let text = format!("{error} {error:?}");
    assert!(
        text.contains("127.0.0.1:1/accounts") && !text.contains("hunter2"),
        "{text}"
    );
}
