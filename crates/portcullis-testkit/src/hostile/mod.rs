//! Tokens that nobody may believe.
//!
//! [`hostile_tokens`] needs no more of a server than anybody has: a valid token, the published keys, issuer and
//! audience. Where a test also holds the signing key, [`Target::sign`] makes the wrong claims truly signed, so that
//! nothing but the one wrong thing is there to refuse.

mod forger;
mod keys;
mod spelling;
mod spki;
mod statements;

/// The server to lie to.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// Its JWKS, as published.
    pub jwks: &'a str,
    /// A valid access token of it.
    pub token: &'a str,
    /// Its issuer.
    pub issuer: &'a str,
    /// Its audience.
    pub audience: &'a str,
    /// A URL on which the test listens: whoever fetches a key from there is caught.
    pub trap: &'a str,
    /// Signs a header and a payload (both JSON) with the server's own key, if the test has it.
    pub sign: Option<Sign<'a>>,
}

/// Makes a token of a header and a payload.
pub type Sign<'a> = &'a dyn Fn(&str, &str) -> String;

/// A case: what is wrong with the token, and the token. All of them fit into an `Authorization` header.
pub type Case = (String, String);

/// The corpus. A server refuses each as an invalid token: 401, `error="invalid_token"`, no panic, no outgoing
/// connection. Names are unique.
///
/// # Panics
/// When the target's token is not a JWT or its JWKS is not one.
#[must_use]
pub fn hostile_tokens(target: &Target<'_>) -> Vec<Case> {
    let forger = forger::Forger::new(target);
    let mut cases = Vec::new();
    keys::add(&forger, &mut cases);
    statements::add(&forger, &mut cases);
    spelling::add(&forger, &mut cases);
    cases
}
