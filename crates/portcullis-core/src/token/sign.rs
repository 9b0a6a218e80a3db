use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;

use super::AccessClaims;
use crate::key::{KeyRing, SignError};

/// An access token to give out. It is never stored.
pub struct AccessToken(SecretString);

impl AccessToken {
    /// The token, to be sent.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

/// Makes access tokens with the active key of a ring.
pub struct Signer {
    keys: Arc<KeyRing>,
}

impl Signer {
    /// Signs with whatever key of `keys` is active at the time.
    #[must_use]
    pub fn new(keys: Arc<KeyRing>) -> Self {
        Self { keys }
    }

    /// A token that states `claims`.
    ///
    /// # Errors
    /// When the ring has no active key, or AWS-LC fails.
    pub fn sign(&self, claims: &AccessClaims<'_>) -> Result<AccessToken, SignError> {
        let ring = self.keys.load();
        let key = ring.active().ok_or(SignError)?;
        let payload = claims.json().map_err(|_| SignError)?;
        // Header, two dots, and four characters for each three bytes of a payload and an RSA signature.
        let mut token = String::with_capacity(key.header().len() + payload.len() * 4 / 3 + 520);
        token.push_str(key.header());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&payload, &mut token);
        let signature = key.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
        Ok(AccessToken(token.into()))
    }
}
