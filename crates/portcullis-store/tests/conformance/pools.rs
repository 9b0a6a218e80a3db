//! In the database of an application, on the pool that it has already.

use std::time::Duration;

use portcullis_core::{
    session::EndReason,
    store::{Store, StoreError, UserFilter},
};
use portcullis_store::{Database, OpenError, PoolShare};
use portcullis_testkit::database::{Engine, TestDatabase};
use sqlx::{
    Executor as _, PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqlitePoolOptions, SqliteSynchronous,
    },
};

use crate::fixture::{World, at_once, waiting};

/// Gives up soon, so that a test of it does not last.
fn impatient() -> PoolShare {
    PoolShare {
        timeout: Duration::from_millis(300),
        ..PoolShare::default()
    }
}

fn is_unavailable<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unavailable(_)))
}

fn wal(db: &TestDatabase) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(db.file())
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
}

async fn refusal(options: SqliteConnectOptions) -> OpenError {
    let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    let refused = Database::on_sqlite(pool.clone(), &PoolShare::default()).await;
    let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_schema")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(tables, [""; 0], "a refused pool is left alone");
    refused.err().expect("refused")
}

#[tokio::test]
async fn a_sqlite_pool_that_would_lose_what_is_acknowledged_is_refused_with_what_to_set() {
    let db = TestDatabase::empty(Engine::Sqlite).await;
    let cases = [
        (
            wal(&db).journal_mode(SqliteJournalMode::Delete),
            "`journal_mode` is delete",
            ".journal_mode(SqliteJournalMode::Wal)",
        ),
        (
            wal(&db).synchronous(SqliteSynchronous::Normal),
            "`synchronous` is 1",
            ".synchronous(SqliteSynchronous::Full)",
        ),
        (
            wal(&db).foreign_keys(false),
            "`foreign_keys` is 0",
            ".foreign_keys(true)",
        ),
        (
            wal(&db).busy_timeout(Duration::from_millis(999)),
            "`busy_timeout` is 999",
            ".busy_timeout(Duration::from_secs(5))",
        ),
        (
            wal(&db).pragma("query_only", "ON"),
            "`query_only` is 1",
            ".pragma(\"query_only\", \"OFF\")",
        ),
        (
            SqliteConnectOptions::new().in_memory(true),
            "`journal_mode` is memory",
            ".journal_mode(SqliteJournalMode::Wal)",
        ),
    ];
    for (options, found, set) in cases {
        let error = refusal(options).await;
        let text = error.to_string();
        assert!(text.contains(found) && text.contains(set), "{text}");
        assert!(
            matches!(&error, OpenError::Pragmas { wrong } if wrong.len() == 1),
            "{text}"
        );
    }
    let all = wal(&db)
        .locking_mode(SqliteLockingMode::Exclusive)
        .synchronous(SqliteSynchronous::Off)
        .foreign_keys(false);
    let pool = SqlitePoolOptions::new().connect_with(all).await.unwrap();
    let error = Database::on_sqlite(pool, &PoolShare::default())
        .await
        .err()
        .unwrap();
    assert!(
        matches!(&error, OpenError::Pragmas { wrong } if wrong.len() == 3),
        "{error}"
    );

    let other = TestDatabase::empty(Engine::Sqlite).await;
    let error = refusal(wal(&other).pragma("encoding", "'UTF-16'")).await;
    assert!(matches!(error, OpenError::SqliteEncoding { .. }), "{error}");
}

#[tokio::test]
async fn what_portcullis_asks_for_is_what_it_takes() {
    let db = TestDatabase::empty(Engine::Sqlite).await;
    let options = wal(&db)
        .synchronous(SqliteSynchronous::Extra)
        .busy_timeout(Duration::from_secs(1));
    let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    let store = Database::on_sqlite(pool, &PoolShare::default()).await.unwrap();
    store.set_meta("k", "v").await.unwrap();
    store.close().await;
}

