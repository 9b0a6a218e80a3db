use std::{sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
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

    /// Whether the issuer took the token when it was last asked, as far as that is remembered: strangers' garbage must not take
    /// the places of those who have logged in.
    #[must_use]
    pub fn was_good(&self, token: &str) -> bool {
        self.cache.get(&key(token)).is_some_and(|kept| kept.said.is_ok())
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

/// Whether a token is none that could be verified: not of the form of a JWT. One that names its issuer is shown to nobody
/// else, however its header is written.
#[must_use]
pub fn is_opaque(token: &str) -> bool {
    let mut parts = token.split('.');
    let (Some(head), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return true;
    };
    // What nearly all begin with: `{"`.
    if head.starts_with("eyJ") {
        return false;
    }
    let Ok(head) = BASE64_URL_SAFE_NO_PAD.decode(head) else {
        return true;
    };
    head.trim_ascii_start().first() != Some(&b'{')
}

fn key(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
