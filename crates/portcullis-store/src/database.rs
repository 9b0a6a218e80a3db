use std::sync::Arc;

use portcullis_core::{metrics::Metrics, store::StoreError};
use sqlx::{PgPool, Postgres as PgEngine, Sqlite as SqliteEngine, SqlitePool, postgres::PgConnectOptions};

use crate::{
    DatabaseOptions, OpenError, PoolShare,
    act::{Act, Done},
    metrics, migration,
    options::Place,
    pool::Held,
    postgres::Postgres,
    role::RoleCache,
    sql::Connection,
    sqlite::Sqlite,
};

/// An open database, the [`Store`](portcullis_core::store::Store) of Portcullis. Clones share it.
///
/// ```no_run
/// use portcullis_core::store::Store as _;
/// use portcullis_store::{Database, DatabaseOptions};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let database = Database::open(&DatabaseOptions::new("sqlite:portcullis.db")).await?;
/// database.ping().await?;
/// database.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    roles: Arc<RoleCache>,
}

pub(crate) enum Db {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// A connection for reading.
pub(crate) enum Reader {
    Sqlite(Held<SqliteEngine>),
    Postgres(Held<PgEngine>),
}

impl Reader {
    pub(crate) fn sql(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(connection) => Connection::Sqlite(connection),
            Self::Postgres(connection) => Connection::Postgres(connection),
        }
    }

    /// Nobody else gets this connection.
    pub(crate) fn discard(&mut self) {
        match self {
            Self::Sqlite(connection) => connection.discard(),
            Self::Postgres(connection) => connection.discard(),
        }
    }

    /// The database owes no answer on it.
    pub(crate) fn answered(&mut self) {
        match self {
            Self::Sqlite(connection) => connection.answered(),
            Self::Postgres(connection) => connection.answered(),
        }
    }
}

impl Database {
    /// Opens a database and brings its schema up to date. A SQLite file that does not exist is made, readable for its
    /// owner only.
    ///
    /// # Errors
    /// With a text for the operator that says what to do.
    pub async fn open(options: &DatabaseOptions) -> Result<Self, OpenError> {
        let roles = Arc::new(RoleCache::default());
        let db = match options.place()? {
            Place::Sqlite(path) => Db::Sqlite(Sqlite::open(&path, options, Arc::clone(&roles)).await?),
            Place::Postgres(hosts) => Db::Postgres(Postgres::open(hosts, options, Arc::clone(&roles)).await?),
        };
        Ok(Self::of(db, roles))
    }

    /// Opens the database in which an application lives, on the pool that it has already, and brings the tables
    /// `portcullis_*` up to date. The application's own tables and migrations stay its own.
    ///
    /// Reads take connections of the pool; one connection of our own writes, another one is kept for the feed. All must
    /// have a write-ahead log, `synchronous=FULL`, foreign keys and a `busy_timeout`, or they are refused: an
    /// acknowledged logout must not be undone by a power failure. While the application holds the lock of the file, acts
    /// wait for it as long as the `busy_timeout` says.
    ///
    /// ```no_run
    /// use portcullis_store::{Database, PoolShare};
    /// use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let options = SqliteConnectOptions::new()
    ///     .filename("app.db")
    ///     .create_if_missing(true)
    ///     .journal_mode(SqliteJournalMode::Wal);
    /// let pool = SqlitePoolOptions::new().connect_with(options).await?;
    /// let database = Database::on_sqlite(pool, &PoolShare::default()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// With a text that says what to set: [`OpenError::Pragmas`].
    pub async fn on_sqlite(pool: SqlitePool, share: &PoolShare) -> Result<Self, OpenError> {
        let roles = Arc::new(RoleCache::default());
        let sqlite = Sqlite::on(pool, share, Arc::clone(&roles)).await?;
        Ok(Self::of(Db::Sqlite(sqlite), roles))
    }

    /// Opens the database in which an application lives, on the pool that it has already, and brings the tables
    /// `portcullis_*` up to date, in the schema that comes first in the pool's `search_path`. The application's own tables
    /// and migrations stay its own.
    ///
    /// Acts and reads take connections of the pool; one connection of our own, made as the pool makes its own, is kept
    /// for the feed, so that revocations are learnt of however busy the application is.
    ///
    /// ```no_run
    /// use portcullis_store::{Database, PoolShare};
    /// use sqlx::postgres::PgPoolOptions;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = PgPoolOptions::new().connect("postgres://localhost/app").await?;
    /// let database = Database::on_postgres(pool, &PoolShare::default()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// With a text that says what to do.
    pub async fn on_postgres(pool: PgPool, share: &PoolShare) -> Result<Self, OpenError> {
        let roles = Arc::new(RoleCache::default());
        let postgres = Postgres::on(pool, share, Arc::clone(&roles)).await?;
        Ok(Self::of(Db::Postgres(postgres), roles))
    }

