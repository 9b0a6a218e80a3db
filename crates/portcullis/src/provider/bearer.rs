use http::{HeaderMap, header, request::Parts};

use super::AuthError;
use crate::input::urlencoded;

/// A bearer token as it came. Has no `Debug`: it is a credential.
#[derive(Clone, Copy)]
pub struct BearerToken<'a>(&'a str);

impl<'a> BearerToken<'a> {
    /// The token's text.
    #[must_use]
    pub const fn expose(self) -> &'a str {
        self.0
    }
}

/// The bearer token of a request: from `Authorization: Bearer` alone (RFC 6750, section 2.1). For other places see
/// [`super::TokenSources`]. A token in the query is never read, since addresses are logged (RFC 9700, section 4.3.2).
///
/// # Errors
/// When there is none, it is malformed, or there is more than one.
pub fn bearer(parts: &Parts) -> Result<BearerToken<'_>, AuthError> {
    let token = from_header(&parts.headers)?;
    let query = parts.uri.query().unwrap_or_default();
    if urlencoded::has_key(query, "access_token") {
        return Err(AuthError::Ambiguous(
            "send the token in the Authorization header alone, not in the query too",
        ));
    }
    Ok(BearerToken(token))
}

/// From the one `Authorization` header.
pub(super) fn from_header(headers: &HeaderMap) -> Result<&str, AuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(AuthError::Missing);
    };
    if values.next().is_some() {
        return Err(AuthError::Ambiguous("send one Authorization header"));
    }
    let text = value.to_str().map_err(|_| AuthError::invalid("malformed"))?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(AuthError::Scheme);
    }
    let token = token.trim_matches(' ');
    if !is_b64token(token) {
        return Err(AuthError::invalid("malformed"));
    }
    Ok(token)
}

/// `b64token` (RFC 6750, section 2.1).
pub(super) fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    let is_b64 = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
    !body.is_empty() && body.bytes().all(is_b64)
}
