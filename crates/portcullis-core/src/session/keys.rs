use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{PresentedRefresh, StoredSession, token::BODY};
use crate::{
    id::SessionId,
    key::{MacKey, SealedTokens, Vault},
    rng::Rng,
};

/// What makes and checks refresh tokens.
///
/// Two independent keys: the MAC refuses garbage without the database, the proof also needs the salt that lies
/// sealed in the session's row. Whoever learns the MAC key alone forges nothing.
pub struct SessionKeys {
    vault: Arc<Vault>,
    sealed: SealedTokens<BODY>,
    proof: MacKey,
}

impl SessionKeys {
    /// Derives the keys.
    #[must_use]
    pub fn new(vault: Arc<Vault>) -> Self {
        Self {
            sealed: SealedTokens::new(&vault, "ptr_", "refresh mac"),
            proof: MacKey::derive(&vault, "refresh proof"),
            vault,
        }
    }

    /// Seals the tokens and reads them back.
    pub(super) fn sealed(&self) -> &SealedTokens<BODY> {
        &self.sealed
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
        Some(
            self.proof
                .tag(&[&salt, session.uuid().as_bytes(), &counter.to_be_bytes()]),
        )
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