    fn of(db: Db, roles: Arc<RoleCache>) -> Self {
        Self {
            inner: Arc::new(Inner { db, roles }),
        }
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        match self.inner.db {
            Db::Sqlite(_) => "sqlite",
            Db::Postgres(_) => "postgres",
        }
    }

    /// Has the pools of connections read by `metrics`.
    pub fn tell(&self, metrics: &Metrics) {
        let inner = Arc::clone(&self.inner);
        metrics.collect(move |scrape| metrics::tell(&inner.db, scrape));
    }

    /// Names of all migrations, in order.
    #[must_use]
    pub fn migrations() -> Vec<&'static str> {
        migration::MIGRATIONS
            .iter()
            .map(|migration| migration.name)
            .collect()
    }

    /// Names of the migrations that the schema lacks. None after an [`open`](Self::open) that was to apply them.
    ///
    /// # Errors
    /// When the database does not answer, or was migrated by a newer version in the meantime.
    pub async fn pending_migrations(&self) -> Result<Vec<&'static str>, OpenError> {
        let mut reader = self.reader().await.map_err(OpenError::Schema)?;
        let pending = migration::pending(&mut reader.sql()).await?;
        reader.answered();
        Ok(pending.iter().map(|migration| migration.name).collect())
    }

    /// Text of the migrations that the schema lacks, for an operator to read.
    ///
    /// # Errors
    /// As [`pending_migrations`](Self::pending_migrations).
    pub async fn pending_sql(&self) -> Result<Vec<&'static str>, OpenError> {
        let mut reader = self.reader().await.map_err(OpenError::Schema)?;
        let mut connection = reader.sql();
        let pending = migration::pending(&mut connection).await?;
        Ok(pending
            .iter()
            .map(|migration| migration.text(&connection))
            .collect())
    }

    /// Finishes what is under way and closes all connections, but for those of an application's pool, which stays open.
    /// Every later act is [`Unavailable`](StoreError::Unavailable).
    pub async fn close(&self) {
        match &self.inner.db {
            Db::Sqlite(sqlite) => sqlite.close().await,
            Db::Postgres(postgres) => postgres.close().await,
        }
    }

    pub(crate) fn role_cache(&self) -> &RoleCache {
        &self.inner.roles
    }

    pub(crate) async fn act<A: Act>(&self, act: A) -> Result<Done<A::Output>, A::Error> {
        match &self.inner.db {
            Db::Sqlite(sqlite) => sqlite.writer.act(act).await,
            Db::Postgres(postgres) => postgres.act(act).await,
        }
    }

    pub(crate) async fn reader(&self) -> Result<Reader, sqlx::Error> {
        match &self.inner.db {
            Db::Sqlite(sqlite) => sqlite.readers.acquire().await.map(Reader::Sqlite),
            Db::Postgres(postgres) => postgres.pool.acquire().await.map(Reader::Postgres),
        }
    }

    /// How PostgreSQL is connected to.
    pub(crate) fn postgres_options(&self) -> Option<Arc<PgConnectOptions>> {
        match &self.inner.db {
            Db::Sqlite(_) => None,
            Db::Postgres(postgres) => Some(postgres.pool.connect_options()),
        }
    }

    /// The connection that is kept for the feed.
    pub(crate) async fn feed_reader(&self) -> Result<Reader, sqlx::Error> {
        match &self.inner.db {
            Db::Sqlite(sqlite) => sqlite.feed.acquire().await.map(Reader::Sqlite),
            Db::Postgres(postgres) => postgres.feed.acquire().await.map(Reader::Postgres),
        }
    }

    /// Resolves when another node says that it wrote to the feed. Processes that share a SQLite file do not tell each other.
    pub(crate) async fn moved(&self) {
        match &self.inner.db {
            Db::Sqlite(_) => std::future::pending().await,
            Db::Postgres(postgres) => postgres.moved().await,
        }
    }

    /// A read, bounded in time.
    pub(crate) async fn timed<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match &self.inner.db {
            // The file is here, and a reader never waits for the writer.
            Db::Sqlite(_) => read.await,
            Db::Postgres(postgres) => postgres.timed(read).await,
        }
    }
}

/// Runs a read on a connection from the pool, again when that breaks: `read!(self, reader, |connection| query(connection, ..))`.
macro_rules! read {
    ($database:expr, $reader:ident, |$connection:ident| $query:expr) => {{
        let database = $database;
        database
            .timed(async {
                let mut tries = $crate::postgres::Tries::default();
                loop {
                    let mut reader = database.$reader().await.map_err($crate::act::store_error)?;
                    let ran = {
                        let $connection = &mut reader.sql();
                        $query.await
                    };
                    reader.answered();
                    let failure = match ran {
                        Ok(read) => break Ok(read),
                        Err(failure) => failure,
                    };
                    if failure.spoils() {
                        reader.discard();
                    }
                    drop(reader);
                    let Some(pause) = failure.again(&mut tries) else {
                        break Err(failure.into_error());
                    };
                    tokio::time::sleep(pause).await;
                }
            })
            .await
    }};
}
pub(crate) use read;
