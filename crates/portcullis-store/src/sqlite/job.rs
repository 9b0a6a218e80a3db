use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use async_trait::async_trait;
use portcullis_core::{revocation::Change, store::StoreError};
use sqlx::SqliteConnection;
use tokio::sync::oneshot;

use crate::{
    act::{Act, Done, Failure, LONGEST, carry_out, late, store_error},
    postgres::Tries,
    role::RoleCache,
    sql::Connection,
};

const QUEUED: u8 = 0;
const CLAIMED: u8 = 1;
const ABANDONED: u8 = 2;

/// Who has a queued act: the writer, who then answers it, or the caller, who gave up. Exactly one can.
#[derive(Clone, Default)]
pub(super) struct Claim(Arc<AtomicU8>);

impl Claim {
    fn pass_to(&self, state: u8) -> bool {
        self.0
            .compare_exchange(QUEUED, state, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// The caller gives up; false when the writer has begun.
    pub(super) fn abandon(&self) -> bool {
        self.pass_to(ABANDONED)
    }
}

/// How the batch of an act ended.
#[derive(Clone)]
pub(super) enum BatchEnd {
    Committed,
    /// Nothing of it remains.
    RolledBack(Arc<sqlx::Error>),
    Unknown(Arc<sqlx::Error>),
}

/// What came of one act, before the batch ends.
pub(super) enum Outcome {
    Done,
    /// To be rolled back, alone.
    Failed,
}

/// A queued act, whatever its types are.
#[async_trait]
pub(super) trait Job: Send {
    /// Takes it from the queue; false when the caller gave up.
    fn claim(&self) -> bool;

    async fn run(&mut self, connection: &mut SqliteConnection, roles: &RoleCache) -> Outcome;

    fn answer(self: Box<Self>, end: BatchEnd);
}

type Ran<A> = Result<Done<<A as Act>::Output>, Failure<<A as Act>::Error>>;
pub(super) type Answer<A> = Result<Done<<A as Act>::Output>, <A as Act>::Error>;

/// An act, and who waits for it.
pub(super) struct Queued<A: Act> {
    act: A,
    tries: Tries,
    claim: Claim,
    result: Option<Ran<A>>,
    reply: Option<oneshot::Sender<Answer<A>>>,
}

impl<A: Act> Queued<A> {
    pub(super) fn new(act: A) -> (Self, Claim, oneshot::Receiver<Answer<A>>) {
        let (reply, answer) = oneshot::channel();
        let claim = Claim::default();
        let queued = Self {
            act,
            tries: Tries::within(LONGEST),
            claim: claim.clone(),
            result: None,
            reply: Some(reply),
        };
        (queued, claim, answer)
    }

    fn settle(&mut self, end: BatchEnd) {
        let Some(reply) = self.reply.take() else { return };
        let answer = match (self.result.take(), end) {
            // The act's own no stands whatever became of the others.
            (Some(Err(failure)), _) => Err(failure.into_error()),
            (Some(Ok(done)), BatchEnd::Committed) => Ok(done),
            (Some(Ok(done)), BatchEnd::Unknown(source)) => Err(unknown(&done.changes, Shared(source)).into()),
            (_, BatchEnd::RolledBack(source)) => Err(StoreError::unavailable(Shared(source)).into()),
            (None, BatchEnd::Committed | BatchEnd::Unknown(_)) => {
                Err(StoreError::unavailable("the act was not run").into())
            }
        };
        // The caller may be gone.
        let _ = reply.send(answer);
    }
}

#[async_trait]
impl<A: Act> Job for Queued<A> {
    fn claim(&self) -> bool {
        self.claim.pass_to(CLAIMED)
    }

    async fn run(&mut self, connection: &mut SqliteConnection, roles: &RoleCache) -> Outcome {
        // The file was held for long: what the act revokes would be believed again before the last token dies.
        let result = if self.tries.are_over() {
            Err(Failure::Database(late()))
        } else {
            carry_out(&self.act, Connection::Sqlite(connection), roles).await
        };
        let outcome = if result.is_ok() {
            Outcome::Done
        } else {
            Outcome::Failed
        };
        self.result = Some(result);
        outcome
    }

    fn answer(mut self: Box<Self>, end: BatchEnd) {
        self.settle(end);
    }
}

impl<A: Act> Drop for Queued<A> {
    /// The writer panicked, or the database was closed: whoever waits learns of it, and denies what may have happened.
    fn drop(&mut self) {
        self.settle(BatchEnd::Unknown(Arc::new(sqlx::Error::WorkerCrashed)));
    }
}

fn unknown(changes: &[Change], source: Shared) -> StoreError {
    StoreError::OutcomeUnknown {
        denied: changes.iter().map(|change| change.kind.clone()).collect(),
        source: source.into(),
    }
}

/// One error for all acts of a batch.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Shared(Arc<sqlx::Error>);

/// An error that struck before the act was queued or begun.
pub(super) fn not_begun<A: Act>(error: sqlx::Error) -> A::Error {
    store_error(error).into()
}
