//! PostgreSQL: a transaction per act, run again when it meets another one.

mod hosts;
#[cfg(test)]
mod tests;
mod tries;
mod url;
mod word;

use std::{sync::Arc, time::Duration};

use portcullis_core::store::StoreError;
use sqlx::{
    Connection as _, PgConnection, PgPool, Postgres as Engine, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{sleep, timeout};

pub(crate) use self::{
    hosts::Hosts,
    tries::Tries,
    url::{is_exposed, parse as hosts_of},
};
use self::{hosts::Scout, word::Word};
use crate::{
    DatabaseOptions, OpenError, PoolShare,
    act::{Act, Done, Failure, LONGEST, carry_out, late, store_error},
    dialect, migration,
    pool::{self, Connections},
    role::RoleCache,
    sql::Connection,
};

/// An open PostgreSQL database.
pub(crate) struct Postgres {
    pub(crate) pool: Arc<Connections<Engine>>,
    /// One connection that nobody else takes: the feed is read however busy the others are.
    pub(crate) feed: Arc<Connections<Engine>>,
    /// Tells other nodes of new rows in the feed, and hears of theirs.
    word: Option<Word>,
    /// Follows the primary, where there are many hosts.
    scout: Option<Scout>,
    timeout: Duration,
    longest: Duration,
    roles: Arc<RoleCache>,
}

/// Most that the answer to a COMMIT is waited for, whatever the setting is.
const COMMIT: Duration = Duration::from_secs(10);

impl Postgres {
    pub(crate) async fn open(
        hosts: Vec<PgConnectOptions>,
        options: &DatabaseOptions,
        roles: Arc<RoleCache>,
    ) -> Result<Self, OpenError> {
        let hosts = Arc::new(Hosts::new(hosts));
        hosts.first(options.timeout).await?;
        let (most, patience) = (options.max_connections.max(1), options.timeout);
        let connections = |most| {
            let own = Connections::own(pool(hosts.current(), most, patience));
            let doubting = Arc::clone(&hosts);
            if hosts.are_many() {
                own.doubting(move || doubting.doubt())
            } else {
                own
            }
        };
        let main = Arc::new(connections(most).bounded(most, options.queue));
        let feed = Arc::new(connections(1));
        let scout = hosts.are_many().then(|| {
            let (main, feed) = (Arc::clone(&main), Arc::clone(&feed));
            Scout::begin(Arc::clone(&hosts), move |now| {
                main.replace(pool(now.clone(), most, patience));
                feed.replace(pool(now, 1, patience));
            })
        });
        let place = hosts.place();
        let opened = Self {
            pool: main,
            feed,
            word: options
                .notify
                .then(|| Word::begin(move || pool(hosts.current(), 1, patience), patience)),
            scout,
            timeout: patience,
            longest: LONGEST,
            roles,
        };
        opened.ready(&place, options.migrate).await?;
        if opened.scout.is_some() {
            opened.warn_of_losses().await;
        }
        Ok(opened)
    }

    /// With several hosts one is meant to take over from another. Whether it then has all that was acknowledged is a setting
    /// of the server.
    async fn warn_of_losses(&self) {
        let Ok(mut connection) = self.pool.acquire().await else {
            return;
        };
        let names: Result<String, _> = sqlx::query_scalar("SHOW synchronous_standby_names")
            .fetch_one(&mut *connection)
            .await;
        if names.is_ok_and(|names| names.trim().is_empty()) {
            tracing::warn!(
                "synchronous replication is off: what the database acknowledged last may be lost when another host takes \
                 over, revocations too; set synchronous_standby_names"
            );
        }
    }

    /// On the pool of an application.
    pub(crate) async fn on(
        pool: PgPool,
        share: &PoolShare,
        roles: Arc<RoleCache>,
    ) -> Result<Self, OpenError> {
        let place = Hosts::new(vec![(*pool.connect_options()).clone()]).place();
        let patience = share.timeout;
        let feed = pool::beside(&pool, patience);
        let lent = pool.clone();
        let opened = Self {
            pool: Arc::new(Connections::share_of(pool, share)),
            feed: Arc::new(Connections::own(feed)),
            word: Some(Word::begin(move || pool::beside(&lent, patience), patience)),
            scout: None,
            timeout: patience,
            longest: LONGEST,
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
        if let Some(word) = &self.word {
            word.end().await;
        }
        self.feed.close().await;
    }

    /// Carries out an act. It is run again where nothing of it remains for sure: it met another one, or its connection broke
    /// before COMMIT was sent.
    pub(crate) async fn act<A: Act>(&self, act: A) -> Result<Done<A::Output>, A::Error> {
        let mut tries = Tries::within(self.longest);
        loop {
            let mut connection = match self.pool.acquire().await {
                Ok(connection) => connection,
                // It was waited for already.
                Err(error) => return Err(Failure::Database(error).into_error()),
            };
            let failure = match self.attempt(&act, &mut connection, &tries).await {
                Ok(committed) => {
                    connection.answered();
                    return Ok(committed);
                }
                Err(Attempt::Unknown(error)) => {
                    connection.discard();
                    return Err(error.into());
                }
                Err(Attempt::Failed(failure)) => failure,
            };
            connection.answered();
            if failure.spoils() {
                connection.discard();
            }
            drop(connection);
            let Some(pause) = failure.again(&mut tries) else {
                return Err(failure.into_error());
            };
            if let Failure::Database(error) = &failure {
                tracing::debug!(%error, "running an act again");
            }
            sleep(pause).await;
        }
    }

    /// Runs an act once.
    async fn attempt<A: Act>(
        &self,
        act: &A,
        connection: &mut PgConnection,
        tries: &Tries,
    ) -> Result<Done<A::Output>, Attempt<A::Error>> {
        let mut transaction = self.begin(connection).await?;
        // The server ends each statement in time; this is for a server that no longer says anything.
        let ran = timeout(
            self.timeout * 2,
            carry_out(act, Connection::Postgres(&mut transaction), &self.roles),
        );
        let done = ran.await.map_err(|_| silent())??;
        if tries.are_over() {
            return Err(Attempt::Failed(Failure::Database(late())));
        }
        self.commit(transaction, done).await
    }

    /// On our own connections the server knows already how long a statement may take.
    async fn begin<'c>(
        &self,
        connection: &'c mut PgConnection,
    ) -> Result<Transaction<'c, Engine>, sqlx::Error> {
        let begun = async {
            if self.pool.is_borrowed() {
                connection.begin_with(dialect::begin_within(self.timeout)).await
            } else {
                connection.begin().await
            }
        };
        timeout(self.timeout, begun)
            .await
            .unwrap_or_else(|_| Err(silent()))
    }

    async fn commit<T, E>(
        &self,
        transaction: Transaction<'_, Engine>,
        done: Done<T>,
    ) -> Result<Done<T>, Attempt<E>> {
        let committed = timeout(self.timeout.min(COMMIT), transaction.commit()).await;
        if let Some(word) = &self.word
            && !done.changes.is_empty()
        {
            // Also when the outcome is unknown.
            word.say();
        }
        let error = match committed {
            Ok(Ok(())) => return Ok(done),
            Ok(Err(error)) if dialect::certainly_rolled_back(&error) => return Err(error.into()),
            Ok(Err(error)) => error,
            Err(_) => silent(),
        };
        tracing::error!(%error, "store.commit_unknown: what the act would have revoked is denied on this node");
        Err(Attempt::Unknown(StoreError::OutcomeUnknown {
            denied: done.changes.into_iter().map(|change| change.kind).collect(),
            source: error.into(),
        }))
    }

    /// Resolves when a node says that it wrote to the feed.
    pub(crate) async fn moved(&self) {
        match &self.word {
            Some(word) => word.heard().await,
            None => std::future::pending().await,
        }
    }

    /// A read, given up when the server no longer says anything.
    pub(crate) async fn timed<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        timeout(self.timeout * 2, read)
            .await
            .unwrap_or_else(|_| Err(store_error(silent())))
    }
}

