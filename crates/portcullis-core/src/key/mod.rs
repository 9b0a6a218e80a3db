//! Keys: the vault that the master key opens, and the keys that sign tokens.

mod bound_token;
mod change;
mod config;
mod error;
mod import;
mod jwk;
mod keys;
mod lifecycle;
mod mac;
mod public;
mod ring;
mod sealed_token;
mod sealing;
mod secret;
mod signing;
mod vault;
mod verifying;

pub use self::{
    bound_token::{BoundTokens, ShortSecret},
    change::Tended,
    config::KeyConfig,
    error::{KeyError, KeyMaterialError},
    import::ImportOptions,
    jwk::JwkSet,
    keys::{KeySummary, Keys},
    lifecycle::KeyState,
    ring::{KeyRing, RingSnapshot},
    signing::{SignError, SigningKey},
    vault::{MasterKey, MasterKeyError, Vault, VaultError},
    verifying::VerifyingKey,
};
pub(crate) use self::{mac::MacKey, sealed_token::SealedTokens};

#[cfg(test)]
mod tests;
