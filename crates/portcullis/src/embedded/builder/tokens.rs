use std::time::Duration;

use portcullis_core::token::Algorithm;
use secrecy::SecretString;

use super::Builder;

/// Tokens and sessions.
///
/// ```
/// use std::time::Duration;
/// use portcullis::{Portcullis, token::Algorithm};
///
/// const DAY: Duration = Duration::from_secs(86_400);
/// let builder = Portcullis::builder()
///     .audience("articles")
///     .access_ttl(Duration::from_secs(300))
///     .refresh_ttl(DAY)
///     .refresh_grace(Duration::from_secs(5))
///     .absolute_ttl(30 * DAY)
///     .leeway(Duration::from_secs(1))
///     .algorithm(Algorithm::EdDSA)
///     .rotate_keys_after(Some(30 * DAY));
///
/// // Or with a secret that is shared with those who verify, of whom some still have the one before.
/// let shared = Portcullis::builder()
///     .secret("a new secret, of 32 bytes or more")
///     .previous_secret("an old secret of 32 bytes, or more");
/// # drop((builder, shared));
/// ```
impl Builder {
    /// `iss` of the tokens, and `aud` unless that is told: the public https URL of the application, once others verify
    /// its tokens. `portcullis` unless told.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.config.issuer = issuer.into();
        self
    }

    /// `aud` of the tokens; the issuer unless told.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// How long an access token is valid; 15 minutes unless told. Short is good: a refresh brings the next.
    pub fn access_ttl(mut self, ttl: Duration) -> Self {
        self.config.access_ttl = ttl;
        self
    }

    /// A session that is not refreshed for so long ends; 7 days unless told.
    pub fn refresh_ttl(mut self, ttl: Duration) -> Self {
        self.config.sessions.idle = ttl;
        self
    }

    /// For how long a spent refresh token gets the same successor again; 10 seconds unless told.
    pub fn refresh_grace(mut self, grace: Duration) -> Self {
        self.config.sessions.grace = grace;
        self
    }

    /// A session ends after so long, however often it is refreshed; 90 days unless told.
    pub fn absolute_ttl(mut self, ttl: Duration) -> Self {
        self.config.sessions.absolute = ttl;
        self
    }

    /// By how much clocks of other machines may differ; nothing unless told.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.config.leeway = leeway;
        self
    }

    /// How access tokens are signed. Unless told: HS256 with a [`secret`](Self::secret), else that of the keys in the
    /// database, which are made for ES256.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.config.algorithm = Some(algorithm);
        self
    }

    /// A shared secret for HS256 (at least 32 bytes), HS384 (48) or HS512 (64). No key is published in the JWKS then.
    pub fn secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.config.secret = Some(secret.into());
        self
    }

    /// An earlier secret, under which tokens are still taken. May be said several times.
    pub fn previous_secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.config.previous_secrets.push(secret.into());
        self
    }

    /// Once the key that signs is so old, [maintenance](crate::maintenance) lets the next one sign, which has been in the
    /// JWKS for a day at least; `None` means never. 90 days unless told.
    pub fn rotate_keys_after(mut self, age: Option<Duration>) -> Self {
        self.config.rotate_keys_after = age;
        self
    }
}
