use portcullis_core::archive::{ArchiveError, RowError};

use crate::{OpenError, act::Corrupt, dialect};

/// Why rows could not be moved. Each text says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// One of the databases does not open.
    #[error("the {side}: {source}")]
    Open {
        /// `source` or `target`.
        side: &'static str,
        /// Why.
        #[source]
        source: OpenError,
    },
    /// Source and target are one.
    #[error("source and target are the same database")]
    Same,
    /// The schema is not that of this version.
    #[error("the schema of the {side} is older than this version ({}): bring it up to date with `portcullis migrate`", .pending.join(", "))]
    Older {
        /// `source` or `target`.
        side: &'static str,
        /// What it lacks.
        pending: Vec<&'static str>,
    },
    /// The schema has more than this version knows.
    #[error(
        "the {side} was migrated by a newer version, whose columns would be passed over: run that version"
    )]
    Newer {
        /// `source` or `target`.
        side: &'static str,
    },
    /// The source is itself being written by a copy or a restore.
    #[error("the source is not complete: a {act} into it was interrupted, and must be finished first")]
    SourceUnfinished {
        /// `copy` or `restore`.
        act: String,
    },
    /// The source is written to.
    #[error(
        "the source is being written to and does not come to rest: stop the servers that use it, then try again"
    )]
    SourceBusy,
    /// The target has rows.
    #[error("the target is not empty (there are rows in {table}): name a database that is")]
    NotEmpty {
        /// In which table.
        table: &'static str,
    },
    /// The target has rows of another copy or restore that was interrupted.
    #[error(
        "the target holds a part of another {act}, which was interrupted: finish that one, or drop its tables and begin \
         anew"
    )]
    OtherAct {
        /// `copy` or `restore`.
        act: String,
    },
    /// A second process writes into the target.
    #[error("another process has gone on with this in the meantime: let that one finish")]
    TakenOver,
    /// Afterwards the two were not alike.
    #[error(
        "source and target differ in {}: the source was written to between two runs. Stop the servers that use it, drop \
         the tables of the target, and copy anew",
        .tables.join(", ")
    )]
    Differ {
        /// In which tables.
        tables: Vec<&'static str>,
    },
    /// What is stored makes no sense.
    #[error("{0}")]
    Corrupt(String),
    /// The archive cannot be read or written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The result cannot be written.
    #[error("the result cannot be written: {0}")]
    Output(#[source] std::io::Error),
    /// A row that cannot be moved.
    #[error("a row of {table} cannot be moved: {source}")]
    Row {
        /// Of which table.
        table: &'static str,
        /// What is wrong with it.
        #[source]
        source: RowError,
    },
    /// The source does not answer.
    #[error("the source failed: {0}")]
    Source(#[source] sqlx::Error),
    /// The target does not answer.
    #[error("the target failed: {0}. What was written stays: the same command goes on from there")]
    Target(#[source] sqlx::Error),
}

impl TransferError {
    /// An error of the source that may say that others write there.
    pub(super) fn source(error: sqlx::Error) -> Self {
        if dialect::is_busy(&error) || dialect::is_lock_timeout(&error) || dialect::worth_retrying(&error) {
            Self::SourceBusy
        } else {
            Self::Source(error)
        }
    }
}

impl From<Corrupt> for TransferError {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt.0)
    }
}
