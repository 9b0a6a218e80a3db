use std::{future::Future, sync::Arc};

use tracing::Instrument as _;

use super::{Authority, Caller};
use crate::{
    SPANS,
    audit::{ActContext, Actor},
    clock::Timestamp,
    id::{AuditId, UserId},
    key::KeyError,
    revocation::Change,
    rng::{self, Rng},
    session::StoredSession,
    store::{
        IdentityActError, OpenSessionError, Opened, RefreshOutcome, RoleActError, Store, StoreError,
        UserActError, Written,
    },
    user::Standing,
};

impl Authority {
    /// Carries out an act to its end, and puts what it voids into force on this node before anybody is answered.
    ///
    /// In a task of its own: a request is dropped when its client goes away or its deadline passes, and between the
    /// COMMIT and the index this node would go on believing what it has just voided (decision 0006).
    pub(super) async fn act<R, E, F>(
        &self,
        context: &ActContext,
        act: impl FnOnce(Arc<dyn Store>, ActContext) -> F,
    ) -> Result<R::Value, E>
    where
        R: Acted,
        E: ActError,
        F: Future<Output = Result<R, E>> + Send + 'static,
    {
        let act = act(Arc::clone(&self.store), context.clone());
        let (follower, context) = (Arc::clone(&self.follower), context.clone());
        let (clock, retention) = (Arc::clone(&self.clock), self.retention);
        let settled = async move {
            let result = act.await;
            match &result {
                Ok(done) => follower.applied(done.changes()),
                Err(error) => {
                    if let Some(error) = error.store_error() {
                        // Whether or not it happened.
                        if let StoreError::OutcomeUnknown { denied, .. } = error {
                            follower.index().deny(denied, clock.now() + retention);
                        }
                        tracing::warn!(%error, request_id = context.request_id, "store.failed");
                    }
                }
            }
            result
        };
        // The request stays around it, for the log, where nobody wants the span of a trace.
        let settled = settled.instrument(tracing::info_span!(target: SPANS, "store.act"));
        match tokio::spawn(settled.in_current_span()).await {
            Ok(result) => result.map(Acted::value),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(StoreError::unavailable(error).into()),
            },
        }
    }

    /// Circumstances of an act of `caller` now.
    pub(super) fn context(&self, caller: &Caller) -> ActContext {
        self.context_of(caller, caller.actor())
    }

    /// Circumstances of an act in which `caller` turned out to be `user`.
    pub(super) fn context_as(&self, caller: &Caller, user: UserId) -> ActContext {
        self.context_of(caller, Actor::User(user))
    }

    /// Circumstances of an act of `caller` in the name of `actor`.
    pub(super) fn context_of(&self, caller: &Caller, actor: Actor) -> ActContext {
        let now = self.clock.now();
        act_context(now, now + self.retention, caller, actor, &*self.rng)
    }
}

pub(super) fn act_context(
    now: Timestamp,
    deny_until: Timestamp,
    caller: &Caller,
    actor: Actor,
    rng: &dyn Rng,
) -> ActContext {
    ActContext {
        now,
        deny_until,
        audit_id: AuditId::generate(now, rng),
        tag: i64::from_be_bytes(rng::bytes(rng)),
        actor,
        address: caller.address,
        request_id: caller.request_id.clone(),
    }
}

/// What an act gives.
pub(super) trait Acted: Send + 'static {
    /// What is left to say once the changes are in force.
    type Value;

    /// What must no longer be believed.
    fn changes(&self) -> &[Change];

    fn value(self) -> Self::Value;
}

impl<T: Send + 'static> Acted for Written<T> {
    type Value = T;

    fn changes(&self) -> &[Change] {
        &self.changes
    }

    fn value(self) -> T {
        self.value
    }
}

impl Acted for Opened {
    type Value = (Standing, Option<StoredSession>);

    fn changes(&self) -> &[Change] {
        &self.changes
    }

    fn value(self) -> Self::Value {
        (self.standing, self.session)
    }
}

impl Acted for RefreshOutcome {
    type Value = Self;

    fn changes(&self) -> &[Change] {
        match self {
            Self::Ended { changes, .. } => changes,
            Self::Granted { .. } | Self::Refused(_) => &[],
        }
    }

    fn value(self) -> Self {
        self
    }
}

/// Why an act did not happen: a store that failed may stand behind it.
pub(super) trait ActError: From<StoreError> + Send + 'static {
    fn store_error(&self) -> Option<&StoreError>;
}

impl ActError for StoreError {
    fn store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}

macro_rules! act_error {
    ($($error:ty),*) => {$(
        impl ActError for $error {
            fn store_error(&self) -> Option<&StoreError> {
                match self {
                    Self::Store(error) => Some(error),
                    _ => None,
                }
            }
        }
    )*};
}

act_error!(
    UserActError,
    RoleActError,
    KeyError,
    OpenSessionError,
    IdentityActError
);

/// An act that voids nothing.
impl Acted for () {
    type Value = Self;

    fn changes(&self) -> &[Change] {
        &[]
    }

    fn value(self) {}
}
