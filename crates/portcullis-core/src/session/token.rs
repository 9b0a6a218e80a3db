use secrecy::SecretString;
use uuid::Uuid;

use super::{SessionKeys, StoredSession};
use crate::id::SessionId;

/// Session, counter, proof.
pub(super) const BODY: usize = 16 + 8 + 16;

/// A refresh token to give out: opaque to everyone but the server. It is never stored.
///
/// `ptr_` and, in base64url: id of the MAC key (4 bytes), session (16), counter (8), proof (16), MAC (16).
pub struct RefreshToken(SecretString);

/// A refresh token that came back: its MAC holds, its proof is not yet checked.
#[derive(Clone)]
pub struct PresentedRefresh {
    /// The session.
    pub session: SessionId,
    /// Which of the session's refresh tokens it is.
    pub counter: i64,
    /// Depends on the salt in the session's row.
    pub proof: [u8; 16],
}

/// Not a refresh token of this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a refresh token of this server")]
pub struct RefreshTokenError;

impl RefreshToken {
    /// The token of the session's present counter.
    ///
    /// # Errors
    /// When the salt does not open: another master key.
    pub fn issue(session: &StoredSession, keys: &SessionKeys) -> Result<Self, RefreshTokenError> {
        let proof = keys
            .proof(session.id, &session.sealed_salt, session.counter)
            .ok_or(RefreshTokenError)?;
        let mut body = [0; BODY];
        body[..16].copy_from_slice(session.id.uuid().as_bytes());
        body[16..24].copy_from_slice(&session.counter.to_be_bytes());
        body[24..].copy_from_slice(&proof);
        Ok(Self(keys.sealed().seal(&body)))
    }

    /// The token, to be sent.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl PresentedRefresh {
    /// Reads a token and checks its MAC, without the database.
    ///
    /// # Errors
    /// When it is not one of this server's.
    pub fn read(token: &str, keys: &SessionKeys) -> Result<Self, RefreshTokenError> {
        let body = keys.sealed().open(token).ok_or(RefreshTokenError)?;
        let (mut session, mut counter, mut proof) = ([0; 16], [0; 8], [0; 16]);
        session.copy_from_slice(&body[..16]);
        counter.copy_from_slice(&body[16..24]);
        proof.copy_from_slice(&body[24..]);
        Ok(Self {
            session: SessionId::from_uuid(Uuid::from_bytes(session)),
            counter: i64::from_be_bytes(counter),
            proof,
        })
    }
}
