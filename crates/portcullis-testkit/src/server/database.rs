//! A data folder, and a database for one test alone.

use std::path::PathBuf;

use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use crate::database::{Engine, TestDatabase};

/// An empty data folder, and on PostgreSQL an empty database; both are gone when this is dropped.
pub struct Database {
    folder: TempDir,
    postgres: Option<TestDatabase>,
}

impl Database {
    /// Makes one.
    ///
    /// # Panics
    /// Without a server when PostgreSQL is asked for: a suite that skips half its tests is green for the wrong reason.
    pub async fn create(engine: Engine) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("portcullis-suite-")
            .tempdir()
            .expect("a folder");
        let postgres = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(TestDatabase::empty(engine).await),
        };
        Self { folder, postgres }
    }

    /// The data folder.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// `--database-url`; none for SQLite in the data folder.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.postgres.as_ref().map(TestDatabase::url)
    }

    /// All that is stored, as bytes to be searched: the files of the data folder, SQLite's journal among them, and
    /// every row of every table of PostgreSQL.
    pub async fn dump(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(self.data_dir())
            .expect("the data folder")
            .flatten()
        {
            if entry.path().is_file() {
                all.extend(std::fs::read(entry.path()).expect("a readable file"));
            }
        }
        if let Some(postgres) = &self.postgres {
            all.extend(rows(postgres).await);
        }
        all
    }
}

/// Every row as text; columns of bytes once more as they are, since their text is hexadecimal.
async fn rows(postgres: &TestDatabase) -> Vec<u8> {
    let mut connection = postgres.postgres_connection().await;
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            .fetch_all(&mut connection)
            .await
            .expect("tables");
    assert!(!tables.is_empty(), "nothing was stored");
    let mut all = Vec::new();
    for table in tables {
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("SELECT t::text FROM {table} t")))
            .fetch_all(&mut connection)
            .await
            .expect("rows");
        all.extend(rows.concat().into_bytes());
        let columns: Vec<String> = sqlx::query_scalar(
            "SELECT column_name::text FROM information_schema.columns \
             WHERE table_name = $1 AND data_type = 'bytea'",
        )
        .bind(&table)
        .fetch_all(&mut connection)
        .await
        .expect("columns");
        for column in columns {
            let values: Vec<Option<Vec<u8>>> =
                sqlx::query_scalar(AssertSqlSafe(format!("SELECT {column} FROM {table}")))
                    .fetch_all(&mut connection)
                    .await
                    .expect("values");
            all.extend(values.into_iter().flatten().flatten());
        }
    }
    all
}
