//! The authority: who registers, logs in, refreshes, is believed and is thrown out. All use cases, without HTTP and
//! without SQL.
//!
//! Each method is one use case, in a file named after it. The rules that all share:
//!
//! - a limit is counted before anything is looked up;
//! - an act is carried out by `Authority::act`: to its end, whatever becomes of the request, and what it voids enters the
//!   local revocation index before the act is answered;
//! - when the outcome of a commit is unknown, what it would have voided is denied, and the answer is "try later".

mod account;
mod act;
mod admin_audit;
mod admin_keys;
mod admin_roles;
mod admin_users;
mod audit_sink;
mod authenticate;
mod caller;
mod check;
mod config;
mod errors;
mod export;
mod grant;
mod identities;
mod limits;
mod login;
mod logout;
mod maintain;
mod metrics;
mod open;
mod passwords;
mod profiles;
mod readiness;
mod refresh;
mod register;
mod sessions;
mod sign_in;
mod upkeep;

use std::sync::Arc;

pub use self::{
    account::ProfileChange,
    admin_users::{AdminNewUser, AdminUserChange},
    authenticate::Ended,
    caller::Caller,
    check::{ConfigError, check_issuer, check_signing},
    config::AuthorityConfig,
    errors::{
        AccountError, AdminRoleError, AdminUserError, AuthenticateError, LoginError, RefreshError,
        RegisterError, TryLater,
    },
    export::{AccountArchive, ExportError},
    grant::TokenPair,
    identities::IdentityError,
    limits::{Pair, RateLimits},
    login::LoginRequest,
    open::{FINGERPRINT, OpenError, Ports},
    readiness::{ClockSkew, MAX_CLOCK_SKEW, NotReady},
    register::Registration,
    sign_in::{Identified, SignInError},
};
use self::{
    audit_sink::AuditSink, limits::Rules, metrics::Counts, open::KeyReload, profiles::Profiles,
    readiness::Readiness,
};
use crate::{
    clock::Clock,
    device::{DeviceKeys, UnknownIdentifiers},
    id::SessionId,
    identity::Tickets,
    key::{BoundTokens, Keys},
    limit::{Limiter, SharedKeys},
    metrics::Metrics,
    password::pool::HashPool,
    revocation::{Follower, Index, retention},
    rng::Rng,
    session::{PresentedRefresh, SessionKeys},
    store::Store,
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
    page_tokens: BoundTokens,
    tickets: Tickets,
    unknown: UnknownIdentifiers,
    index: Arc<Index>,
    follower: Arc<Follower>,
    limiter: Limiter,
    shared_keys: SharedKeys,
    rules: Rules,
    profiles: Arc<Profiles>,
    audit: AuditSink,
    metrics: Metrics,
    counts: Counts,
    key_reload: Arc<KeyReload>,
    readiness: Readiness,
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

    /// All that this node counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What makes tokens for pages, each bound to one session: against forged requests.
    #[must_use]
    pub fn page_tokens(&self) -> &BoundTokens {
        &self.page_tokens
    }

    /// The session that a refresh token belongs to, if it is one of ours: without asking whether either is still good.
    #[must_use]
    pub fn session_of(&self, refresh_token: &str) -> Option<SessionId> {
        let presented = PresentedRefresh::read(refresh_token, &self.session_keys).ok()?;
        Some(presented.session)
    }
}

/// How long a change is kept: nothing that it voids can be valid for longer.
fn change_retention(config: &AuthorityConfig, longest: std::time::Duration) -> std::time::Duration {
    retention(
        longest.max(config.access_ttl),
        config.leeway,
        config.request_deadline,
    )
}
