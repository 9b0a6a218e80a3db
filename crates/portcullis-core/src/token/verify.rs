use std::{ops::Deref, sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::{
    TokenError,
    claims::{Claims, Period},
    compact::{Compact, MAX_TOKEN},
};
use crate::{
    access::{Holder, Principal},
    clock::Timestamp,
    key::{KeyRing, RingSnapshot},
};

/// Leeway for clocks that disagree, unless configured otherwise.
pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// Most leeway that is given.
///
/// ```
/// assert_eq!(portcullis_core::token::MAX_LEEWAY.as_secs(), 60);
/// ```
pub const MAX_LEEWAY: Duration = Duration::from_secs(60);

/// What a [`Verifier`] expects.
#[derive(Clone, Debug)]
pub struct VerifierConfig {
    /// `iss`, exactly.
    pub issuer: String,
    /// What `aud` must be or contain, exactly.
    pub audience: String,
    /// For how long after `exp` and before `nbf` and `iat` a token is taken, because clocks disagree. More than
    /// [`MAX_LEEWAY`] is taken as that.
    pub leeway: Duration,
    /// How many verified tokens are remembered. 0 remembers none.
    pub cache_capacity: usize,
}

/// A token whose signature and claims hold. Whether it was revoked since is for [`crate::revocation`] to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    /// Who is calling.
    pub principal: Arc<Principal>,
    /// The key that signed it.
    pub kid: Arc<str>,
}

impl Deref for VerifiedToken {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}

impl Holder for VerifiedToken {
    fn has_role(&self, name: &str) -> bool {
        self.principal.has_role(name)
    }

    fn has_scope(&self, name: &str) -> bool {
        self.principal.has_scope(name)
    }
}

struct Remembered {
    token: Arc<VerifiedToken>,
    period: Period,
    key: [u8; 32],
}

/// Verifies access tokens (RFC 9068, section 4; RFC 8725) without asking anybody.
///
/// The key fixes the algorithm, never the header. Exactly one spelling of a token is accepted, and of each claim.
/// Verified tokens are remembered by the SHA-256 of the whole token; what is remembered still must not have expired,
/// and its key must still be in the ring.
///
/// ```
/// use std::sync::Arc;
/// use portcullis_core::{
///     clock::Timestamp,
///     key::{KeyRing, RingSnapshot, SigningKey},
///     token::{Algorithm, DEFAULT_LEEWAY, TokenError, Verifier, VerifierConfig},
/// };
///
/// let key = Arc::new(SigningKey::generate(Algorithm::ES256)?);
/// let verifier = Verifier::new(
///     VerifierConfig {
///         issuer: "https://auth.example.com".into(),
///         audience: "https://api.example.com".into(),
///         leeway: DEFAULT_LEEWAY,
///         cache_capacity: 10_000,
///     },
///     Arc::new(KeyRing::new(RingSnapshot::signing(key, &[]))),
/// );
/// let now = Timestamp::from_unix_seconds(1_700_000_000);
/// assert_eq!(verifier.verify("no token", now), Err(TokenError::Malformed("not three parts")));
/// # Ok::<(), portcullis_core::key::KeyError>(())
/// ```
pub struct Verifier {
    config: VerifierConfig,
    keys: Arc<KeyRing>,
    cache: Option<Cache<[u8; 32], Arc<Remembered>>>,
}

impl Verifier {
    /// Verifies with whatever keys are in `keys` at the time.
    #[must_use]
    pub fn new(mut config: VerifierConfig, keys: Arc<KeyRing>) -> Self {
        config.leeway = config.leeway.min(MAX_LEEWAY);
        let cache = (config.cache_capacity > 0).then(|| Cache::new(config.cache_capacity));
        Self { config, keys, cache }
    }

    /// What it expects.
    #[must_use]
    pub fn config(&self) -> &VerifierConfig {
        &self.config
    }

    /// The keys with which it verifies.
    #[must_use]
    pub fn keys(&self) -> &Arc<KeyRing> {
        &self.keys
    }

    /// The token, if it is valid now.
    ///
    /// # Errors
    /// Why it is not.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<VerifiedToken>, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::Malformed("too long"));
        }
        let ring = self.keys.load();
        let Some(cache) = &self.cache else {
            return Ok(self.verify_anew(token, &ring, now)?.token);
        };
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(known) = cache.get(&digest) {
            if !ring.holds(&known.key) {
                cache.remove(&digest);
                return Err(TokenError::UnknownKey);
            }
            known.period.check(now, self.config.leeway)?;
            return Ok(Arc::clone(&known.token));
        }
        let fresh = self.verify_anew(token, &ring, now)?;
        let token = Arc::clone(&fresh.token);
        cache.insert(digest, Arc::new(fresh));
        Ok(token)
    }

    fn verify_anew(
        &self,
        token: &str,
        ring: &RingSnapshot,
        now: Timestamp,
    ) -> Result<Remembered, TokenError> {
        let compact = Compact::read(token, MAX_TOKEN)?;
        if !compact.header.is_access_token() {
            return Err(TokenError::WrongType);
        }
        let key = ring
            .find(compact.header.kid.as_deref())
            .ok_or(TokenError::UnknownKey)?;
        if compact.header.algorithm != key.algorithm().as_str() {
            return Err(TokenError::WrongAlgorithm);
        }
        if !key.verifies(compact.signed.as_bytes(), &compact.signature) {
            return Err(TokenError::BadSignature);
        }
        let claims = Claims(compact.claims()?);
        let period = claims.period()?;
        period.check(now, self.config.leeway)?;
        claims.issued_by(&self.config.issuer)?;
        claims.is_for(&self.config.audience)?;
        Ok(Remembered {
            token: Arc::new(VerifiedToken {
                principal: Arc::new(claims.principal()?),
                kid: Arc::clone(key.kid()),
            }),
            period,
            key: *key.fingerprint(),
        })
    }
}
