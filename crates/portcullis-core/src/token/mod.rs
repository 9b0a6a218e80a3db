//! Access tokens: JWTs after RFC 9068, signed with one key of the ring and verified without asking anybody.

mod algorithm;
mod claims;
mod compact;
mod error;
mod foreign;
mod inspect;
pub(crate) mod json;
mod sign;
pub mod typed;
mod verify;

pub use self::{
    algorithm::{Algorithm, UnknownAlgorithm},
    claims::AccessClaims,
    compact::MAX_TOKEN,
    error::TokenError,
    foreign::{Expected, MAX_FOREIGN_TOKEN, MAX_JWS, verify_jws, verify_with_jwks},
    inspect::{Inspection, Times, inspect},
    sign::{AccessToken, Signer},
    verify::{DEFAULT_LEEWAY, MAX_LEEWAY, VerifiedToken, Verifier, VerifierConfig},
};
pub(crate) use self::{
    claims::{Claims, Period},
    foreign::Foreign,
};

#[cfg(test)]
mod tests;

#[cfg(test)]
mod vectors;
