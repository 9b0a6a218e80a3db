use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{PresentedRefresh, StoredSession};
use crate::{id::SessionId, key::Vault, rng::Rng};

/// What makes and checks refresh tokens.
///
/// Two independent keys: the MAC refuses garbage without the database, the proof also needs the salt that lies
/// sealed in the session's row. Whoever learns the MAC key alone forges nothing.
pub struct SessionKeys {
    vault: Arc<Vault>,
    mac: Zeroizing<[u8; 32]>,
    proof: Zeroizing<[u8; 32]>,
    mac_id: [u8; 4],
}

impl SessionKeys {
    /// Derives the keys.
    #[must_use]
    pub fn new(vault: Arc<Vault>) -> Self {
        let id = vault.derive("refresh mac id");
        Self {
            mac: vault.derive("refresh mac"),
            proof: vault.derive("refresh proof"),
            mac_id: [id[0], id[1], id[2], id[3]],
            vault,
        }
    }

    /// Names the MAC key, so that a later one can be told apart.
    #[must_use]
    pub(crate) fn mac_id(&self) -> [u8; 4] {
        self.mac_id
    }

    pub(crate) fn mac(&self, body: &[u8]) -> [u8; 16] {
        truncated(&self.mac, &[body])
    }

    /// A new salt for the session, sealed.
    #[must_use]
    pub fn seal_salt(&self, session: SessionId, rng: &dyn Rng) -> Vec<u8> {
        let salt: Zeroizing<[u8; 16]> = Zeroizing::new(crate::rng::bytes(rng));
        self.vault.seal(&place(session), &*salt, rng)
    }

    /// The proof that belongs to the session's refresh token number `counter`; `None` when the salt does not open.
    pub(crate) fn proof(&self, session: SessionId, sealed_salt: &[u8], counter: i64) -> Option<[u8; 16]> {
        let salt = self.vault.open(&place(session), sealed_salt).ok()?;
        Some(truncated(
            &self.proof,
            &[&salt, session.uuid().as_bytes(), &counter.to_be_bytes()],
        ))
    }

    /// Whether the presented token was made for this session. In constant time.
    #[must_use]
    pub fn proves(&self, presented: &PresentedRefresh, session: &StoredSession) -> bool {
        presented.session == session.id
            && self
                .proof(session.id, &session.sealed_salt, presented.counter)
                .is_some_and(|proof| bool::from(proof.ct_eq(&presented.proof)))
    }
}

fn place(session: SessionId) -> Vec<u8> {
    [b"session salt ".as_slice(), session.uuid().as_bytes()].concat()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn truncated(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 16] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key");
    for part in parts {
        mac.update(part);
    }
    let full: [u8; 32] = mac.finalize().into_bytes().into();
    let mut short = [0; 16];
    short.copy_from_slice(&full[..16]);
    short
}
