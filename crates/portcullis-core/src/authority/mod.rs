//! The authority: who registers, logs in, refreshes, is believed and is thrown out. All use cases, without HTTP and
//! without SQL.
//!
//! Each method is one use case, in a file named after it. The rules that all share:
//!
//! - a limit is counted before anything is looked up;
//! - what an act voids enters the local revocation index before the act is answered (`Authority::settle`);
//! - when the outcome of a commit is unknown, what it would have voided is denied, and the answer is "try later".

mod account;
mod admin_keys;
mod admin_roles;
mod admin_users;
mod audit_sink;
mod authenticate;
mod caller;
mod config;
mod errors;
mod grant;
mod limits;
mod login;
mod logout;
mod open;
mod profiles;
mod refresh;
mod register;
mod sessions;
mod upkeep;

use std::sync::Arc;

pub use self::{
    account::ProfileChange,
    admin_users::{AdminNewUser, AdminUserChange},
    caller::Caller,
    config::AuthorityConfig,
    errors::{
        AccountError, AdminRoleError, AdminUserError, AuthenticateError, LoginError, RefreshError,
        RegisterError, TryLater,
    },
    grant::TokenPair,
    limits::{Pair, RateLimits},
    login::LoginRequest,
    open::{OpenError, Ports},
    register::Registration,
};
use self::{audit_sink::AuditSink, limits::Rules, open::KeyReload, profiles::Profiles};
use crate::{
    audit::{ActContext, Actor},
    clock::{Clock, Timestamp},
    device::{DeviceKeys, UnknownIdentifiers},
    id::{AuditId, UserId},
    key::Keys,
    limit::Limiter,
    password::pool::HashPool,
    revocation::{Change, Follower, Index, retention},
    rng::{self, Rng},
    session::SessionKeys,
    store::{Store, StoreError, Written},
    token::{Signer, Verifier},
};

/// One node's authority over users, sessions and tokens.
pub struct Authority {
    config: AuthorityConfig,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    pool: HashPool,
    keys: Arc<Keys>,
    signer: Signer,
    verifier: Verifier,
    session_keys: Arc<SessionKeys>,
    devices: DeviceKeys,
    unknown: UnknownIdentifiers,
    index: Arc<Index>,
    follower: Arc<Follower>,
    limiter: Limiter,
    rules: Rules,
    profiles: Arc<Profiles>,
    audit: AuditSink,
    key_reload: Arc<KeyReload>,
    node: String,
    retention: std::time::Duration,
    longest_ttl: std::time::Duration,
}

impl Authority {
    /// How it is set up.
    #[must_use]
    pub fn config(&self) -> &AuthorityConfig {
        &self.config
    }

    /// The signing keys.
    #[must_use]
    pub fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    /// The clock that it lives by.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The generator that it draws from.
    #[must_use]
    pub fn rng(&self) -> &Arc<dyn Rng> {
        &self.rng
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The pool that hashes passwords.
    #[must_use]
    pub fn pool(&self) -> &HashPool {
        &self.pool
    }

    /// Whether this node may answer: the index is complete and fresh, and the database is there.
    pub async fn ready(&self) -> Result<(), TryLater> {
        self.follower
            .ensure_fresh()
            .await
            .map_err(|stale| TryLater::Unavailable(stale.to_string()))?;
        Ok(self.store.ping().await?)
    }

    /// Circumstances of an act of `caller` now.
    fn context(&self, caller: &Caller) -> ActContext {
        self.context_of(caller, caller.actor())
    }

    /// Circumstances of an act in which `caller` turned out to be `user`.
    fn context_as(&self, caller: &Caller, user: UserId) -> ActContext {
        self.context_of(caller, Actor::User(user))
    }

    fn context_of(&self, caller: &Caller, actor: Actor) -> ActContext {
        let now = self.clock.now();
        act_context(now, now + self.retention, caller, actor, &*self.rng)
    }

    /// Takes note of what an act voided; all acts go through here or through [`Authority::settle_changes`].
    fn settle<T, E>(&self, context: &ActContext, result: Result<Written<T>, E>) -> Result<T, E>
    where
        E: UnknownOutcome,
    {
        match result {
            Ok(written) => {
                self.follower.applied(&written.changes);
                Ok(written.value)
            }
            Err(error) => Err(self.failed(context, error)),
        }
    }

    /// Takes note of changes before their act is answered.
    fn settle_changes(&self, changes: &[Change]) {
        self.follower.applied(changes);
    }

    /// Denies what an act may have voided when nobody knows whether it happened.
    fn failed<E: UnknownOutcome>(&self, context: &ActContext, error: E) -> E {
        if let Some(StoreError::OutcomeUnknown { denied, .. }) = error.store_error() {
            self.index.deny(denied, context.deny_until);
        }
        if let Some(error) = error.store_error() {
            tracing::warn!(error = %error, request_id = context.request_id, "store.failed");
        }
        error
    }
}

pub(crate) fn act_context(
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

/// An error behind which a failed store can stand.
trait UnknownOutcome {
    fn store_error(&self) -> Option<&StoreError>;
}

impl UnknownOutcome for StoreError {
    fn store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}

macro_rules! unknown_outcome {
    ($($error:ty),*) => {$(
        impl UnknownOutcome for $error {
            fn store_error(&self) -> Option<&StoreError> {
                match self {
                    Self::Store(error) => Some(error),
                    _ => None,
                }
            }
        }
    )*};
}

unknown_outcome!(
    crate::store::UserActError,
    crate::store::RoleActError,
    crate::key::KeyError,
    crate::store::OpenSessionError
);

/// How long a change is kept: nothing that it voids can be valid for longer.
fn change_retention(config: &AuthorityConfig, longest: std::time::Duration) -> std::time::Duration {
    retention(
        longest.max(config.access_ttl),
        config.leeway,
        config.request_deadline,
    )
}
