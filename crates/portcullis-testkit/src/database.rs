//! One fresh database per test, on either engine, gone when the test ends.

use std::{
    path::{Path, PathBuf},
    thread,
};

use portcullis_core::rng::{self, SystemRng};
use portcullis_store::{Database, DatabaseOptions, PoolShare};
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, PgPool, SqliteConnection, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};
use tempfile::TempDir;

/// The variable that names a PostgreSQL in which tests may make databases.
pub const POSTGRES_VARIABLE: &str = "PORTCULLIS_TEST_POSTGRES";

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file in a temporary folder.
    Sqlite,
    /// A database in the server of [`POSTGRES_VARIABLE`].
    Postgres,
}

/// A database for one test.
pub struct TestDatabase {
    engine: Engine,
    url: String,
    database: Option<Database>,
    /// Removes the file.
    _folder: Option<TempDir>,
    /// Where to drop the database, and its name.
    server: Option<(String, String)>,
}

impl TestDatabase {
    /// A SQLite file.
    pub async fn sqlite() -> Self {
        Self::open(Engine::Sqlite).await
    }

    /// A PostgreSQL database.
    pub async fn postgres() -> Self {
        Self::open(Engine::Postgres).await
    }

    /// A database with the schema of this version.
    ///
    /// # Panics
    /// When there is no server to make it in: a test of PostgreSQL fails rather than being skipped.
    pub async fn open(engine: Engine) -> Self {
        let mut place = Self::empty(engine).await;
        let database = Database::open(&place.options()).await;
        place.database = Some(database.expect("the test's database opens"));
        place
    }

    /// A database with the schema of this version, in which an application lives already: on the application's pool.
    ///
    /// # Panics
    /// As [`TestDatabase::open`].
    pub async fn borrowed(engine: Engine) -> Self {
        let mut place = Self::empty(engine).await;
        let share = PoolShare::default();
        let database = match engine {
            Engine::Sqlite => {
                let pool = place.sqlite_pool().await;
                pool.execute(APPLICATION).await.expect("the application's table");
                Database::on_sqlite(pool, &share).await
            }
            Engine::Postgres => {
                let pool = place.postgres_pool().await;
                pool.execute(APPLICATION).await.expect("the application's table");
                Database::on_postgres(pool, &share).await
            }
        };
        place.database = Some(database.expect("the application's pool is taken"));
        place
    }

