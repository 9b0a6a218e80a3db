use std::{sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::{Identity, Trust};
use crate::{clock::Clock, token::TokenError};

/// Longest time for which an issuer's word on a token is kept.
pub const MOST_KEPT: Duration = Duration::from_secs(300);

/// How many answers are kept.
const CAPACITY: usize = 10_000;

/// What an issuer said of an opaque token.
pub type Said = Result<Arc<Identity>, TokenError>;

#[derive(Clone)]
struct Kept {
    said: Said,
    until: Duration,
}

/// What an issuer said of opaque tokens a moment ago (RFC 7662, section 4: a short cache, never beyond `exp`).
///
/// Refusals are kept too, or whoever retries a bad token would ask the issuer each time. Bounded: what strangers send can
/// only push out what will be asked again.
pub struct OpaqueTokens {
    trust: Trust,
    kept_for: Duration,
    cache: Cache<[u8; 32], Kept>,
    clock: Arc<dyn Clock>,
}

impl OpaqueTokens {
    /// Keeps answers for this long, [`MOST_KEPT`] at most: a token that its issuer revokes is good here for as long.
    #[must_use]
    pub fn new(trust: Trust, kept_for: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            trust,
            kept_for: kept_for.min(MOST_KEPT),
            cache: Cache::new(CAPACITY),
            clock,
        }
    }

    /// What is known of the token; none where its issuer is to be asked.
    pub fn known(&self, token: &str) -> Option<Said> {
        let kept = self.cache.get(&key(token))?;
        if self.clock.monotonic() >= kept.until {
            return None;
        }
        if let Ok(identity) = &kept.said
            && self.clock.now() >= identity.expires_at + self.trust.leeway_granted()
        {
            return Some(Err(TokenError::Expired));
        }
        Some(kept.said)
    }

    /// What the issuer's answer means, which is kept.
    ///
    /// # Errors
    /// When it is no answer: then nobody can tell.
    pub fn told(&self, token: &str, answer: &[u8]) -> Result<Said, &'static str> {
        let said = match self.trust.introspected(answer, self.clock.now())? {
            Ok(identity) => Ok(Arc::new(identity)),
            Err(error) => Err(error),
        };
        let kept = Kept {
            said: said.clone(),
            until: self.clock.monotonic() + self.kept_for,
        };
        self.cache.insert(key(token), kept);
        Ok(said)
    }
}

/// Whether a token is none that could be verified: not of the form of a JWT.
#[must_use]
pub fn is_opaque(token: &str) -> bool {
    // The first of the three parts is an object, whose first two characters are `{"`.
    !token.starts_with("eyJ") || token.bytes().filter(|byte| *byte == b'.').count() != 2
}

fn key(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
