//! What an application revoked of its own tokens, in its own database. No part of the schema that migrations make: an
//! application may want this table alone.

use std::time::Duration;

use portcullis_core::{clock::Timestamp, store::StoreError};
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, pool::PoolConnection};

use crate::{
    act::store_error,
    dialect, migration,
    pause::jittered,
    sql::{Connection, execute, fetch_optional},
};

/// How long a statement may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How many rows one statement deletes.
const BATCH: i64 = 1_000;

/// How often to run a statement that met another one.
const ATTEMPTS: usize = 5;

/// Before it is run again.
const PAUSE: Duration = Duration::from_millis(5);

/// A pool of an application.
///
/// ```
/// use portcullis_store::PoolRef;
///
/// fn engine<'p>(pool: impl Into<PoolRef<'p>>) -> &'static str {
///     match pool.into() {
///         PoolRef::Sqlite(_) => "SQLite",
///         PoolRef::Postgres(_) => "PostgreSQL",
///     }
/// }
///
/// fn of_ours(pool: &portcullis_store::SqlitePool) -> &'static str { engine(pool) }
/// ```
#[derive(Clone, Copy, Debug)]
pub enum PoolRef<'p> {
    /// SQLite.
    Sqlite(&'p SqlitePool),
    /// PostgreSQL.
    Postgres(&'p PgPool),
}

impl<'p> From<&'p SqlitePool> for PoolRef<'p> {
    fn from(pool: &'p SqlitePool) -> Self {
        Self::Sqlite(pool)
    }
}

impl<'p> From<&'p PgPool> for PoolRef<'p> {
    fn from(pool: &'p PgPool) -> Self {
        Self::Postgres(pool)
    }
}

/// The table `portcullis_revoked_tokens`: names of tokens, and until when they count. Made when it is first asked.
///
/// ```
/// use std::time::Duration;
/// use portcullis_core::clock::{Clock, SystemClock};
/// use portcullis_store::RevokedTokens;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
/// let (revoked, now) = (RevokedTokens::new(&pool), SystemClock.now());
/// revoked.insert("0198c7f2", now + Duration::from_secs(900)).await?;
/// assert!(revoked.contains("0198c7f2", now).await?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RevokedTokens<'p>(PoolRef<'p>);

/// A connection of the pool.
enum Held {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Held {
    fn sql(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(connection) => Connection::Sqlite(connection),
            Self::Postgres(connection) => Connection::Postgres(connection),
        }
    }
}

/// One statement on the table.
#[derive(Clone, Copy)]
enum Statement<'s> {
    Insert { id: &'s str, until: Timestamp },
    Find { id: &'s str, now: Timestamp },
    Purge { now: Timestamp },
}

impl Statement<'_> {
    /// How many rows were found or touched.
    async fn run(self, connection: &mut Connection<'_>) -> Result<u64, sqlx::Error> {
        match self {
            // Whoever revokes twice means the longer time.
            Self::Insert { id, until } => execute!(
                connection,
                "INSERT INTO portcullis_revoked_tokens (jti, expires_at) VALUES ($1, $2)
                 ON CONFLICT (jti) DO UPDATE SET expires_at = excluded.expires_at
                 WHERE portcullis_revoked_tokens.expires_at < excluded.expires_at",
                id,
                until.millis(),
            ),
            Self::Find { id, now } => Ok(fetch_optional!(
                connection,
                (i64,),
                "SELECT expires_at FROM portcullis_revoked_tokens WHERE jti = $1 AND expires_at > $2",
                id,
                now.millis(),
            )?
            .map_or(0, |_| 1)),
            Self::Purge { now } => execute!(
                connection,
                "DELETE FROM portcullis_revoked_tokens WHERE jti IN
                 (SELECT jti FROM portcullis_revoked_tokens WHERE expires_at <= $1 LIMIT $2)",
                now.millis(),
                BATCH,
            ),
        }
    }
}

impl<'p> RevokedTokens<'p> {
    /// In the database of this pool.
    #[must_use]
    pub fn new(pool: impl Into<PoolRef<'p>>) -> Self {
        Self(pool.into())
    }

    /// Adds a name that counts until then. A name that is there already counts until the later of both.
    ///
    /// # Errors
    /// When the database does not do it.
    pub async fn insert(&self, id: &str, until: Timestamp) -> Result<(), StoreError> {
        self.run(Statement::Insert { id, until }).await.map(drop)
    }

    /// Whether the name is there and counts at `now`.
    ///
    /// # Errors
    /// When the database does not tell: never to be taken for "no".
    pub async fn contains(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.run(Statement::Find { id, now }).await? > 0)
    }

    /// Deletes what no longer counts at `now`, a thousand rows at a time. Gives how many.
    ///
    /// # Errors
    /// When the database does not do it. What was deleted before stays deleted.
    pub async fn purge(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut purged = 0;
        loop {
            let batch = self.run(Statement::Purge { now }).await?;
            purged += batch;
            if batch < BATCH.unsigned_abs() {
                return Ok(purged);
            }
        }
    }

    async fn run(&self, statement: Statement<'_>) -> Result<u64, StoreError> {
        tokio::time::timeout(TIMEOUT, self.until_done(statement))
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut))
            .map_err(store_error)
    }

    async fn until_done(&self, statement: Statement<'_>) -> Result<u64, sqlx::Error> {
        let mut made = false;
        for _ in 1..ATTEMPTS {
            let mut held = self.acquire().await?;
            match statement.run(&mut held.sql()).await {
                Err(error) if !made && migration::is_missing_table(&error) => {
                    drop(held);
                    self.make_table().await?;
                    made = true;
                }
                Err(error) if dialect::worth_retrying(&error) => {
                    drop(held);
                    tokio::time::sleep(jittered(PAUSE)).await;
                }
                result => return result,
            }
        }
        statement.run(&mut self.acquire().await?.sql()).await
    }

    async fn acquire(&self) -> Result<Held, sqlx::Error> {
        match self.0 {
            PoolRef::Sqlite(pool) => pool.acquire().await.map(Held::Sqlite),
            PoolRef::Postgres(pool) => pool.acquire().await.map(Held::Postgres),
        }
    }

    /// Table and index, both or none. Of several that make it at once, all but one find it made.
    async fn make_table(&self) -> Result<(), sqlx::Error> {
        match self.0 {
            PoolRef::Sqlite(pool) => {
                let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
                sqlx::raw_sql(include_str!("sqlite.sql"))
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await
            }
            PoolRef::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                let made = sqlx::raw_sql(include_str!("postgres.sql"))
                    .execute(&mut *transaction)
                    .await;
                match made {
                    Err(error) if dialect::is_made_already(&error) => transaction.rollback().await,
                    Err(error) => Err(error),
                    Ok(_) => transaction.commit().await,
                }
            }
        }
    }
}
