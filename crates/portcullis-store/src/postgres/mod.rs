//! PostgreSQL: a transaction per act, run again when it meets another one.

use std::{sync::Arc, time::Duration};

use portcullis_core::store::StoreError;
use sqlx::{
    ConnectOptions, Connection as _, PgConnection, PgPool, Postgres as Engine, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{
    DatabaseOptions, OpenError, PoolShare,
    act::{Act, Done, Failure, carry_out, store_error},
    dialect, migration,
    pool::{self, Connections},
    role::RoleCache,
    sql::Connection,
};

/// How often to run an act before giving up on it.
const ATTEMPTS: usize = 10;

/// An open PostgreSQL database.
pub(crate) struct Postgres {
    pub(crate) pool: Connections<Engine>,
    /// One connection that nobody else takes: the feed is read however busy the others are.
    pub(crate) feed: Connections<Engine>,
    timeout: Duration,
    roles: Arc<RoleCache>,
}

impl Postgres {
    pub(crate) async fn open(
        connect: PgConnectOptions,
        options: &DatabaseOptions,
        roles: Arc<RoleCache>,
    ) -> Result<Self, OpenError> {
        let place = place(&connect);
        let connect = connect.disable_statement_logging();
        let pool = pool(connect.clone(), options.max_connections.max(1), options.timeout);
        let feed = self::pool(connect, 1, options.timeout);
        let opened = Self {
            pool: Connections::own(pool),
            feed: Connections::own(feed),
            timeout: options.timeout,
            roles,
        };
        opened.ready(&place, options.migrate).await?;
        Ok(opened)
    }

    /// On the pool of an application.
    pub(crate) async fn on(
        pool: PgPool,
        share: &PoolShare,
        roles: Arc<RoleCache>,
    ) -> Result<Self, OpenError> {
        let place = place(&pool.connect_options());
        let feed = pool::beside(&pool, share.timeout);
        let opened = Self {
            pool: Connections::share_of(pool, share),
            feed: Connections::own(feed),
            timeout: share.timeout,
            roles,
        };
        opened.ready(&place, share.migrate).await?;
        Ok(opened)
    }

    /// Makes sure of the database and its schema.
    async fn ready(&self, place: &str, migrate: bool) -> Result<(), OpenError> {
        let unreachable = |source| OpenError::Unreachable {
            place: place.to_owned(),
            source,
        };
        let mut connection = self.pool.acquire().await.map_err(unreachable)?;
        let (encoding,): (String,) = sqlx::query_as("SHOW server_encoding")
            .fetch_one(&mut *connection)
            .await
            .map_err(unreachable)?;
        if encoding != "UTF8" {
            return Err(OpenError::Encoding {
                place: place.to_owned(),
                encoding,
            });
        }
        if migrate {
            migration::apply_postgres(&mut connection).await
        } else {
            let pending = migration::pending(&mut Connection::Postgres(&mut connection)).await;
            pending.map(|_| ())
        }
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
        self.feed.close().await;
    }

    /// Carries out an act.
    pub(crate) async fn act<A: Act>(&self, act: A) -> Result<Done<A::Output>, A::Error> {
        let mut attempt = 1;
        loop {
            match self.attempt(&act).await {
                Err(Failure::Database(error)) if attempt < ATTEMPTS && dialect::worth_retrying(&error) => {
                    tracing::debug!(attempt, %error, "running an act again");
                    attempt += 1;
                }
                Err(failure) => return Err(failure.into_error()),
                Ok(result) => return result,
            }
        }
    }

    /// Runs an act once. The outer error: nothing happened for sure; the inner one: what to answer.
    async fn attempt<A: Act>(&self, act: &A) -> Result<Result<Done<A::Output>, A::Error>, Failure<A::Error>> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = self.begin(&mut connection).await?;
        // The server ends each statement in time; this is for a server that no longer says anything. The connection
        // rolls back before anybody else gets it.
        let ran = tokio::time::timeout(
            self.timeout * 2,
            carry_out(act, Connection::Postgres(&mut transaction), &self.roles),
        );
        let done = ran.await.map_err(|_| Failure::Database(silent()))??;
        self.commit(transaction, done).await
    }

    /// On our own connections the server knows already how long a statement may take.
    async fn begin<'c>(
        &self,
        connection: &'c mut PgConnection,
    ) -> Result<Transaction<'c, Engine>, sqlx::Error> {
        if self.pool.is_borrowed() {
            connection.begin_with(dialect::begin_within(self.timeout)).await
        } else {
            connection.begin().await
        }
    }

    async fn commit<T, E: From<StoreError>>(
        &self,
        transaction: Transaction<'_, Engine>,
        done: Done<T>,
    ) -> Result<Result<Done<T>, E>, Failure<E>> {
        let committed = tokio::time::timeout(self.timeout, transaction.commit()).await;
        let error = match committed {
            Ok(Ok(())) => return Ok(Ok(done)),
            Ok(Err(error)) if dialect::certainly_rolled_back(&error) => {
                return Err(Failure::Database(error));
            }
            Ok(Err(error)) => error,
            Err(_) => silent(),
        };
        tracing::error!(%error, "the outcome of a COMMIT is unknown");
        let unknown = StoreError::OutcomeUnknown {
            denied: done.changes.into_iter().map(|change| change.kind).collect(),
            source: error.into(),
        };
        Ok(Err(unknown.into()))
    }

    /// A read, given up when the server no longer says anything.
    pub(crate) async fn timed<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        tokio::time::timeout(self.timeout * 2, read)
            .await
            .unwrap_or_else(|_| Err(store_error(silent())))
    }
}

/// For messages: host, port, database.
pub(crate) fn place(connect: &PgConnectOptions) -> String {
    format!(
        "{}:{}/{}",
        connect.get_host(),
        connect.get_port(),
        connect.get_database().unwrap_or_else(|| connect.get_username()),
    )
}

fn silent() -> sqlx::Error {
    sqlx::Error::Protocol("PostgreSQL did not answer in time".to_owned())
}

fn pool(connect: PgConnectOptions, most: u32, timeout: Duration) -> PgPool {
    let millis = timeout.as_millis().to_string();
    PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(timeout)
        .after_connect(move |connection, _| {
            let millis = millis.clone();
            Box::pin(async move {
                sqlx::query(
                    "SELECT set_config('statement_timeout', $1, false),
                            set_config('idle_in_transaction_session_timeout', $1, false)",
                )
                .bind(millis)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .connect_lazy_with(connect)
}