/// What follows once ours is closed, or theirs.
async fn closing(ours: [Database; 2], answers: impl AsyncFn() -> bool, close: impl AsyncFnOnce()) {
    let [first, second] = ours;
    first.set_meta("k", "v").await.unwrap();
    first.close().await;
    assert!(is_unavailable(&first.set_meta("k", "w").await));
    assert!(is_unavailable(&first.meta("k").await));
    assert!(is_unavailable(&first.ping().await));
    first.close().await;
    assert!(answers().await, "the pool of the application stays open");
    assert_eq!(second.meta("k").await.unwrap().as_deref(), Some("v"));

    // The application may also go first: nothing of ours keeps its pool from closing.
    close().await;
    assert!(!answers().await);
    assert!(is_unavailable(&second.meta("k").await));
    second.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_closing_one_does_not_close_the_other() {
    let db = TestDatabase::empty(Engine::Sqlite).await;
    let pool = db.sqlite_pool().await;
    let share = PoolShare::default();
    let first = Database::on_sqlite(pool.clone(), &share).await.unwrap();
    let second = Database::on_sqlite(pool.clone(), &share).await.unwrap();
    let answers = async || sqlx::query("SELECT 1").execute(&pool).await.is_ok();
    closing([first, second], answers, async || pool.close().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_closing_one_does_not_close_the_other() {
    let db = TestDatabase::empty(Engine::Postgres).await;
    let pool = db.postgres_pool().await;
    let share = PoolShare::default();
    let first = Database::on_postgres(pool.clone(), &share).await.unwrap();
    let second = Database::on_postgres(pool.clone(), &share).await.unwrap();
    let answers = async || sqlx::query("SELECT 1").execute(&pool).await.is_ok();
    closing([first, second], answers, async || pool.close().await).await;
}

const WRITES: usize = 20;

async fn acts_of_ours(world: &World) {
    let done = at_once(WRITES, |number| {
        let world = world.clone();
        async move {
            let id = world.user(&format!("u{number}@example.com"), &["user"]).await;
            let session = world.login(id).await;
            world.carry_on(&world.token(&session)).await;
            world
                .store
                .end_all_sessions(&world.context(), id, EndReason::Admin)
                .await
                .unwrap()
                .changes
                .len()
        }
    })
    .await;
    assert_eq!(done, [1; WRITES]);
}

async fn all_of_ours_is_there(world: &World) {
    let filter = UserFilter {
        limit: 1_000,
        ..UserFilter::default()
    };
    assert_eq!(world.store.users(&filter).await.unwrap().len(), WRITES);
    let feed = world.store.load_feed(world.now()).await.unwrap();
    assert_eq!(feed.changes.len(), WRITES);
}

/// What the application writes, in one transaction.
const INSERTS: [&str; 2] = [
    "INSERT INTO users (id, name) VALUES ($1, 'Grace')",
    "INSERT INTO articles (id, author) VALUES ($1, $1)",
];
const ARTICLES: &str = "SELECT COUNT(*) FROM articles JOIN users ON users.id = articles.author";

async fn sqlite_article(pool: SqlitePool, number: i32) {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    for insert in INSERTS {
        let insert = sqlx::query(insert).bind(number);
        insert.execute(&mut *transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

async fn postgres_article(pool: PgPool, number: i32) {
    let mut transaction = pool.begin().await.unwrap();
    for insert in INSERTS {
        let insert = sqlx::query(insert).bind(number);
        insert.execute(&mut *transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_both_write_at_once() {
    let db = TestDatabase::borrowed(Engine::Sqlite).await;
    let (world, pool) = (World::new(db.store()), db.sqlite_pool().await);
    let theirs = at_once(WRITES, |number| {
        let number = i32::try_from(number).unwrap() + 2;
        sqlite_article(pool.clone(), number)
    });
    tokio::join!(acts_of_ours(&world), theirs);
    all_of_ours_is_there(&world).await;
    let articles: i64 = sqlx::query_scalar(ARTICLES).fetch_one(&pool).await.unwrap();
    assert_eq!(articles, i64::try_from(WRITES).unwrap() + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_both_write_at_once() {
    let db = TestDatabase::borrowed(Engine::Postgres).await;
    let (world, pool) = (World::new(db.store()), db.postgres_pool().await);
    let theirs = at_once(WRITES, |number| {
        let number = i32::try_from(number).unwrap() + 2;
        postgres_article(pool.clone(), number)
    });
    tokio::join!(acts_of_ours(&world), theirs);
    all_of_ours_is_there(&world).await;
    let articles: i64 = sqlx::query_scalar(ARTICLES).fetch_one(&pool).await.unwrap();
    assert_eq!(articles, i64::try_from(WRITES).unwrap() + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_an_application_that_holds_its_whole_pool_delays_reads_alone() {
    let db = TestDatabase::empty(Engine::Sqlite).await;
    let pool = SqlitePoolOptions::new()
        .max_connections(2)
        .connect_with(wal(&db))
        .await
        .unwrap();
    let world = World::new(Database::on_sqlite(pool.clone(), &impatient()).await.unwrap());
    let held = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
    world.store.set_meta("k", "v").await.unwrap();
    assert_eq!(world.store.load_feed(world.now()).await.unwrap().changes, []);
    assert!(is_unavailable(&world.store.meta("k").await));
    drop(held);
    assert_eq!(world.store.meta("k").await.unwrap().as_deref(), Some("v"));
    world.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_an_application_that_holds_its_whole_pool_does_not_hold_up_the_feed() {
    let db = TestDatabase::empty(Engine::Postgres).await;
    let pool = PgPoolOptions::new()
        .max_connections(2)
        .connect(db.url())
        .await
        .unwrap();
    let world = World::new(Database::on_postgres(pool.clone(), &impatient()).await.unwrap());
    let held = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
    assert_eq!(world.store.load_feed(world.now()).await.unwrap().changes, []);
    assert!(is_unavailable(&world.store.set_meta("k", "v").await));
    assert!(is_unavailable(&world.store.meta("k").await));
    drop(held);
    world.store.set_meta("k", "v").await.unwrap();
    world.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_a_share_leaves_the_rest_of_the_pool_to_the_application() {
    let db = TestDatabase::empty(Engine::Postgres).await;
    let pool = PgPoolOptions::new()
        .max_connections(3)
        .connect(db.url())
        .await
        .unwrap();
    let share = PoolShare {
        max_connections: 2,
        ..PoolShare::default()
    };
    let store = Database::on_postgres(pool.clone(), &share).await.unwrap();
    store.set_meta("k", "v").await.unwrap();
    let mut held = db.postgres_connection().await;
    held.execute("BEGIN; UPDATE portcullis_meta SET value = 'held'")
        .await
        .unwrap();
    let stuck: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.set_meta("k", "new").await })
        })
        .collect();
    while waiting(&mut held).await < 2 {}
    // Eight acts wait, and the application gets its connection at once.
    assert!(pool.try_acquire().is_some() || pool.acquire().await.is_ok());
    assert_eq!(waiting(&mut held).await, 2);
    held.execute("COMMIT").await.unwrap();
    for act in stuck {
        act.await.unwrap().unwrap();
    }
    store.close().await;
}

#[tokio::test]
async fn postgres_an_act_is_bounded_and_the_connection_stays_as_it_was() {
    let db = TestDatabase::empty(Engine::Postgres).await;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect(db.url())
        .await
        .unwrap();
    let store = Database::on_postgres(pool.clone(), &impatient()).await.unwrap();
    store.set_meta("k", "v").await.unwrap();
    let mut held = db.postgres_connection().await;
    held.execute("BEGIN; UPDATE portcullis_meta SET value = 'held'")
        .await
        .unwrap();
    assert!(is_unavailable(&store.set_meta("k", "new").await));
    // The server gave up on the statement: nobody waits for the row any more.
    assert_eq!(waiting(&mut held).await, 0);
    for setting in [
        "SHOW statement_timeout",
        "SHOW idle_in_transaction_session_timeout",
    ] {
        let value: String = sqlx::query_scalar(setting).fetch_one(&pool).await.unwrap();
        assert_eq!(value, "0", "{setting}");
    }
    held.execute("ROLLBACK").await.unwrap();
    store.set_meta("k", "new").await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn postgres_what_the_pool_does_to_its_connections_holds_for_ours() {
    let db = TestDatabase::empty(Engine::Postgres).await;
    db.tamper("CREATE SCHEMA app").await;
    let pool = PgPoolOptions::new()
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute("SET search_path = app").await?;
                Ok(())
            })
        })
        .connect(db.url())
        .await
        .unwrap();
    let world = World::new(Database::on_postgres(pool, &PoolShare::default()).await.unwrap());
    world.user("ada@example.com", &["user"]).await;
    assert_eq!(world.store.load_feed(world.now()).await.unwrap().changes, []);
    let mut connection = db.postgres_connection().await;
    let users: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM app.portcullis_users")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(users, 1);
    world.store.close().await;
}

#[tokio::test]
async fn looking_does_not_migrate_a_borrowed_database() {
    let looking = PoolShare {
        migrate: false,
        ..PoolShare::default()
    };
    let (sqlite, postgres) = (
        TestDatabase::empty(Engine::Sqlite).await,
        TestDatabase::empty(Engine::Postgres).await,
    );
    for database in [
        Database::on_sqlite(sqlite.sqlite_pool().await, &looking)
            .await
            .unwrap(),
        Database::on_postgres(postgres.postgres_pool().await, &looking)
            .await
            .unwrap(),
    ] {
        let pending = database.pending_migrations().await.unwrap();
        assert_eq!(pending.first(), Some(&"0001_initial"));
        database.close().await;
    }
}
