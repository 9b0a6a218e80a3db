//! A token laid open, without a key.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Algorithm, TokenError,
    claims::Claims,
    compact::{Header, MAX_TOKEN, Parts, decode, split},
    foreign::MAX_FOREIGN_TOKEN,
    json,
};
use crate::clock::Timestamp;

/// What a token says, and all that is wrong with it as far as can be seen without a key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// The header, where it can be read.
    pub header: Option<Map<String, Value>>,
    /// The claims, where they can be read.
    pub claims: Option<Map<String, Value>>,
    /// Length of the signature in bytes. Whether it holds is not known.
    pub signature_bytes: Option<usize>,
    /// When it was issued, began and ends to be valid, in RFC 3339.
    pub times: Times,
    /// All that is wrong; empty means that only the key is missing.
    pub problems: Vec<String>,
}

/// The instants that a token states, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Times {
    /// `iat`.
    pub issued_at: Option<String>,
    /// `nbf`.
    pub not_before: Option<String>,
    /// `exp`.
    pub expires_at: Option<String>,
}

/// Lays a token open. What it says is not to be believed: no signature is checked. Times are judged without leeway.
///
/// ```
/// use portcullis_core::{clock::Timestamp, token::inspect};
///
/// let found = inspect("eyJhbGciOiJub25lIn0.e30.", Timestamp::from_unix_seconds(0));
/// assert_eq!(found.header.unwrap()["alg"], "none");
/// assert!(found.problems.iter().any(|problem| problem.contains("signature is empty")));
/// ```
#[must_use]
pub fn inspect(token: &str, now: Timestamp) -> Inspection {
    let mut found = Inspection {
        header: None,
        claims: None,
        signature_bytes: None,
        times: Times::default(),
        problems: Vec::new(),
    };
    let parts = match split(token, MAX_FOREIGN_TOKEN) {
        Ok((_, parts)) => parts,
        Err(error) => {
            found.problems.push(error.to_string());
            if token.bytes().any(|byte| byte.is_ascii_whitespace()) {
                found.note("the token holds white space");
            }
            return found;
        }
    };
    if token.len() > MAX_TOKEN {
        found.note(format!(
            "the token is longer than the {MAX_TOKEN} bytes that a server takes"
        ));
    }
    found.read_parts(&parts);
    found.judge_header();
    found.judge_claims(now);
    found
}

impl Inspection {
    fn note(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    fn read_parts(&mut self, parts: &Parts<'_>) {
        self.header = self.read_object(parts.header, "header", "the header is not base64url");
        self.claims = self.read_object(parts.payload, "payload", "the payload is not base64url");
        if parts.signature.is_empty() {
            self.note("the signature is empty");
        } else {
            match decode(parts.signature, "the signature is not base64url") {
                Ok(signature) => self.signature_bytes = Some(signature.len()),
                Err(error) => self.note(error.to_string()),
            }
        }
    }

    /// The members of one part. Where the strict reading fails, a lenient one still shows what is there.
    fn read_object(&mut self, text: &str, part: &str, reason: &'static str) -> Option<Map<String, Value>> {
        let bytes = match decode(text, reason) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.note(error.to_string());
                URL_SAFE_NO_PAD.decode(text.trim_matches(['=', ' ', '\n'])).ok()?
            }
        };
        match json::object(&bytes) {
            Ok(members) => Some(members),
            Err(reason) => {
                self.note(format!("{part}: {reason}"));
                serde_json::from_slice(&bytes).ok()
            }
        }
    }

    fn judge_header(&mut self) {
        let Some(members) = self.header.clone() else {
            return;
        };
        for name in ["jwk", "jku", "x5u", "x5c"] {
            if members.contains_key(name) {
                self.note(format!(
                    "header: `{name}` names a key inside the token; it is ignored"
                ));
            }
        }
        match Header::of(members) {
            Err(error) => self.note(error.to_string()),
            Ok(header) => {
                if header.algorithm.eq_ignore_ascii_case("none") {
                    self.note("alg is none: the token is not signed");
                } else if header.algorithm.parse::<Algorithm>().is_err() {
                    self.note("alg is not one of the supported algorithms");
                }
                if !header.is_access_token() {
                    self.note("typ is not at+jwt: this is not an access token");
                }
                if header.kid.is_none() {
                    self.note("kid is missing: the key can only be found where there is just one");
                }
            }
        }
    }

    fn judge_claims(&mut self, now: Timestamp) {
        let Some(members) = self.claims.clone() else {
            return;
        };
        let claims = Claims(members);
        let shown = |name| {
            claims
                .instant(name)
                .ok()
                .flatten()
                .map(|at: Timestamp| at.to_string())
        };
        self.times = Times {
            issued_at: shown("iat"),
            not_before: shown("nbf"),
            expires_at: shown("exp"),
        };
        // RFC 9068, section 2.2.
        for name in ["iss", "aud", "sub", "client_id", "iat", "jti"] {
            if !claims.0.contains_key(name) {
                self.note(TokenError::MissingClaim(name).to_string());
            }
        }
        let valid = claims
            .period()
            .and_then(|period| period.check(now, Duration::ZERO));
        if let Err(error) = valid {
            self.note(error.to_string());
        }
        for name in ["iss", "sub", "jti", "client_id", "scope"] {
            if claims.0.get(name).is_some_and(|value| !value.is_string()) {
                self.note(TokenError::BadClaim(name).to_string());
            }
        }
    }
}