/// Why an act that was run once did not succeed.
enum Attempt<E> {
    /// Nothing of it remains.
    Failed(Failure<E>),
    /// Whether it happened nobody knows.
    Unknown(StoreError),
}

impl<E, F: Into<Failure<E>>> From<F> for Attempt<E> {
    fn from(failure: F) -> Self {
        Self::Failed(failure.into())
    }
}

fn silent() -> sqlx::Error {
    sqlx::Error::Protocol(SILENT.to_owned())
}

/// Whether the server said nothing in time: nobody may wait for what such a connection still owes.
fn is_silent(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Protocol(text) if text == SILENT)
}

const SILENT: &str = "PostgreSQL did not answer in time";

impl<E> Failure<E> {
    /// After which pause to run it again from the start, if at all.
    pub(crate) fn again(&self, tries: &mut Tries) -> Option<Duration> {
        match self {
            Self::Database(error) => tries.again(error),
            Self::Refused(_) | Self::Corrupt(_) => None,
        }
    }

    /// Whether the connection is of no more use.
    pub(crate) fn spoils(&self) -> bool {
        matches!(self, Self::Database(error) if dialect::is_lost(error) || is_silent(error))
    }
}

fn pool(connect: PgConnectOptions, most: u32, patience: Duration) -> PgPool {
    let millis = patience.as_millis().to_string();
    PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(patience)
        .after_connect(move |connection, _| {
            let millis = millis.clone();
            Box::pin(async move {
                // An act is answered once it is on disk, and on the synchronous standby, whatever the default is.
                let (_, _, _, read_only): (String, String, String, String) = sqlx::query_as(
                    "SELECT set_config('statement_timeout', $1, false),
                            set_config('idle_in_transaction_session_timeout', $1, false),
                            set_config('synchronous_commit',
                                CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on'
                                     ELSE current_setting('synchronous_commit') END, false),
                            current_setting('transaction_read_only')",
                )
                .bind(millis)
                .fetch_one(connection)
                .await?;
                // What a standby says of revocations may be old.
                if read_only == "on" {
                    return Err(sqlx::Error::Configuration(
                        "the server takes no writes: it is a standby".into(),
                    ));
                }
                Ok(())
            })
        })
        .connect_lazy_with(connect)
}
