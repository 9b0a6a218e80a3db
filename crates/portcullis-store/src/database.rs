use std::sync::Arc;

use portcullis_core::store::StoreError;
use sqlx::{PgPool, Postgres as PgEngine, Sqlite as SqliteEngine, SqlitePool, pool::PoolConnection};

use crate::{
    DatabaseOptions, OpenError,
    act::{Act, Done},
    migration,
    options::Place,
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

enum Db {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// A connection for reading.
pub(crate) enum Reader {
    Sqlite(PoolConnection<SqliteEngine>),
    Postgres(PoolConnection<PgEngine>),
}

impl Reader {
    pub(crate) fn sql(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(connection) => Connection::Sqlite(connection),
            Self::Postgres(connection) => Connection::Postgres(connection),
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
            Place::Postgres(connect) => {
                Db::Postgres(Postgres::open(*connect, options, Arc::clone(&roles)).await?)
            }
        };
        Ok(Self {
            inner: Arc::new(Inner { db, roles }),
        })
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        match self.inner.db {
            Db::Sqlite(_) => "sqlite",
            Db::Postgres(_) => "postgres",
        }
    }

    /// Names of the migrations that the schema lacks. None after an [`open`](Self::open) that was to apply them.
    ///
    /// # Errors
    /// When the database does not answer, or was migrated by a newer version in the meantime.
    pub async fn pending_migrations(&self) -> Result<Vec<&'static str>, OpenError> {
        let mut reader = self.reader().await.map_err(OpenError::Schema)?;
        let pending = migration::pending(&mut reader.sql()).await?;
        Ok(pending.iter().map(|migration| migration.name).collect())
    }

    /// Finishes what is under way and closes all connections. Every later act is
    /// [`Unavailable`](StoreError::Unavailable).
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
            Db::Sqlite(sqlite) => acquire(&sqlite.readers).await,
            Db::Postgres(postgres) => acquire_postgres(&postgres.pool).await,
        }
    }

    /// The connection that is kept for the feed.
    pub(crate) async fn feed_reader(&self) -> Result<Reader, sqlx::Error> {
        match &self.inner.db {
            Db::Sqlite(sqlite) => acquire(&sqlite.feed).await,
            Db::Postgres(postgres) => acquire_postgres(&postgres.feed).await,
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

async fn acquire(pool: &SqlitePool) -> Result<Reader, sqlx::Error> {
    pool.acquire().await.map(Reader::Sqlite)
}

async fn acquire_postgres(pool: &PgPool) -> Result<Reader, sqlx::Error> {
    pool.acquire().await.map(Reader::Postgres)
}

/// Runs a read on a connection from the pool: `read!(self, reader, |connection| query(connection, ..))`.
macro_rules! read {
    ($database:expr, $reader:ident, |$connection:ident| $query:expr) => {{
        let database = $database;
        database
            .timed(async {
                let mut reader = database.$reader().await.map_err($crate::act::store_error)?;
                let $connection = &mut reader.sql();
                $query.await.map_err($crate::act::Failure::into_error)
            })
            .await
    }};
}
pub(crate) use read;
