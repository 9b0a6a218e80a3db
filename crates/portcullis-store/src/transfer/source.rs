use portcullis_core::{archive::Cell, store::UNFINISHED};

use super::{
    TransferError,
    link::Link,
    table::{TABLES, Table},
    target,
};
use crate::{
    DatabaseOptions,
    act::{Corrupt, Failure},
    migration,
    sql::{self, fetch_optional},
};

/// Rows that are read at a time.
pub(super) const PAGE: i64 = 2_000;
/// How often to ask for the tables anew when writers stand in the way.
const ATTEMPTS: usize = 5;

/// Whether others may write while a source is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writers {
    /// They go on, unseen.
    GoOn,
    /// They wait, or are refused, until it is closed.
    Wait,
}

/// A database, read as it was at one moment.
pub(crate) struct Source {
    link: Link,
}

impl Source {
    pub(crate) async fn open(options: &DatabaseOptions, writers: Writers) -> Result<Self, TransferError> {
        let open = |source| TransferError::Open {
            side: "source",
            source,
        };
        let mut link = Link::open(options).await.map_err(open)?;
        let pending = migration::pending(&mut link.sql()).await.map_err(open)?;
        if !pending.is_empty() {
            let pending = pending.iter().map(|migration| migration.name).collect();
            return Err(TransferError::Older {
                side: "source",
                pending,
            });
        }
        let mut source = Self { link };
        source.begin(writers).await?;
        if migration::is_ahead(&mut source.link.sql())
            .await
            .map_err(TransferError::source)?
        {
            return Err(TransferError::Newer { side: "source" });
        }
        if let Some(mark) = source.meta(UNFINISHED).await? {
            return Err(TransferError::SourceUnfinished {
                act: target::act_of(&mark),
            });
        }
        Ok(source)
    }

    async fn begin(&mut self, writers: Writers) -> Result<(), TransferError> {
        for attempt in 1.. {
            match self.try_begin(writers).await {
                Ok(()) => break,
                // Met a writer who waits for a table that we have.
                Err(error) if attempt < ATTEMPTS && crate::dialect::worth_retrying(&error) => {
                    self.link.roll_back().await.map_err(TransferError::source)?;
                }
                Err(error) => return Err(TransferError::source(error)),
            }
        }
        Ok(())
    }

    /// The locks come before the first row is read: what is seen is what is there once nobody writes.
    async fn try_begin(&mut self, writers: Writers) -> Result<(), sqlx::Error> {
        match writers {
            Writers::GoOn => {
                self.link
                    .run("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .await
            }
            Writers::Wait => {
                self.link
                    .run("BEGIN IMMEDIATE", "BEGIN ISOLATION LEVEL REPEATABLE READ")
                    .await?;
                self.link.hold(TABLES).await
            }
        }
    }

    pub(super) fn sql(&mut self) -> sql::Connection<'_> {
        self.link.sql()
    }

    pub(super) async fn meta(&mut self, name: &str) -> Result<Option<String>, TransferError> {
        meta(&mut self.link, name).await.map_err(TransferError::source)
    }

    pub(crate) async fn count(&mut self, table: &Table) -> Result<u64, TransferError> {
        self.link.count(table).await.map_err(TransferError::source)
    }

    /// The rows behind the one with the key `after`; none when that was the last.
    pub(crate) async fn page(
        &mut self,
        table: &Table,
        after: Option<&[Cell]>,
    ) -> Result<Vec<Vec<Cell>>, TransferError> {
        self.link
            .page(table, after, PAGE)
            .await
            .map_err(|failure| failed(failure, TransferError::source))
    }

    pub(crate) async fn close(mut self) {
        // It wrote nothing.
        let _ = self.link.roll_back().await;
        self.link.close().await;
    }
}

pub(super) async fn meta(link: &mut Link, name: &str) -> Result<Option<String>, sqlx::Error> {
    let found = fetch_optional!(
        &mut link.sql(),
        (String,),
        "SELECT value FROM portcullis_meta WHERE name = $1",
        name
    )?;
    Ok(found.map(|(value,)| value))
}

pub(super) fn failed(
    failure: Failure<Corrupt>,
    side: impl FnOnce(sqlx::Error) -> TransferError,
) -> TransferError {
    match failure {
        Failure::Refused(corrupt) => corrupt.into(),
        Failure::Database(error) => side(error),
        Failure::Corrupt(what) => TransferError::Corrupt(what),
    }
}
