use std::sync::Arc;

use aws_lc_rs::signature::ParsedPublicKey;
use sha2::{Digest, Sha256};

use super::{KeyMaterialError, public::PublicKey, secret::HmacKey};
use crate::token::Algorithm;

/// A key to verify with: one key, one algorithm (RFC 8725, section 3.1).
pub struct VerifyingKey {
    kid: Arc<str>,
    algorithm: Algorithm,
    fingerprint: [u8; 32],
    material: Material,
}

#[expect(clippy::large_enum_variant, reason = "an installation has a handful of keys")]
enum Material {
    Public(ParsedPublicKey),
    Secret(HmacKey),
}

impl VerifyingKey {
    pub(super) fn public(kid: &str, algorithm: Algorithm, key: &PublicKey) -> Result<Self, KeyMaterialError> {
        let fingerprint = Sha256::new()
            .chain_update(algorithm.as_str())
            .chain_update(key.thumbprint())
            .finalize()
            .into();
        Ok(Self {
            kid: kid.into(),
            algorithm,
            fingerprint,
            material: Material::Public(key.parsed(algorithm)?),
        })
    }

    pub(super) fn secret(kid: &str, algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyMaterialError> {
        let key = HmacKey::new(algorithm, secret)?;
        // A pseudo-random function of the secret: tells nothing of it.
        let fingerprint = Sha256::new()
            .chain_update(algorithm.as_str())
            .chain_update(key.sign(b"portcullis fingerprint"))
            .finalize()
            .into();
        Ok(Self {
            kid: kid.into(),
            algorithm,
            fingerprint,
            material: Material::Secret(key),
        })
    }

    /// The name by which tokens refer to it; empty when it has none.
    #[must_use]
    pub fn kid(&self) -> &Arc<str> {
        &self.kid
    }

    /// Its one algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Identifies key and algorithm, whatever the name.
    #[must_use]
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// Whether `signature` is that of `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Public(key) => key.verify_sig(message, signature).is_ok(),
            Material::Secret(key) => key.verifies(message, signature),
        }
    }
}
