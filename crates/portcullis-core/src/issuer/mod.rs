//! Tokens of other issuers: whose are believed, with which keys, and what they say of roles and scopes.
//!
//! What is true of them without HTTP. Who fetches keys asks [`IssuerKeys`] when to, and hands over what came.

mod address;
mod claims;
mod identity;
mod keys;
mod opaque;
mod schedule;
mod trust;
mod verifier;

pub use self::{
    address::is_public,
    claims::{ClaimRules, Granted, Grants, KnownRole},
    identity::Identity,
    keys::{Attempt, IssuerKeys},
    opaque::{MOST_KEPT, OpaqueTokens, Said, is_opaque},
    schedule::{KeyPolicy, KeySchedule, UnknownKey},
    trust::{ALGORITHMS, Trust},
    verifier::{DEFAULT_REMEMBERED, IssuerVerifier, Refused, TrustedIssuer},
};

#[cfg(test)]
mod tests;