    /// A place for a database, with nothing in it: a file that does not exist, or a database without tables.
    ///
    /// # Panics
    /// As [`TestDatabase::open`].
    pub async fn empty(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => {
                let folder = TempDir::new().expect("a temporary folder can be made");
                let file = folder.path().join("portcullis.db");
                Self {
                    engine,
                    url: format!("sqlite://{}", file.display()),
                    database: None,
                    _folder: Some(folder),
                    server: None,
                }
            }
            Engine::Postgres => {
                let server = postgres_url();
                let name = format!(
                    "portcullis_test_{:032x}",
                    u128::from_be_bytes(rng::bytes(&SystemRng))
                );
                on_server(
                    &server,
                    format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"),
                )
                .await;
                let (base, _) = server.rsplit_once('/').expect("the URL names a database");
                Self {
                    engine,
                    url: format!("{base}/{name}"),
                    database: None,
                    _folder: None,
                    server: Some((server, name)),
                }
            }
        }
    }

    /// A SQLite file that stays, made when it is first written to.
    #[must_use]
    pub fn file_at(file: &Path) -> Self {
        Self {
            engine: Engine::Sqlite,
            url: format!("sqlite://{}", file.display()),
            database: None,
            _folder: None,
            server: None,
        }
    }

    /// A database that stays in this server.
    #[must_use]
    pub fn kept_in(server: &str, name: &str) -> Self {
        let (base, _) = server.rsplit_once('/').expect("the URL names a database");
        Self {
            engine: Engine::Postgres,
            url: format!("{base}/{name}"),
            database: None,
            _folder: None,
            server: None,
        }
    }

    /// Makes it anew in its server, empty.
    ///
    /// # Panics
    /// When somebody uses it.
    pub async fn make_anew(&self) {
        let (base, name) = self.url.rsplit_once('/').expect("the URL names a database");
        let server = format!("{base}/postgres");
        on_server(&server, format!("DROP DATABASE IF EXISTS {name}")).await;
        on_server(
            &server,
            format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"),
        )
        .await;
    }

    /// Which engine.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The store. Clones share it.
    ///
    /// # Panics
    /// When it was made [`empty`](Self::empty).
    #[must_use]
    pub fn store(&self) -> Database {
        self.database.clone().expect("opened")
    }

    /// Its URL, for another process or another [`Database`].
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How the test opens it.
    #[must_use]
    pub fn options(&self) -> DatabaseOptions {
        DatabaseOptions::new(self.url.clone())
    }

    /// The SQLite file.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        let file = self.url.strip_prefix("sqlite://");
        PathBuf::from(file.expect("a SQLite file"))
    }

    /// Runs SQL as an intruder or an operator would: past the store, on a connection of its own.
    ///
    /// # Panics
    /// When it fails.
    pub async fn tamper(&self, sql: &'static str) {
        match self.engine {
            Engine::Sqlite => {
                let mut connection = self.sqlite_connection().await;
                connection.execute(sql).await.expect("the SQL runs");
                connection.close().await.expect("closes");
            }
            Engine::Postgres => {
                let mut connection = self.postgres_connection().await;
                connection.execute(sql).await.expect("the SQL runs");
                connection.close().await.expect("closes");
            }
        }
    }

    /// The one number that a query gives.
    ///
    /// # Panics
    /// When it gives none.
    pub async fn number(&self, sql: &'static str) -> i64 {
        let number = match self.engine {
            Engine::Sqlite => {
                let mut connection = self.sqlite_connection().await;
                sqlx::query_scalar(sql).fetch_one(&mut connection).await
            }
            Engine::Postgres => {
                let mut connection = self.postgres_connection().await;
                sqlx::query_scalar(sql).fetch_one(&mut connection).await
            }
        };
        number.expect("a number")
    }

    /// A connection of its own to the SQLite file.
    ///
    /// # Panics
    /// When it is none.
    pub async fn sqlite_connection(&self) -> SqliteConnection {
        let connection = SqliteConnection::connect(&format!("sqlite://{}", self.file().display())).await;
        connection.expect("the file opens")
    }

    /// A pool on the SQLite file, as an application has one: all that Portcullis asks for, and nothing that it does not.
    ///
    /// # Panics
    /// When the database is none.
    pub async fn sqlite_pool(&self) -> SqlitePool {
        let options = SqliteConnectOptions::new()
            .filename(self.file())
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let pool = SqlitePoolOptions::new().connect_with(options).await;
        pool.expect("the file opens")
    }

    /// A pool on the PostgreSQL database, as an application has one.
    ///
    /// # Panics
    /// When there is none.
    pub async fn postgres_pool(&self) -> PgPool {
        let pool = PgPoolOptions::new().connect(&self.url).await;
        pool.expect("the server answers")
    }

    /// A connection of its own to the PostgreSQL database.
    ///
    /// # Panics
    /// When there is none.
    pub async fn postgres_connection(&self) -> PgConnection {
        PgConnection::connect(&self.url)
            .await
            .expect("the server answers")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some((server, name)) = self.server.take() else {
            return;
        };
        // Dropping cannot wait inside the runtime of the test.
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime starts").block_on(on_server(
                &server,
                format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            ));
        });
        // A test that panicked already must not be covered by a second panic.
        let _ = dropped.join();
    }
}

#[expect(clippy::disallowed_methods, reason = "./test says by it where its server is")]
fn postgres_url() -> String {
    std::env::var(POSTGRES_VARIABLE).unwrap_or_else(|_| {
        panic!(
            "{POSTGRES_VARIABLE} is not set: run ./test, which starts a PostgreSQL, or \
             export {POSTGRES_VARIABLE}=$(.ci/services/postgres)"
        )
    })
}

async fn on_server(server: &str, sql: String) {
    let mut connection = PgConnection::connect(server)
        .await
        .expect("PostgreSQL answers: run ./test, which starts one");
    connection
        .execute(AssertSqlSafe(sql))
        .await
        .expect("databases can be made and dropped");
    // It went without being told.
    let _ = connection.close().await;
}

/// What an application has in its database: a table whose name is as good as any, and a key into it.
const APPLICATION: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
     CREATE TABLE articles (id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES users (id));
     INSERT INTO users (id, name) VALUES (1, 'Ada');
     INSERT INTO articles (id, author) VALUES (1, 1);";

/// One test for each engine, on a database of our own and on the pool of an application:
/// `both! { async fn name(db: TestDatabase) { .. } }`.
#[macro_export]
macro_rules! both {
    ($($(#[$meta:meta])* async fn $name:ident($database:ident: TestDatabase) $body:block)*) => {
        $(
            $(#[$meta])*
            mod $name {
                #[allow(unused_imports, reason = "a test may need nothing of the file around it")]
                use super::*;

                async fn run($database: $crate::database::TestDatabase) $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    run($crate::database::TestDatabase::sqlite().await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    run($crate::database::TestDatabase::postgres().await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite_borrowed() {
                    let engine = $crate::database::Engine::Sqlite;
                    run($crate::database::TestDatabase::borrowed(engine).await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres_borrowed() {
                    let engine = $crate::database::Engine::Postgres;
                    run($crate::database::TestDatabase::borrowed(engine).await).await;
                }
            }
        )*
    };
}
