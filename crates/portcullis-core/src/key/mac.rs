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
