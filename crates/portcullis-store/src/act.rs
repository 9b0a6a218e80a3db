//! An act: what happens entirely or not at all.

use std::time::Duration;

use async_trait::async_trait;
use portcullis_core::{
    audit::ActContext,
    clock::Timestamp,
    revocation::{Change, ChangeKind, lane_of},
    store::StoreError,
};

use crate::{
    feed,
    role::{RoleCache, Roles},
    sql::Connection,
};

/// An act, with all that it needs. It may be run again from the start when the database asks for it, which is why it
/// borrows itself.
#[async_trait]
pub(crate) trait Act: Send + Sync + 'static {
    type Output: Send + 'static;
    type Error: From<StoreError> + Send + 'static;

    /// Does it, inside a transaction that is rolled back on any error.
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Failure<Self::Error>>;
}

/// An act is not begun again, nor committed, later than this after it was asked for. What it revokes is denied for as long
/// as a token can live that was issued before it, and a minute longer ([`retention`](portcullis_core::revocation::retention)):
/// that minute also has the wait for the answer to a COMMIT, and the difference of clocks.
pub(crate) const LONGEST: Duration = Duration::from_secs(45);

pub(crate) fn late() -> sqlx::Error {
    sqlx::Error::Protocol("the act took too long to be committed".to_owned())
}

/// Why an act did not happen.
#[derive(Debug)]
pub(crate) enum Failure<E> {
    /// The act itself says no.
    Refused(E),
    /// The database failed.
    Database(sqlx::Error),
    /// What is stored makes no sense.
    Corrupt(String),
}

impl<E> From<sqlx::Error> for Failure<E> {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl<E> From<Corrupt> for Failure<E> {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt.0)
    }
}

impl<E: From<StoreError>> Failure<E> {
    /// As the caller sees it, when nothing happened for sure.
    pub(crate) fn into_error(self) -> E {
        match self {
            Self::Refused(error) => error,
            Self::Database(error) => store_error(error).into(),
            Self::Corrupt(what) => StoreError::Corrupt(what).into(),
        }
    }
}

/// What is stored makes no sense.
#[derive(Debug)]
pub(crate) struct Corrupt(pub(crate) String);

impl Corrupt {
    /// `what` cannot be read.
    pub(crate) fn new(what: &str) -> Self {
        Self(format!("{what} cannot be read"))
    }
}

/// An error of the driver as the contract has it.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::TypeNotFound { .. } => StoreError::Corrupt(error.to_string()),
        other => StoreError::unavailable(other),
    }
}

/// What an act gave.
pub(crate) struct Done<T> {
    pub(crate) value: T,
    pub(crate) changes: Vec<Change>,
}

/// A transaction in which one act happens.
pub(crate) struct Tx<'c> {
    connection: Connection<'c>,
    roles: &'c RoleCache,
    pending: Option<Pending>,
}

struct Pending {
    lane: u8,
    tag: i64,
    at: Timestamp,
    until: Timestamp,
    kinds: Vec<ChangeKind>,
}

impl<'c> Tx<'c> {
    /// The connection, for a query.
    pub(crate) fn sql(&mut self) -> &mut Connection<'c> {
        &mut self.connection
    }

    /// Notes a change, to be written when all else is done. An act has one lane, that of the first `subject`.
    pub(crate) fn announce(&mut self, context: &ActContext, subject: &[u8], kind: ChangeKind) {
        self.pending
            .get_or_insert_with(|| Pending {
                lane: lane_of(subject),
                tag: context.tag,
                at: context.now,
                until: context.deny_until,
                kinds: Vec::new(),
            })
            .kinds
            .push(kind);
    }

    /// The cache of the roles, as a transaction may use it.
    pub(crate) fn role_view(&self) -> Roles<'c> {
        Roles::of_transaction(self.roles)
    }

    /// Lane numbers are taken last, so that a lane is locked for no longer than the COMMIT takes.
    async fn write_changes(&mut self) -> Result<Vec<Change>, sqlx::Error> {
        let Some(pending) = self.pending.take() else {
            return Ok(Vec::new());
        };
        let mut changes = Vec::with_capacity(pending.kinds.len());
        for kind in pending.kinds {
            let n = feed::next_number(&mut self.connection, pending.lane, pending.tag).await?;
            let change = Change {
                lane: pending.lane,
                n,
                tag: pending.tag,
                kind,
                at: pending.at,
                until: pending.until,
            };
            feed::insert(&mut self.connection, &change).await?;
            changes.push(change);
        }
        Ok(changes)
    }
}

/// Runs an act inside a transaction that is already open; whoever opened it commits or rolls back.
pub(crate) async fn carry_out<A: Act>(
    act: &A,
    connection: Connection<'_>,
    roles: &RoleCache,
) -> Result<Done<A::Output>, Failure<A::Error>> {
    let mut tx = Tx {
        connection,
        roles,
        pending: None,
    };
    let value = act.run(&mut tx).await?;
    let changes = tx.write_changes().await?;
    Ok(Done { value, changes })
}
