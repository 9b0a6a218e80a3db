//! How a database is set up and how it fares, for an operator who looks for what is wrong. Only reads.

mod postgres;
mod sqlite;

use std::{path::PathBuf, time::Duration};

use portcullis_core::{
    clock::{Clock, Timestamp},
    store::StoreError,
};

use crate::{Database, act::store_error, database::Reader, upkeep};

/// How often the database is asked for nothing, to see how long that takes.
const PINGS: usize = 5;

/// How a database is set up and how it fares.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Of several questions about nothing, the one in the middle took so long.
    pub latency: Duration,
    /// What only this engine has.
    pub engine: EngineCondition,
}

/// What only one engine has.
#[derive(Clone, Debug)]
pub enum EngineCondition {
    /// SQLite.
    Sqlite(SqliteCondition),
    /// PostgreSQL.
    Postgres(Box<PostgresCondition>),
}

/// A SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteCondition {
    /// The file.
    pub file: PathBuf,
    /// Of SQLite: `3.50.4`.
    pub version: String,
    /// `wal`, as it has to be.
    pub journal_mode: String,
    /// 2 is FULL, 3 EXTRA: less loses acknowledged acts at a power failure.
    pub synchronous: i64,
    /// What `PRAGMA quick_check` complains of; nothing in a sound file.
    pub damage: Vec<String>,
}

/// A PostgreSQL server, as the connections of Portcullis meet it.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "settings that are on or off")]
pub struct PostgresCondition {
    /// Its host, or the folder of its socket.
    pub host: String,
    /// Whether that is this machine.
    pub local: bool,
    /// `150014` is 15.14.
    pub version: i64,
    /// What its clock says, and how far that is from ours.
    pub clock: ClockReading,
    /// Whether it is a replica that takes no writes.
    pub replica: bool,
    /// Whether transactions may write.
    pub read_only: bool,
    /// `on`, `off`, `local`, `remote_write`, `remote_apply`.
    pub synchronous_commit: String,
    /// Which replicas a COMMIT waits for; empty when for none.
    pub synchronous_standbys: String,
    /// Replicas that are connected now.
    pub replicas: i64,
    /// Whether what is written is flushed to the disk.
    pub fsync: bool,
    /// Whether a page that was torn by a power failure can be repaired.
    pub full_page_writes: bool,
    /// Milliseconds that the server gives a statement by itself; 0 is for ever.
    pub statement_timeout: i64,
    /// Connections that anybody but superusers can have.
    pub places: i64,
    /// What narrows [`places`](Self::places): `max_connections`, or the limit of the role or the database.
    pub places_by: &'static str,
    /// Connections at present, of everybody.
    pub taken: i64,
    /// `TLSv1.3`; none without TLS.
    pub tls: Option<String>,
    /// Whether the certificate of the server and its name are checked (`sslmode=verify-full`).
    pub tls_verified: bool,
}

/// A foreign clock.
#[derive(Clone, Copy, Debug)]
pub struct ClockReading {
    /// What it said.
    pub theirs: Timestamp,
    /// What ours said in the middle of the question.
    pub ours: Timestamp,
    /// By how much the difference may be wrong: half of the time that the question took.
    pub uncertainty: Duration,
}

impl ClockReading {
    /// By how much the clocks differ, in either direction.
    #[must_use]
    pub fn apart(&self) -> Duration {
        self.theirs.since(self.ours).max(self.ours.since(self.theirs))
    }
}

impl Database {
    /// How the database is set up and how it fares.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn condition(&self, clock: &dyn Clock) -> Result<Condition, StoreError> {
        self.timed(async {
            let mut reader = self.reader().await.map_err(store_error)?;
            let latency = latency(&mut reader, clock).await?;
            let engine = match &mut reader {
                Reader::Sqlite(held) => sqlite::look(held).await.map(EngineCondition::Sqlite),
                Reader::Postgres(held) => {
                    let options = self.postgres_options();
                    let found = postgres::look(held, options.as_deref(), clock).await;
                    found.map(|found| EngineCondition::Postgres(Box::new(found)))
                }
            };
            Ok(Condition {
                latency,
                engine: engine.map_err(store_error)?,
            })
        })
        .await
    }
}

async fn latency(reader: &mut Reader, clock: &dyn Clock) -> Result<Duration, StoreError> {
    let mut took = Vec::with_capacity(PINGS);
    for _ in 0..PINGS {
        let begun = clock.monotonic();
        let pinged = upkeep::ping(&mut reader.sql()).await;
        took.push(clock.monotonic().saturating_sub(begun));
        // Before the first migration there is no table to ask: that took as long.
        drop(pinged);
    }
    took.sort_unstable();
    Ok(took[PINGS / 2])
}
