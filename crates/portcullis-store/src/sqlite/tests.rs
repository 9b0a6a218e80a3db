use std::sync::Arc;

use async_trait::async_trait;
use portcullis_core::store::StoreError;
use tempfile::TempDir;

use super::*;
use crate::{
    act::{Act, Failure, Tx},
    sql::{execute, fetch_one},
};

/// Writes a row, and then does as it was told.
struct Probe {
    name: String,
    then: Then,
}

#[derive(Clone, Copy, PartialEq)]
enum Then {
    Succeed,
    Fail,
    Panic,
}

#[async_trait]
impl Act for Probe {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Failure<StoreError>> {
        execute!(
            tx.sql(),
            "INSERT INTO portcullis_meta (name, value) VALUES ($1, 'v')",
            self.name.as_str()
        )?;
        match self.then {
            Then::Succeed => Ok(()),
            Then::Fail => Err(Failure::Refused(StoreError::Corrupt("told to".to_owned()))),
            Then::Panic => panic!("told to"),
        }
    }
}

async fn open() -> (TempDir, Sqlite) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("p.db");
    let options = DatabaseOptions::new("sqlite:unused");
    let sqlite = Sqlite::open(&path, &options, Arc::new(RoleCache::default()))
        .await
        .unwrap();
    (folder, sqlite)
}

/// In the database of an application, on its pool.
async fn borrow() -> (TempDir, Sqlite) {
    let folder = TempDir::new().unwrap();
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("app.db"))
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    let sqlite = Sqlite::on(pool, &PoolShare::default(), Arc::new(RoleCache::default()))
        .await
        .unwrap();
    (folder, sqlite)
}

/// The modes of the file and of the logs beside it.
fn modes(path: &Path) -> Vec<u32> {
    ["", "-wal", "-shm"]
        .map(|suffix| fs::metadata(format!("{}{suffix}", path.display())))
        .into_iter()
        .map(|found| found.unwrap().mode() & 0o777)
        .collect()
}

#[tokio::test]
async fn a_file_that_was_open_to_others_is_closed_to_them() {
    let (folder, sqlite) = borrow().await;
    // Whatever the umask of this test is.
    let path = folder.path().join("app.db");
    for mode in modes(&path) {
        assert_eq!(mode & 0o007, 0, "{mode:o}");
    }
    sqlite.close().await;
    drop(sqlite);

    for (open, own, borrowed) in [
        (0o666, 0o600, 0o660),
        (0o644, 0o600, 0o640),
        (0o600, 0o600, 0o600),
    ] {
        let chmod = || fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
        chmod();
        let roles = || Arc::new(RoleCache::default());
        let pool = SqlitePoolOptions::new().connect_lazy_with(
            SqliteConnectOptions::new()
                .filename(&path)
                .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal),
        );
        let sqlite = Sqlite::on(pool.clone(), &PoolShare::default(), roles())
            .await
            .unwrap();
        assert_eq!(modes(&path), [borrowed; 3], "{open:o}");
        sqlite.close().await;
        pool.close().await;

        chmod();
        let options = DatabaseOptions::new("sqlite:unused");
        let sqlite = Sqlite::open(&path, &options, roles()).await.unwrap();
        assert_eq!(modes(&path), [own; 3], "{open:o}");
        sqlite.close().await;
    }
}

async fn rows(sqlite: &Sqlite) -> Vec<String> {
    let rows: Vec<(String,)> = sqlx::query_as("SELECT name FROM portcullis_meta ORDER BY name")
        .fetch_all(&mut *sqlite.readers.acquire().await.unwrap())
        .await
        .unwrap();
    rows.into_iter().map(|(name,)| name).collect()
}

async fn probe(sqlite: &Sqlite, name: &str, then: Then) -> Result<(), StoreError> {
    let name = name.to_owned();
    sqlite.writer.act(Probe { name, then }).await.map(|_| ())
}

#[tokio::test]
async fn a_failed_act_undoes_itself_and_nothing_else() {
    let (_folder, sqlite) = open().await;
    let (before, failed, after) = tokio::join!(
        probe(&sqlite, "before", Then::Succeed),
        probe(&sqlite, "failed", Then::Fail),
        probe(&sqlite, "after", Then::Succeed),
    );
    before.unwrap();
    assert!(matches!(failed, Err(StoreError::Corrupt(_))), "{failed:?}");
    after.unwrap();
    assert_eq!(rows(&sqlite).await, ["after", "before"]);
}

#[tokio::test]
async fn a_panic_takes_its_batch_along_but_not_the_writer() {
    let (_folder, sqlite) = open().await;
    let (before, panicked) = tokio::join!(
        probe(&sqlite, "before", Then::Succeed),
        probe(&sqlite, "panicked", Then::Panic),
    );
    // Whichever of both batches it was in: told that it happened, or that nobody knows.
    let known = before.is_ok();
    assert!(
        known || matches!(before, Err(StoreError::OutcomeUnknown { .. })),
        "{before:?}"
    );
    assert!(
        matches!(panicked, Err(StoreError::Unavailable(_))),
        "{panicked:?}"
    );
    probe(&sqlite, "later", Then::Succeed).await.unwrap();
    let expected: &[&str] = if known { &["before", "later"] } else { &["later"] };
    assert_eq!(rows(&sqlite).await, expected);
}

#[tokio::test]
async fn closing_finishes_what_is_queued() {
    let (folder, sqlite) = open().await;
    let (first, second, ()) = tokio::join!(
        probe(&sqlite, "first", Then::Succeed),
        probe(&sqlite, "second", Then::Succeed),
        sqlite.close(),
    );
    first.unwrap();
    second.unwrap();
    let late = probe(&sqlite, "late", Then::Succeed).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");

    let options = DatabaseOptions::new("sqlite:unused");
    let path = folder.path().join("p.db");
    let again = Sqlite::open(&path, &options, Arc::new(RoleCache::default()))
        .await
        .unwrap();
    assert_eq!(rows(&again).await, ["first", "second"]);
}

/// Reads the settings of the connection that writes.
struct Settings;

#[async_trait]
impl Act for Settings {
    type Output = (String, i64, i64);
    type Error = StoreError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Failure<StoreError>> {
        let (journal,) = fetch_one!(tx.sql(), (String,), "PRAGMA journal_mode")?;
        let (synchronous,) = fetch_one!(tx.sql(), (i64,), "PRAGMA synchronous")?;
        let (foreign_keys,) = fetch_one!(tx.sql(), (i64,), "PRAGMA foreign_keys")?;
        Ok((journal, synchronous, foreign_keys))
    }
}

#[tokio::test]
async fn what_is_answered_is_on_the_disk() {
    let full = ("wal".to_owned(), 2, 1);
    for (_folder, sqlite) in [open().await, borrow().await] {
        assert_eq!(sqlite.writer.act(Settings).await.unwrap().value, full);
        // After a failure too, which opens the file again.
        assert!(probe(&sqlite, "panicked", Then::Panic).await.is_err());
        assert_eq!(sqlite.writer.act(Settings).await.unwrap().value, full);
    }
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let (_folder, sqlite) = open().await;
    for pool in [&sqlite.readers, &sqlite.feed] {
        let mut reader = pool.acquire().await.unwrap();
        let written = sqlx::query("DELETE FROM portcullis_roles")
            .execute(&mut *reader)
            .await;
        assert!(written.is_err());
    }
}
