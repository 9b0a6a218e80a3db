use std::time::Duration;

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use crate::{
    clock::Timestamp,
    issuer::ALGORITHMS,
    key::JwkSet,
    token::{Algorithm, Claims, Foreign, TokenError},
};

/// `events` of a logout token (OpenID Connect Back-Channel Logout, section 2.4).
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// By how much the clock of a provider may differ.
const LEEWAY: Duration = Duration::from_secs(30);

/// Why a token of a provider is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderTokenError {
    /// As any token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// It was made for another sign-in, or is used a second time (OpenID Connect Core, section 3.1.3.7, 11).
    #[error("the nonce is not that of this sign-in")]
    Nonce,
    /// It was made for another client (section 3.1.3.7, 4 and 5).
    #[error("the authorized party (azp) is another client")]
    AuthorizedParty,
    /// It came with the access token of somebody else (section 3.1.3.8).
    #[error("at_hash is not that of the access token")]
    AccessTokenHash,
    /// A logout token that is none (Back-Channel Logout, section 2.6).
    #[error("it is no logout token: {0}")]
    Logout(&'static str),
}

/// What an ID token must state.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedIdToken<'a> {
    /// `iss`, exactly.
    pub issuer: &'a str,
    /// What we are called there.
    pub client: &'a str,
    /// The nonce of the request.
    pub nonce: &'a str,
    /// The access token that came with it.
    pub access_token: Option<&'a str>,
}

/// A logout token that was checked.
///
/// ```
/// use portcullis_core::identity::LogoutToken;
///
/// /// A token without `sid` ends all sessions of its subject.
/// fn ends_all(token: &LogoutToken) -> bool { token.session.is_none() && token.subject.is_some() }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutToken {
    /// `sub`.
    pub subject: Option<String>,
    /// `sid`.
    pub session: Option<String>,
    /// `jti`: to be used once.
    pub id: String,
    /// Until when it is good.
    pub until: Timestamp,
}

/// Checks an ID token (OpenID Connect Core, section 3.1.3.7) and gives its claims.
///
/// Algorithms are [`ALGORITHMS`]: never HMAC, whose key would be what everybody can fetch, and never `none`.
///
/// # Errors
/// Why it is not taken.
pub fn check_id_token(
    token: &str,
    keys: &JwkSet,
    expected: &ExpectedIdToken<'_>,
    now: Timestamp,
) -> Result<Map<String, Value>, ProviderTokenError> {
    let (claims, algorithm) = verified(token, keys, expected.issuer, expected.client, &["JWT"], now)?;
    let azp = claims.0.get("azp");
    let several = matches!(claims.0.get("aud"), Some(Value::Array(list)) if list.len() > 1);
    if azp.is_some_and(|azp| azp != expected.client) || (several && azp.is_none()) {
        return Err(ProviderTokenError::AuthorizedParty);
    }
    let nonce = claims.0.get("nonce").and_then(Value::as_str).unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(ProviderTokenError::Nonce);
    }
    if let (Some(hash), Some(access_token)) = (claims.0.get("at_hash"), expected.access_token)
        && hash.as_str() != Some(&half_hash(algorithm, access_token))
    {
        return Err(ProviderTokenError::AccessTokenHash);
    }
    claims.text("sub")?;
    Ok(claims.0)
}

/// Checks a logout token (Back-Channel Logout, section 2.6). That its `jti` was not used before is for the store to say.
///
/// # Errors
/// Why it is not taken.
pub fn check_logout_token(
    token: &str,
    keys: &JwkSet,
    issuer: &str,
    client: &str,
    now: Timestamp,
) -> Result<LogoutToken, ProviderTokenError> {
    let (claims, _) = verified(token, keys, issuer, client, &["logout+jwt", "JWT"], now)?;
    let wrong = |why| Err(ProviderTokenError::Logout(why));
    if claims.0.contains_key("nonce") {
        return wrong("it has a nonce");
    }
    let event = claims.0.get("events").and_then(|events| events.get(LOGOUT));
    if !event.is_some_and(Value::is_object) {
        return wrong("events does not say so");
    }
    let text = |name: &str| match claims.0.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() && text.len() <= 255 => Ok(Some(text.clone())),
        Some(_) => Err(ProviderTokenError::Logout(
            "sub, sid or jti is no text of 1 to 255 characters",
        )),
    };
    let (subject, session) = (text("sub")?, text("sid")?);
    if subject.is_none() && session.is_none() {
        return wrong("it names neither sub nor sid");
    }
    let Some(id) = text("jti")? else {
        return wrong("it has no jti");
    };
    Ok(LogoutToken {
        subject,
        session,
        id,
        until: claims.period()?.expires + LEEWAY,
    })
}

/// The claims of a token of this issuer for this client, of one of these types or of none.
fn verified(
    token: &str,
    keys: &JwkSet,
    issuer: &str,
    client: &str,
    types: &[&str],
    now: Timestamp,
) -> Result<(Claims, Algorithm), TokenError> {
    let token = Foreign::read(token)?;
    if token.has_type() && !types.iter().any(|kind| token.is_of_type(kind)) {
        return Err(TokenError::WrongType);
    }
    let algorithm = token.algorithm(&ALGORITHMS)?;
    let found = keys.find(token.kid()).ok_or(TokenError::UnknownKey)?;
    if found.is_empty() {
        return Err(TokenError::UnusableKey);
    }
    let key = found
        .iter()
        .find(|key| key.algorithm() == algorithm)
        .ok_or(TokenError::WrongAlgorithm)?;
    let claims = token.verified(key)?;
    claims.issued_by(issuer)?;
    claims.is_for(client)?;
    if claims.instant("iat")?.is_none() {
        return Err(TokenError::MissingClaim("iat"));
    }
    claims.period()?.check(now, LEEWAY)?;
    Ok((claims, algorithm))
}

/// The left half of the hash that belongs to the algorithm (OpenID Connect Core, section 3.1.3.6).
fn half_hash(algorithm: Algorithm, text: &str) -> String {
    let hash = match algorithm {
        Algorithm::EdDSA | Algorithm::HS512 => digest(&SHA512, text.as_bytes()),
        _ => digest(&SHA256, text.as_bytes()),
    };
    let hash = hash.as_ref();
    URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2])
}

#[cfg(test)]
mod tests;
