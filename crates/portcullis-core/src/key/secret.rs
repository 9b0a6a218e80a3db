//! Shared secrets: HMAC.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384, Sha512};

use super::KeyMaterialError;
use crate::token::Algorithm;

/// The state of an HMAC after the key went in, so that each message starts from there. Wiped when dropped.
#[derive(Clone)]
pub(crate) enum HmacKey {
    S256(Hmac<Sha256>),
    S384(Hmac<Sha384>),
    S512(Hmac<Sha512>),
}

impl HmacKey {
    pub(crate) fn new(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyMaterialError> {
        let least = algorithm.least_secret();
        if secret.len() < least {
            return Err(KeyMaterialError::ShortSecret {
                algorithm,
                least,
                got: secret.len(),
            });
        }
        let any = |_| KeyMaterialError::Form("the secret does not key an HMAC");
        match algorithm {
            Algorithm::HS256 => Hmac::new_from_slice(secret).map(Self::S256).map_err(any),
            Algorithm::HS384 => Hmac::new_from_slice(secret).map(Self::S384).map_err(any),
            Algorithm::HS512 => Hmac::new_from_slice(secret).map(Self::S512).map_err(any),
            Algorithm::EdDSA | Algorithm::ES256 | Algorithm::RS256 | Algorithm::PS256 => Err(
                KeyMaterialError::Unsupported("a shared secret is for HS256, HS384 and HS512"),
            ),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        fn tag<M: Mac + Clone>(keyed: &M, message: &[u8]) -> Vec<u8> {
            keyed
                .clone()
                .chain_update(message)
                .finalize()
                .into_bytes()
                .to_vec()
        }
        match self {
            Self::S256(keyed) => tag(keyed, message),
            Self::S384(keyed) => tag(keyed, message),
            Self::S512(keyed) => tag(keyed, message),
        }
    }

    /// In constant time; the tag must be whole.
    pub(crate) fn verifies(&self, message: &[u8], tag: &[u8]) -> bool {
        fn holds<M: Mac + Clone>(keyed: &M, message: &[u8], tag: &[u8]) -> bool {
            keyed.clone().chain_update(message).verify_slice(tag).is_ok()
        }
        match self {
            Self::S256(keyed) => holds(keyed, message, tag),
            Self::S384(keyed) => holds(keyed, message, tag),
            Self::S512(keyed) => holds(keyed, message, tag),
        }
    }
}
