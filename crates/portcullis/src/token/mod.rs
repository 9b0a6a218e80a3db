//! Tokens of an application's own: JWTs with claims of its own types.
//!
//! ```
//! use portcullis::token::{Algorithm, Claims, Profile, TokenError, Tokens};
//! use secrecy::{ExposeSecret as _, SecretString};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Mine { role: String }
//!
//! // In an application: secret("JWT_SECRET")?
//! let secret = SecretString::from("0123456789abcdef0123456789abcdef");
//! let tokens = Tokens::hs256(&secret)?.profile(Profile::new("https://articles.example", "articles"));
//!
//! let issued = tokens.encode("alice", Mine { role: "editor".into() })?;
//! let claims: Claims<Mine> = tokens.decode(issued.token.expose_secret())?;
//! assert_eq!((claims.subject.as_str(), claims.custom.role.as_str()), ("alice", "editor"));
//!
//! assert!(matches!(tokens.decode::<Mine>("garbage"), Err(TokenError::Malformed(_))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every token has a `jti` ([`Claims::id`]), by which it can be revoked, and an `exp`. Reading is strict: the key fixes the
//! algorithm, `exp` is demanded, a token has one spelling, and there is no leeway unless [`Profile::leeway`] gives some.
//!
//! In a provider, errors become the right answers by `?`:
//!
//! ```
//! use http::request::Parts;
//! use portcullis::{provider::{AuthError, AuthProvider, bearer}, token::{Claims, Tokens}};
//! # use std::sync::Arc;
//! # #[derive(serde::Serialize, serde::Deserialize)]
//! # struct Mine { role: String }
//!
//! struct OwnUsers { tokens: Tokens }
//!
//! impl AuthProvider for OwnUsers {
//!     type User = Arc<Claims<Mine>>;
//!
//!     async fn authenticate(&self, parts: &Parts) -> Result<Self::User, AuthError> {
//!         Ok(Arc::new(self.tokens.decode(bearer(parts)?.expose())?))
//!     }
//! }
//! ```
//!
//! [`encode`] and [`decode`] are the same without a clock: they are told what time it is.

mod answers;

use std::{sync::Arc, time::Duration};

pub use portcullis_core::token::{
    Algorithm, MAX_LEEWAY, TokenError,
    typed::{Claims, EncodeError, NoCustom, Profile, TokenKey, decode, encode},
};
use portcullis_core::{
    clock::{Clock, SystemClock},
    key::KeyMaterialError,
    rng::{Rng, SystemRng},
};
use secrecy::SecretString;
use serde::{Serialize, de::DeserializeOwned};

/// How long a token is valid unless [`Tokens::lifetime`] says otherwise.
///
/// ```
/// use portcullis::token::{Algorithm, DEFAULT_LIFETIME, TokenKey, Tokens};
///
/// let tokens = Tokens::new(TokenKey::generate(Algorithm::ES256)?);
/// assert_eq!(tokens.valid_for(), DEFAULT_LIFETIME);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(900);

/// Gives out tokens of one sort, and reads them. Clones are cheap.
///
/// ```
/// use std::time::Duration;
/// use portcullis::token::{Algorithm, NoCustom, Profile, TokenKey, Tokens};
///
/// let key = TokenKey::generate(Algorithm::ES256)?;
/// let access = Tokens::new(key.clone());
/// let reset = Tokens::new(key)
///     .profile(Profile::default().kind("reset+jwt"))
///     .lifetime(Duration::from_secs(3600));
///
/// let issued = reset.encode("alice", NoCustom {})?;
/// assert!(access.decode::<NoCustom>(secrecy::ExposeSecret::expose_secret(&issued.token)).is_err());
/// assert_eq!(reset.valid_for(), Duration::from_secs(3600));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Tokens {
    key: TokenKey,
    profile: Profile,
    lifetime: Duration,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

/// A token that was just made. It has no `Debug`: it is a credential.
///
/// ```
/// use portcullis::{Problem, Public, token::{Issued, NoCustom, Tokens}};
///
/// /// As an answer it is what OAuth 2.0 clients expect (RFC 6749, section 5.1).
/// fn logged_in(tokens: &Tokens, name: &str) -> Result<Issued, Problem> {
///     Ok(tokens.encode(name, NoCustom {})?)
/// }
/// ```
pub struct Issued<C = NoCustom> {
    /// To be given out.
    pub token: SecretString,
    /// What it says.
    pub claims: Claims<C>,
}

impl Tokens {
    /// Signed with `key`, of the [default profile](Profile::default), valid for [`DEFAULT_LIFETIME`].
    #[must_use]
    pub fn new(key: TokenKey) -> Self {
        Self {
            key,
            profile: Profile::default(),
            lifetime: DEFAULT_LIFETIME,
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
        }
    }

    /// [`Tokens::new`] with a shared secret, by HS256.
    ///
    /// ```
    /// use portcullis::token::Tokens;
    ///
    /// assert!(Tokens::hs256(&"a secret of 32 bytes, at the least".into()).is_ok());
    /// assert!(Tokens::hs256(&"hunter2".into()).is_err());
    /// ```
    ///
    /// # Errors
    /// When it has less than 32 bytes.
    pub fn hs256(secret: &SecretString) -> Result<Self, KeyMaterialError> {
        TokenKey::secret(Algorithm::HS256, secret).map(Self::new)
    }

    /// What all of them state, and must state.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// For how long they are valid. On the wire this is whole seconds.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Time and randomness from elsewhere, as tests want it.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use portcullis::{core::{clock::MovableClock, rng::SystemRng}, token::Tokens};
    ///
    /// fn of_a_test(tokens: Tokens, clock: &Arc<MovableClock>) -> Tokens { tokens.ports(clock.clone(), Arc::new(SystemRng)) }
    /// ```
    #[must_use]
    pub fn ports(mut self, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        self.clock = clock;
        self.rng = rng;
        self
    }

    /// A token about `subject`, valid from now on.
    ///
    /// # Errors
    /// When the own claims are no object, hold a registered name, or are too long.
    pub fn encode<C: Serialize>(
        &self,
        subject: impl Into<String>,
        custom: C,
    ) -> Result<Issued<C>, EncodeError> {
        let claims = Claims::new(subject, custom, self.clock.now(), self.lifetime, &*self.rng);
        let token = encode(&self.key, &self.profile, &claims)?;
        Ok(Issued { token, claims })
    }

    /// What a token says, if it is one of these and valid now. Whether it was revoked is another question.
    ///
    /// # Errors
    /// Why it is not valid.
    pub fn decode<C: DeserializeOwned>(&self, token: &str) -> Result<Claims<C>, TokenError> {
        decode(&self.key, &self.profile, token, self.clock.now())
    }

    /// For how long they are valid.
    #[must_use]
    pub fn valid_for(&self) -> Duration {
        self.lifetime
    }
}

#[cfg(test)]
mod tests;
