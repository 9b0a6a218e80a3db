use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use serde_json::json;

use crate::{
    clock::Timestamp,
    key::{SignError, SigningKey},
};

/// What a client signs to say who it is, in the place of a secret: `private_key_jwt` (OpenID Connect Core, section 9), and
/// the client secret that Apple wants.
#[derive(Clone, Copy, Debug)]
pub struct ClientAssertion<'a> {
    /// `iss`: the client, or at Apple the team.
    pub issuer: &'a str,
    /// `sub`: the client.
    pub client: &'a str,
    /// `aud`: the provider. Its issuer and nothing else, so that no other provider can use it (RFC 7523bis).
    pub audience: &'a str,
    /// `kid`, where the provider knows the key by a name of its own.
    pub kid: Option<&'a str>,
    /// `jti`.
    pub id: &'a str,
    /// For how long it is good.
    pub lifetime: Duration,
}

impl ClientAssertion<'_> {
    /// Signs it, as of `now`.
    ///
    /// # Errors
    /// When AWS-LC fails, which it has no reason to.
    pub fn sign(&self, key: &SigningKey, now: Timestamp) -> Result<SecretString, SignError> {
        let kid = self.kid.unwrap_or(key.kid());
        let header = json!({ "typ": "JWT", "alg": key.algorithm(), "kid": kid });
        let claims = json!({
            "iss": self.issuer,
            "sub": self.client,
            "aud": self.audience,
            "jti": self.id,
            "iat": now.unix_seconds(),
            "exp": (now + self.lifetime).unix_seconds(),
        });
        let mut token = [header, claims]
            .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()))
            .join(".");
        let signature = key.sign(token.as_bytes())?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Ok(token.into())
    }
}
