//! The compact form of a JWS (RFC 7515, section 7.1), in its one canonical spelling.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{TokenError, json};

/// Longest token that a [`Verifier`](super::Verifier) looks at, in bytes.
pub const MAX_TOKEN: usize = 8 * 1024;

/// The three parts of a token, taken apart but not believed.
pub(super) struct Compact<'a> {
    /// What is signed.
    pub(super) signed: &'a str,
    pub(super) header: Header,
    payload: &'a str,
    pub(super) signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    pub(super) fn read(token: &'a str, longest: usize) -> Result<Self, TokenError> {
        let (signed, parts) = split(token, longest)?;
        if parts.signature.is_empty() {
            return Err(TokenError::Malformed("the signature is empty"));
        }
        Ok(Self {
            signed,
            header: Header::read(&decode(parts.header, "the header is not base64url")?)?,
            payload: parts.payload,
            signature: decode(parts.signature, "the signature is not base64url")?,
        })
    }

    pub(super) fn payload(&self) -> Result<Vec<u8>, TokenError> {
        decode(self.payload, "the payload is not base64url")
    }

    pub(super) fn claims(&self) -> Result<Map<String, Value>, TokenError> {
        json::object(&self.payload()?).map_err(TokenError::Malformed)
    }
}

pub(super) struct Parts<'a> {
    pub(super) header: &'a str,
    pub(super) payload: &'a str,
    pub(super) signature: &'a str,
}

pub(super) fn split(token: &str, longest: usize) -> Result<(&str, Parts<'_>), TokenError> {
    if token.len() > longest {
        return Err(TokenError::Malformed("too long"));
    }
    let mut dots = token
        .bytes()
        .enumerate()
        .filter(|(_, b)| *b == b'.')
        .map(|(at, _)| at);
    let (Some(first), Some(second)) = (dots.next(), dots.next()) else {
        return Err(TokenError::Malformed("not three parts"));
    };
    match dots.count() {
        0 => {}
        2 => {
            return Err(TokenError::Malformed(
                "five parts: encrypted tokens (JWE) are not accepted",
            ));
        }
        _ => return Err(TokenError::Malformed("not three parts")),
    }
    let parts = Parts {
        header: &token[..first],
        payload: &token[first + 1..second],
        signature: &token[second + 1..],
    };
    Ok((&token[..second], parts))
}

/// Strict: no padding, no white space, no other alphabet, no bits left over. A token has one spelling.
pub(super) fn decode(text: &str, reason: &'static str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| TokenError::Malformed(reason))
}

/// What is read of a header. `jwk`, `jku`, `x5u` and `x5c` are not: a token does not choose the key that it is
/// checked with (RFC 8725, section 3.10).
pub(super) struct Header {
    pub(super) algorithm: String,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, TokenError> {
        Self::of(json::object(bytes).map_err(TokenError::Malformed)?)
    }

    pub(super) fn of(mut members: Map<String, Value>) -> Result<Self, TokenError> {
        if members.contains_key("crit") {
            return Err(TokenError::Malformed("crit: no extension is understood"));
        }
        let mut text = |name: &str, reason: &'static str| match members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(TokenError::Malformed(reason)),
        };
        Ok(Self {
            algorithm: text("alg", "alg is not a string")?.ok_or(TokenError::Malformed("alg is missing"))?,
            kid: text("kid", "kid is not a string")?,
            typ: text("typ", "typ is not a string")?,
        })
    }

    /// Media types know no case, and `application/` may be left out (RFC 7515, section 4.1.9).
    pub(super) fn is_of_type(&self, kind: &str) -> bool {
        self.typ.as_deref().is_some_and(|typ| {
            typ.eq_ignore_ascii_case(kind)
                || typ.split_once('/').is_some_and(|(media, rest)| {
                    media.eq_ignore_ascii_case("application") && rest.eq_ignore_ascii_case(kind)
                })
        })
    }

    /// RFC 9068, section 4.
    pub(super) fn is_access_token(&self) -> bool {
        self.is_of_type("at+jwt")
    }
}
