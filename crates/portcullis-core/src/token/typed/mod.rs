//! Tokens of an application's own: JWTs (RFC 7519) with claims of its own types, read as strictly as access tokens are.
//!
//! ```
//! use std::time::Duration;
//! use portcullis_core::{
//!     clock::{Clock, SystemClock},
//!     rng::SystemRng,
//!     token::{Algorithm, TokenError, typed::{Claims, Profile, TokenKey, decode, encode}},
//! };
//! use secrecy::{ExposeSecret as _, SecretString};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct Mine { role: String }
//!
//! let key = TokenKey::secret(Algorithm::HS256, &SecretString::from("0123456789abcdef0123456789abcdef"))?;
//! let profile = Profile::new("https://articles.example", "articles");
//! let (now, life) = (SystemClock.now(), Duration::from_secs(900));
//!
//! let claims = Claims::new("alice", Mine { role: "editor".into() }, now, life, &SystemRng);
//! let token = encode(&key, &profile, &claims)?;
//!
//! let read: Claims<Mine> = decode(&key, &profile, token.expose_secret(), now)?;
//! assert_eq!((read.subject.as_str(), &read.custom), ("alice", &claims.custom));
//!
//! let late = decode::<Mine>(&key, &profile, token.expose_secret(), now + life);
//! assert_eq!(late.err(), Some(TokenError::Expired));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod claims;
mod key;
mod profile;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use serde::{Serialize, de::DeserializeOwned};

pub use self::{
    claims::{Claims, EncodeError, MAX_ID, NoCustom},
    key::TokenKey,
    profile::Profile,
};
use super::{
    TokenError,
    claims::Claims as Stated,
    compact::{Compact, MAX_TOKEN},
};
use crate::clock::Timestamp;

/// A token that states `claims`, signed with `key`. It always has `iat`, `exp` and `jti`, and what the profile has.
///
/// ```
/// use portcullis_core::token::typed::{Claims, EncodeError, Profile, TokenKey, encode};
///
/// fn a_token(key: &TokenKey, profile: &Profile, claims: &Claims) -> Result<secrecy::SecretString, EncodeError> {
///     encode(key, profile, claims)
/// }
/// ```
///
/// # Errors
/// When the claims cannot be stated so, or signing fails.
pub fn encode<C: Serialize>(
    key: &TokenKey,
    profile: &Profile,
    claims: &Claims<C>,
) -> Result<SecretString, EncodeError> {
    let payload = claims.json(profile)?;
    let mut token = key.signing().header_of(&profile.kind);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(&payload, &mut token);
    let signature = key
        .signing()
        .sign(token.as_bytes())
        .map_err(|_| EncodeError::Sign)?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
    if token.len() > MAX_TOKEN {
        return Err(EncodeError::TooLong);
    }
    Ok(token.into())
}

/// The claims of a token, if one of the keys signed it, it is of this profile and valid now. Whether it was revoked is
/// another question.
///
/// The key fixes the algorithm, never the header; `exp` must be there and be a number; exactly one spelling of a token is
/// taken; `crit` and doubled members are refused. Claims are looked at only when the signature holds.
///
/// ```
/// use portcullis_core::{clock::Timestamp, token::{TokenError, typed::{Claims, Profile, TokenKey, decode}}};
///
/// fn whose(key: &TokenKey, profile: &Profile, token: &str, now: Timestamp) -> Result<String, TokenError> {
///     let claims: Claims = decode(key, profile, token, now)?;
///     Ok(claims.subject)
/// }
/// ```
///
/// # Errors
/// Why it is not valid.
pub fn decode<C: DeserializeOwned>(
    key: &TokenKey,
    profile: &Profile,
    token: &str,
    now: Timestamp,
) -> Result<Claims<C>, TokenError> {
    let compact = Compact::read(token, MAX_TOKEN)?;
    if !compact.header.is_of_type(&profile.kind) {
        return Err(TokenError::OtherType);
    }
    let found = key
        .ring()
        .find(compact.header.kid.as_deref())
        .ok_or(TokenError::UnknownKey)?;
    if compact.header.algorithm != found.algorithm().as_str() {
        return Err(TokenError::WrongAlgorithm);
    }
    if !found.verifies(compact.signed.as_bytes(), &compact.signature) {
        return Err(TokenError::BadSignature);
    }
    let stated = Stated(compact.claims()?);
    stated.period()?.check(now, profile.leeway)?;
    profile.check(&stated)?;
    Claims::read(stated)
}

#[cfg(test)]
mod tests;
