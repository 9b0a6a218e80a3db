use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache};
use sha2::{Digest, Sha256};

use super::{Identity, IssuerKeys, Trust};
use crate::{
    clock::Clock,
    token::{Foreign, MAX_FOREIGN_TOKEN, Period, TokenError},
};

/// How many bytes of verified tokens are remembered, unless told otherwise: some 10,000 of the usual length.
pub const DEFAULT_REMEMBERED: u64 = 16 * 1024 * 1024;

/// An issuer, and its keys.
pub struct TrustedIssuer {
    /// What is believed of its tokens.
    pub trust: Trust,
    /// Its keys. They verify its tokens, and nobody else's.
    pub keys: Arc<IssuerKeys>,
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not good.
    Token(TokenError),
    /// The issuer at this place of the list has no such key as far as is known. It may have got one since:
    /// [`IssuerKeys::unknown_key`].
    UnknownKey(usize),
    /// No keys of the issuer at this place of the list are known: [`IssuerKeys::unknown_key`].
    NoKeys(usize),
}

impl From<TokenError> for Refused {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

struct Remembered {
    identity: Arc<Identity>,
    issuer: usize,
    period: Period,
    key: [u8; 32],
    length: u64,
}

/// A token takes as much of the memory as it is long.
#[derive(Clone)]
struct ByLength;

impl Weighter<[u8; 32], Arc<Remembered>> for ByLength {
    fn weight(&self, _: &[u8; 32], remembered: &Arc<Remembered>) -> u64 {
        // A little for the entry itself, so that short tokens have a bound too.
        remembered.length + 256
    }
}

/// Verifies tokens of several issuers, each with its own keys, without asking anybody.
///
/// A token says who issued it; only that issuer's keys are tried. Verified tokens are remembered by the SHA-256 of the whole
/// token; what is remembered still must not have expired, and its key must still be among those of its issuer.
pub struct IssuerVerifier {
    issuers: Box<[TrustedIssuer]>,
    cache: Option<Cache<[u8; 32], Arc<Remembered>, ByLength>>,
    clock: Arc<dyn Clock>,
}

impl IssuerVerifier {
    /// Verifies tokens of these issuers, and remembers so many bytes of them; with 0 none. Of two with one name the first
    /// counts.
    #[must_use]
    pub fn new(issuers: Vec<TrustedIssuer>, remembered: u64, clock: Arc<dyn Clock>) -> Self {
        let items = usize::try_from(remembered / 1024).unwrap_or(usize::MAX);
        Self {
            issuers: issuers.into(),
            cache: (remembered > 0).then(|| Cache::with_weighter(items, remembered, ByLength)),
            clock,
        }
    }

    /// The issuers.
    #[must_use]
    pub fn issuers(&self) -> &[TrustedIssuer] {
        &self.issuers
    }

    /// Who calls with this token, if it is good now. Whether it was revoked is another question.
    ///
    /// # Errors
    /// Why it is not.
    pub fn verify(&self, token: &str) -> Result<Arc<Identity>, Refused> {
        if token.len() > MAX_FOREIGN_TOKEN {
            return Err(TokenError::Malformed("too long").into());
        }
        let Some(cache) = &self.cache else {
            return Ok(self.verify_anew(token)?.identity);
        };
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(known) = cache.get(&digest) {
            let issuer = &self.issuers[known.issuer];
            let keys = issuer.keys.current().ok_or(Refused::NoKeys(known.issuer))?;
            if !keys.holds(&known.key) {
                cache.remove(&digest);
                return Err(Refused::UnknownKey(known.issuer));
            }
            let leeway = issuer.trust.leeway_granted();
            known.period.check(self.clock.now(), leeway)?;
            return Ok(Arc::clone(&known.identity));
        }
        let fresh = self.verify_anew(token)?;
        let identity = Arc::clone(&fresh.identity);
        cache.insert(digest, Arc::new(fresh));
        Ok(identity)
    }

    fn verify_anew(&self, token: &str) -> Result<Remembered, Refused> {
        let length = token.len() as u64;
        let token = Foreign::read(token)?;
        // Not believed: it only says whose keys are to tell whether it is true.
        let named = token.issuer()?;
        let (issuer, trusted) = self
            .issuers
            .iter()
            .enumerate()
            .find(|(_, trusted)| **trusted.trust.issuer() == *named)
            .ok_or(TokenError::WrongIssuer)?;
        let algorithm = trusted.trust.check_header(&token)?;
        let keys = trusted.keys.current().ok_or(Refused::NoKeys(issuer))?;
        let found = keys.find(token.kid()).ok_or(Refused::UnknownKey(issuer))?;
        if found.is_empty() {
            return Err(TokenError::UnusableKey.into());
        }
        let key = found
            .iter()
            .find(|key| key.algorithm() == algorithm)
            .ok_or(TokenError::WrongAlgorithm)?;
        let claims = token.verified(key)?;
        let (identity, period) = trusted.trust.judge(claims, key, self.clock.now())?;
        Ok(Remembered {
            identity: Arc::new(identity),
            issuer,
            period,
            key: *key.fingerprint(),
            length,
        })
    }
}
