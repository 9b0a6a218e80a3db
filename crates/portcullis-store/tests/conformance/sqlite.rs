//! What only SQLite has: a file, one writer, many acts per COMMIT.

use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use portcullis_core::store::{Store, StoreError, UserActError, UserFilter};
use portcullis_store::{Database, DatabaseOptions, OpenError};
use portcullis_testkit::{
    database::{Engine, TestDatabase},
    stopwatch::Stopwatch,
};
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use crate::fixture::{World, at_once};

async fn lock(db: &TestDatabase) -> SqliteConnection {
    let mut connection = db.sqlite_connection().await;
    connection.execute("BEGIN IMMEDIATE").await.unwrap();
    connection
}

async fn unlock(mut connection: SqliteConnection) {
    connection.execute("ROLLBACK").await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn the_files_are_for_their_owner_only() {
    let db = TestDatabase::sqlite().await;
    db.store().set_meta("k", "v").await.unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let mut file = db.file().into_os_string();
        file.push(suffix);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    // A clean end leaves one file.
    db.store().close().await;
    let left: Vec<_> = std::fs::read_dir(db.file().parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let place = TestDatabase::empty(Engine::Sqlite).await;
    std::fs::write(
        place.file(),
        "this is a text, and a long one, but no database at all".repeat(40),
    )
    .unwrap();
    let error = Database::open(&place.options()).await.err().unwrap();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");

    let missing = place.file().join("no/such/folder.db");
    let options = DatabaseOptions::new(format!("sqlite://{}", missing.display()));
    let error = Database::open(&options).await.err().unwrap();
    assert!(matches!(error, OpenError::File { .. }), "{error}");
    assert!(error.to_string().contains("folder.db"), "{error}");
}

#[tokio::test]
async fn a_file_that_stays_locked_is_reported_as_such() {
    let place = TestDatabase::sqlite().await;
    place
        .tamper("DELETE FROM portcullis_migrations; DROP TABLE portcullis_migrations")
        .await;
    let held = lock(&place).await;
    let options = DatabaseOptions {
        timeout: Duration::from_millis(50),
        ..place.options()
    };
    let error = Database::open(&options).await.err().unwrap();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    unlock(held).await;
}

/// While another process holds the file, `database.queue` acts wait and the rest is told at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_held_refuses_rather_than_piling_up() {
    let place = TestDatabase::empty(Engine::Sqlite).await;
    let options = DatabaseOptions {
        queue: 8,
        timeout: Duration::from_secs(3),
        ..place.options()
    };
    let store = Database::open(&options).await.unwrap();
    let held = lock(&place).await;
    // The writer takes it, and waits for the file.
    let first = tokio::spawn({
        let store = store.clone();
        async move { store.set_meta("k", "v").await }
    });
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    let waited = Stopwatch::start();
    let results = at_once(100, |number| {
        let store = store.clone();
        async move {
            let result = store.set_meta(&format!("k{number}"), "v").await;
            (result, waited.elapsed())
        }
    });
    let (results, ()) = tokio::join!(results, async {
        while waited.elapsed() < Duration::from_secs(1) {
            tokio::task::yield_now().await;
        }
        unlock(held).await;
    });
    first.await.unwrap().unwrap();
    let refused: Vec<_> = results.iter().filter(|(result, _)| result.is_err()).collect();
    // One more where the writer took the first act a moment later.
    assert!(
        (92..=93).contains(&refused.len()),
        "{}: eight wait",
        refused.len()
    );
    for (result, after) in refused {
        let error = result.as_ref().unwrap_err().to_string();
        assert!(error.contains("too many wait"), "{error}");
        assert!(*after < Duration::from_secs(1), "{after:?}");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acts_that_share_a_commit_fail_alone() {
    let db = TestDatabase::sqlite().await;
    let world = World::new(db.store());
    world.user("taken@example.com", &["user"]).await;
    // The first act holds a batch open until the lock is free; the others queue up behind it and join.
    let held = lock(&db).await;
    let mut acts = Vec::new();
    for number in 0..60 {
        let world = world.clone();
        acts.push(tokio::spawn(async move {
            let email = match number % 3 {
                0 => "taken@example.com".to_owned(),
                _ => format!("u{number}@example.com"),
            };
            let roles: &[&str] = if number % 3 == 1 { &["pope"] } else { &["user"] };
            (number % 3, world.create(world.new_user(&email, roles)).await)
        }));
    }
    // All are in the queue once the runtime has nothing else to do for them.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    unlock(held).await;
    for act in acts {
        match act.await.unwrap() {
            (0, result) => assert!(matches!(result, Err(UserActError::EmailTaken)), "{result:?}"),
            (1, result) => assert!(matches!(result, Err(UserActError::UnknownRole(_))), "{result:?}"),
            (_, result) => assert!(result.is_ok(), "{result:?}"),
        }
    }
    let filter = UserFilter {
        limit: 1_000,
        ..UserFilter::default()
    };
    assert_eq!(world.store.users(&filter).await.unwrap().len(), 21);
    assert_eq!(world.events().await, 21);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_that_waited_too_long_is_not_done_later() {
    let place = TestDatabase::sqlite().await;
    let options = DatabaseOptions {
        timeout: Duration::from_millis(100),
        ..place.options()
    };
    let store = Database::open(&options).await.unwrap();
    let held = lock(&place).await;
    let results = crate::fixture::at_once(20, |number| {
        let store = store.clone();
        async move { store.set_meta(&format!("k{number}"), "v").await }
    })
    .await;
    for result in results {
        assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    }
    // Reading goes on meanwhile.
    store.ping().await.unwrap();
    unlock(held).await;
    store.set_meta("after", "v").await.unwrap();
    for number in 0..20 {
        assert_eq!(store.meta(&format!("k{number}")).await.unwrap(), None);
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_write_to_one_file() {
    let db = TestDatabase::sqlite().await;
    let other = Database::open(&db.options()).await.unwrap();
    let stores = [db.store(), other.clone()];
    let results = crate::fixture::at_once(40, |number| {
        let store = stores[number % 2].clone();
        async move { store.set_meta(&format!("k{number}"), "v").await }
    })
    .await;
    for result in results {
        result.unwrap();
    }
    for number in 0..40 {
        assert_eq!(
            other.meta(&format!("k{number}")).await.unwrap().as_deref(),
            Some("v")
        );
    }
    other.close().await;
}
