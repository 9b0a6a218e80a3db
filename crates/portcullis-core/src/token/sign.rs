use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;

use super::AccessClaims;
use crate::key::{KeyRing, SignError, SigningKey};

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
        Ok(AccessToken(signed(key, key.header(), &payload)?.into()))
    }

    /// Another statement of ours, in the compact form (RFC 7515, section 3.1). It must have a `typ` of its own: what is not
    /// `at+jwt` is no access token.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn sign_statement(&self, typ: &str, payload: &[u8]) -> Result<String, SignError> {
        let ring = self.keys.load();
        let key = ring.active().ok_or(SignError)?;
        signed(key, &key.header_of(typ), payload)
    }
}

fn signed(key: &SigningKey, header: &str, payload: &[u8]) -> Result<String, SignError> {
    // Header, two dots, and four characters for each three bytes of a payload and an RSA signature.
    let mut token = String::with_capacity(header.len() + payload.len() * 4 / 3 + 520);
    token.push_str(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
    Ok(token)
}
