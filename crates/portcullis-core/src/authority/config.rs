use std::time::Duration;

use secrecy::SecretString;

use super::RateLimits;
use crate::{
    access::RoleName,
    password::{PasswordPolicy, pool::HashPoolConfig},
    revocation::FollowerConfig,
    session::SessionRules,
    token::Algorithm,
};

/// How an [`Authority`](super::Authority) is set up.
#[derive(Clone)]
pub struct AuthorityConfig {
    /// `iss` of its tokens.
    pub issuer: String,
    /// `aud` of its tokens.
    pub audience: String,
    /// `client_id` of its tokens (RFC 9068, section 2.2).
    pub client_id: String,
    /// Life of an access token.
    pub access_ttl: Duration,
    /// Tolerance for other machines' clocks.
    pub leeway: Duration,
    /// What it signs with; none means HS256 with a secret, ES256 without.
    pub algorithm: Option<Algorithm>,
    /// Shared secret; with one the algorithm is HS256, HS384 or HS512.
    pub secret: Option<SecretString>,
    /// Earlier secrets, still good for verifying.
    pub previous_secrets: Vec<SecretString>,
    /// Limits of sessions.
    pub sessions: SessionRules,
    /// Rules for passwords.
    pub password: PasswordPolicy,
    /// The hashing pool.
    pub hashing: HashPoolConfig,
    /// Rate limits.
    pub limits: RateLimits,
    /// Consecutive failed logins after which an account takes only known devices.
    pub max_failures: u32,
    /// Whether anyone may register.
    pub registration: bool,
    /// Roles of whoever registers.
    pub default_roles: Vec<RoleName>,
    /// How many verified tokens are remembered.
    pub token_cache: usize,
    /// How many profiles are remembered.
    pub profile_cache: usize,
    /// The lease on what was revoked.
    pub revocation: FollowerConfig,
    /// Longest that a request may take: part of how long changes are kept.
    pub request_deadline: Duration,
    /// For how long audit events are kept; none means for ever.
    pub audit_retention: Option<Duration>,
}
