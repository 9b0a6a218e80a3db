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
    /// Once the key that signs is so old, maintenance lets the next one sign; none means never.
    pub rotate_keys_after: Option<Duration>,
    /// What this node is called in the records of maintenance; without it, a random name.
    pub node: Option<String>,
}

impl AuthorityConfig {
    /// The defaults, for tokens that say `issuer` in `iss` and `aud`.
    ///
    /// ```
    /// use portcullis_core::authority::AuthorityConfig;
    ///
    /// let config = AuthorityConfig { registration: false, ..AuthorityConfig::new("https://auth.example.com") };
    /// assert!(config.check().is_empty());
    /// ```
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        Self {
            audience: issuer.clone(),
            issuer,
            client_id: "portcullis".to_owned(),
            access_ttl: Duration::from_secs(15 * 60),
            leeway: Duration::ZERO,
            algorithm: None,
            secret: None,
            previous_secrets: Vec::new(),
            sessions: SessionRules::default(),
            password: PasswordPolicy::default(),
            hashing: HashPoolConfig::default(),
            limits: RateLimits::default(),
            max_failures: 100,
            registration: true,
            default_roles: user_role().into_iter().collect(),
            // About 1 KiB and 0.5 KiB each.
            token_cache: 10_000,
            profile_cache: 10_000,
            revocation: FollowerConfig::default(),
            request_deadline: Duration::from_secs(30),
            audit_retention: Some(Duration::from_secs(365 * 86_400)),
            rotate_keys_after: Some(Duration::from_secs(90 * 86_400)),
            node: None,
        }
    }
}

/// The role that every database has for whoever registers.
fn user_role() -> Option<RoleName> {
    "user".parse().ok()
}
