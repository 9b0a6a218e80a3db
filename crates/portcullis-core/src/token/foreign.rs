//! Tokens of any issuer, checked with a set of keys.

use std::time::Duration;

use serde_json::Value;

use super::{Algorithm, TokenError, claims::Claims, compact::Compact};
use crate::{
    clock::Timestamp,
    key::{JwkSet, VerifyingKey},
};

/// Longest token of others that is looked at, in bytes: some carry all groups of a directory.
pub const MAX_FOREIGN_TOKEN: usize = 64 * 1024;
/// Longest JWS whose signature alone is checked, in bytes: it may be a document, such as the archive of an account.
pub const MAX_JWS: usize = 16 * 1024 * 1024;

/// What a token of any issuer must state.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// `iss`, exactly; none accepts any.
    pub issuer: Option<&'a str>,
    /// What `aud` must be or contain; none accepts any.
    pub audience: Option<&'a str>,
    /// Leeway for clocks that disagree.
    pub leeway: Duration,
}

/// Checks a JWS alone (RFC 7515, section 5.2), and gives its payload, whatever it is.
///
/// The key fixes the algorithm; where an RSA key or a secret comes without `alg`, its kind leaves a choice, which the
/// header then makes.
///
/// # Errors
/// Why it is not valid.
pub fn verify_jws(token: &str, keys: &JwkSet) -> Result<Vec<u8>, TokenError> {
    check(token, keys, MAX_JWS)?.payload()
}

/// Checks a JWT (RFC 7519, section 7.2), and gives its claims. `exp` must be there; `typ` may be any, since this is
/// for tokens of all kinds.
///
/// # Errors
/// Why it is not valid.
pub fn verify_with_jwks(
    token: &str,
    keys: &JwkSet,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Value, TokenError> {
    let claims = Claims(check(token, keys, MAX_FOREIGN_TOKEN)?.claims()?);
    claims.period()?.check(now, expected.leeway)?;
    if let Some(issuer) = expected.issuer {
        claims.issued_by(issuer)?;
    }
    if let Some(audience) = expected.audience {
        claims.is_for(audience)?;
    }
    Ok(Value::Object(claims.0))
}

/// A token of others, taken apart and not believed: it tells who claims to have issued it, so that the keys of that issuer,
/// and of no other, are asked whether this is true.
pub(crate) struct Foreign<'a> {
    compact: Compact<'a>,
    claims: Claims,
}

impl<'a> Foreign<'a> {
    pub(crate) fn read(token: &'a str) -> Result<Self, TokenError> {
        let compact = Compact::read(token, MAX_FOREIGN_TOKEN)?;
        let claims = Claims(compact.claims()?);
        Ok(Self { compact, claims })
    }

    /// Who issued it, as it says.
    pub(crate) fn issuer(&self) -> Result<&str, TokenError> {
        self.claims.text("iss")
    }

    pub(crate) fn kid(&self) -> Option<&str> {
        self.compact.header.kid.as_deref()
    }

    /// Its algorithm, if it is one of `taken`.
    pub(crate) fn algorithm(&self, taken: &[Algorithm]) -> Result<Algorithm, TokenError> {
        let found = |algorithm: &&Algorithm| algorithm.as_str() == self.compact.header.algorithm;
        taken
            .iter()
            .find(found)
            .copied()
            .ok_or(TokenError::WrongAlgorithm)
    }

    /// `typ`, where there is one.
    pub(crate) fn has_type(&self) -> bool {
        self.compact.header.typ.is_some()
    }

    /// Whether `typ` says this.
    pub(crate) fn is_of_type(&self, kind: &str) -> bool {
        self.compact.header.is_of_type(kind)
    }

    /// What it says, if `key` signed it.
    pub(crate) fn verified(self, key: &VerifyingKey) -> Result<Claims, TokenError> {
        let Self { compact, claims } = self;
        if key.verifies(compact.signed.as_bytes(), &compact.signature) {
            Ok(claims)
        } else {
            Err(TokenError::BadSignature)
        }
    }
}

fn check<'a>(token: &'a str, keys: &JwkSet, longest: usize) -> Result<Compact<'a>, TokenError> {
    let compact = Compact::read(token, longest)?;
    let key = keys
        .find(compact.header.kid.as_deref())
        .ok_or(TokenError::UnknownKey)?;
    if key.is_empty() {
        return Err(TokenError::UnusableKey);
    }
    let key = key
        .iter()
        .find(|key| key.algorithm().as_str() == compact.header.algorithm)
        .ok_or(TokenError::WrongAlgorithm)?;
    if key.verifies(compact.signed.as_bytes(), &compact.signature) {
        Ok(compact)
    } else {
        Err(TokenError::BadSignature)
    }
}
