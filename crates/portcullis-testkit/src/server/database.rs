//! A database for one test alone.

use std::path::PathBuf;

use sqlx::Connection as _;

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Embedded, in the data folder.
    Sqlite,
    /// A database of the server that `PORTCULLIS_TEST_POSTGRES` names.
    Postgres,
}

/// An empty data folder, and on PostgreSQL an empty database; both are gone when this is dropped.
pub struct Database {
    folder: tempfile::TempDir,
    postgres: Option<(String, String)>,
}

impl Database {
    /// Makes one.
    ///
    /// # Panics
    /// Without `PORTCULLIS_TEST_POSTGRES` when PostgreSQL is asked for: a suite that skips half its tests is green
    /// for the wrong reason.
    pub async fn create(engine: Engine) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("portcullis-suite-")
            .tempdir()
            .expect("a folder");
        let postgres = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => {
                let server = server();
                let name = format!(
                    "suite_{}",
                    folder
                        .path()
                        .file_name()
                        .unwrap()
                        .to_string_lossy()
                        .replace(|c: char| !c.is_ascii_alphanumeric(), "")
                )
                .to_lowercase()
                    + &std::process::id().to_string();
                run(&server, format!("CREATE DATABASE {name}")).await;
                Some((server, name))
            }
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
    pub fn url(&self) -> Option<String> {
        let (server, name) = self.postgres.as_ref()?;
        let (base, _) = server.rsplit_once('/').expect("a URL with a database");
        Some(format!("{base}/{name}"))
    }

    /// All that is stored, as bytes to be searched: the files of SQLite (journal included) and of the data folder
    /// but for the master key, or every row of every table.
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
        if let Some(url) = self.url() {
            let mut connection = sqlx::PgConnection::connect(&url).await.expect("the database");
            let tables: Vec<String> =
                sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
                    .fetch_all(&mut connection)
                    .await
                    .expect("tables");
            assert!(!tables.is_empty(), "nothing was stored");
            for table in tables {
                let rows: Vec<String> =
                    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT t::text FROM {table} t")))
                        .fetch_all(&mut connection)
                        .await
                        .expect("rows");
                all.extend(rows.concat().into_bytes());
                // Bytes are printed as hexadecimal: search those that are text in the clear, too.
                let columns: Vec<String> = sqlx::query_scalar(
                    "SELECT column_name::text FROM information_schema.columns WHERE table_name = $1 AND data_type = 'bytea'",
                )
                .bind(&table)
                .fetch_all(&mut connection)
                .await
                .expect("columns");
                for column in columns {
                    let values: Vec<Option<Vec<u8>>> =
                        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT {column} FROM {table}")))
                            .fetch_all(&mut connection)
                            .await
                            .expect("values");
                    all.extend(values.into_iter().flatten().flatten());
                }
            }
        }
        all
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some((server, name)) = self.postgres.take() {
            // Dropping may happen on a runtime's thread, where nothing can be awaited.
            let thread = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                runtime.block_on(run(
                    &server,
                    format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                ));
            });
            let done = thread.join();
            assert!(
                done.is_ok() || std::thread::panicking(),
                "the test's database could not be dropped"
            );
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how `./test` tells the tests where PostgreSQL is"
)]
fn server() -> String {
    std::env::var("PORTCULLIS_TEST_POSTGRES").expect(
        "PORTCULLIS_TEST_POSTGRES names a PostgreSQL server, postgres://user@host/postgres: run `./test`",
    )
}

async fn run(server: &str, statement: String) {
    let mut connection = sqlx::PgConnection::connect(server)
        .await
        .expect("the PostgreSQL server answers");
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .expect("the statement");
    connection.close().await.expect("closed");
}
