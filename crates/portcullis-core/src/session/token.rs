use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{SessionKeys, StoredSession};
use crate::id::SessionId;

/// What every refresh token begins with, so that secret scanners and people recognize one.
const PREFIX: &str = "ptr_";
const BODY: usize = 4 + 16 + 8 + 16;
const LENGTH: usize = BODY + 16;

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
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(&keys.mac_id());
        bytes.extend_from_slice(session.id.uuid().as_bytes());
        bytes.extend_from_slice(&session.counter.to_be_bytes());
        bytes.extend_from_slice(&proof);
        let mac = keys.mac(&bytes);
        bytes.extend_from_slice(&mac);
        Ok(Self(SecretString::from(format!(
            "{PREFIX}{}",
            URL_SAFE_NO_PAD.encode(bytes)
        ))))
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
        let text = token.strip_prefix(PREFIX).ok_or(RefreshTokenError)?;
        // Decoding is strict: no padding, no trailing bits, so a token has one spelling.
        let mut bytes = [0u8; LENGTH];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(LENGTH) => {}
            _ => return Err(RefreshTokenError),
        }
        let (body, mac) = bytes.split_at(BODY);
        if body[..4] != keys.mac_id() || !bool::from(keys.mac(body).as_slice().ct_eq(mac)) {
            return Err(RefreshTokenError);
        }
        let array = |range: std::ops::Range<usize>| -> [u8; 16] {
            let mut out = [0; 16];
            out.copy_from_slice(&body[range]);
            out
        };
        let mut counter = [0; 8];
        counter.copy_from_slice(&body[20..28]);
        Ok(Self {
            session: SessionId::from_uuid(Uuid::from_bytes(array(4..20))),
            counter: i64::from_be_bytes(counter),
            proof: array(28..44),
        })
    }
}
