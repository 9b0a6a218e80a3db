use http::{HeaderMap, header, request::Parts};

use super::AuthError;
use crate::input::urlencoded;

/// A bearer token as it came. Has no `Debug`: it is a credential.
///
/// ```
/// use http::Request;
/// use portcullis::provider::bearer;
///
/// let (parts, ()) = Request::get("/").header("authorization", "Bearer abc").body(())?.into_parts();
/// assert_eq!(bearer(&parts)?.expose(), "abc");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
/// ```
/// use http::Request;
/// use portcullis::provider::{AuthError, bearer};
///
/// let (parts, ()) = Request::get("/").body(())?.into_parts();
/// assert_eq!(bearer(&parts).err(), Some(AuthError::Missing));
/// # Ok::<(), http::Error>(())
/// ```
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
    let bytes = value.as_bytes();
    let end = bytes.iter().position(|b| *b == b' ').unwrap_or(bytes.len());
    let (scheme, rest) = bytes.split_at(end);
    if !scheme.is_ascii() || scheme.iter().any(u8::is_ascii_control) {
        return Err(AuthError::invalid("malformed"));
    }
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(AuthError::Scheme);
    }
    // Other white space is within the token, and refused there.
    let blank = |b: &&u8| **b == b' ';
    let before = rest.iter().take_while(blank).count();
    let after = rest.iter().rev().take_while(blank).count();
    b64token(rest.get(before..rest.len() - after).unwrap_or_default())
}

/// The text, if it is a `b64token` (RFC 6750, section 2.1).
///
/// Looks at each byte without leaving early: compilers make that a few instructions for 16 bytes, and this stands before
/// every request with a token of several hundred.
pub(super) fn b64token(token: &[u8]) -> Result<&str, AuthError> {
    let padding = token.iter().rev().take_while(|b| **b == b'=').count();
    let body = token.get(..token.len() - padding).unwrap_or_default();
    let good = |b: u8| {
        let letter = (b | 0x20).wrapping_sub(b'a') < 26;
        let digit = b.wrapping_sub(b'0') < 10;
        // `-` `.` `/` are neighbours.
        let mark = b.wrapping_sub(b'-') < 3 || b == b'_' || b == b'~' || b == b'+';
        letter | digit | mark
    };
    if body.is_empty() || !body.iter().fold(true, |all, b| all & good(*b)) {
        return Err(AuthError::invalid("malformed"));
    }
    str::from_utf8(token).map_err(|_| AuthError::invalid("malformed"))
}
