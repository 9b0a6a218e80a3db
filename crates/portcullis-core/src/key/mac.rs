use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Vault;

/// A key for short keyed hashes: HMAC-SHA-256 (RFC 2104), cut to 128 bits.
pub(crate) struct MacKey(Zeroizing<[u8; 32]>);

impl MacKey {
    /// The one for `purpose`.
    pub(crate) fn derive(vault: &Vault, purpose: &str) -> Self {
        Self(vault.derive(purpose))
    }

    /// The one for `purpose` under a secret of at least 32 bytes (HKDF-SHA-256, RFC 5869).
    #[expect(clippy::expect_used, reason = "HKDF expands to 32 bytes from any secret")]
    pub(crate) fn of_secret(secret: &[u8], purpose: &str) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(b"portcullis/1"), secret)
            .expand(purpose.as_bytes(), &mut *key)
            .expect("32 bytes");
        Self(key)
    }

    /// The keyed hash of the parts, put together. Where their lengths vary, the caller keeps them apart.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("any key");
        for part in parts {
            mac.update(part);
        }
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        let mut short = [0; 16];
        short.copy_from_slice(&full[..16]);
        short
    }
}
