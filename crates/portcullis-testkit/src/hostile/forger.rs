use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use portcullis_core::{key::SigningKey, token::Algorithm};
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};

use super::Target;
use crate::jwt;

/// The target's token taken apart.
pub(super) struct Valid {
    pub(super) header: Value,
    pub(super) claims: Value,
}

/// An attacker: has what the target publishes, and keys of its own.
pub(super) struct Forger<'a> {
    pub(super) target: &'a Target<'a>,
    pub(super) valid: Valid,
    /// The published keys.
    pub(super) keys: Vec<Value>,
    own: SigningKey,
}

impl<'a> Forger<'a> {
    pub(super) fn new(target: &'a Target<'a>) -> Self {
        let (header, claims) = jwt::decode(target.token);
        let document: Value = serde_json::from_str(target.jwks).expect("a JWKS");
        Self {
            target,
            valid: Valid { header, claims },
            keys: document["keys"].as_array().expect("a JWKS").clone(),
            own: SigningKey::generate(Algorithm::ES256).expect("a key"),
        }
    }

    /// The attacker's own public key.
    pub(super) fn own_jwk(&self) -> Value {
        Value::Object(self.own.public_jwk().expect("a key pair"))
    }

    /// Signed with the attacker's own key, whatever the header says.
    pub(super) fn by_own_key(&self, header: &Value, claims: &Value) -> String {
        let signed = signing_input(&header.to_string(), &claims.to_string());
        let signature = self.own.sign(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Signed with the target's key where the test has it, otherwise with the attacker's.
    pub(super) fn signed(&self, header: &str, claims: &str) -> String {
        if let Some(sign) = self.target.sign {
            return sign(header, claims);
        }
        let signed = signing_input(header, claims);
        let signature = self.own.sign(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The target's header with members put in; `null` takes one out.
    pub(super) fn header(&self, members: &Value) -> Value {
        merged(&self.valid.header, members)
    }

    /// The target's claims with members put in; `null` takes one out.
    pub(super) fn claims(&self, members: &Value) -> Value {
        merged(&self.valid.claims, members)
    }
}

fn merged(base: &Value, members: &Value) -> Value {
    let mut object = base.as_object().expect("an object").clone();
    for (name, value) in members.as_object().expect("an object") {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
    Value::Object(object)
}

pub(super) fn signing_input(header: &str, claims: &str) -> String {
    format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    )
}

/// Signed by HMAC with any key, of any length.
pub(super) fn by_secret(algorithm: &str, secret: &[u8], header: &Value, claims: &Value) -> String {
    fn tag<M: Mac + KeyInit>(secret: &[u8], message: &str) -> Vec<u8> {
        <M as KeyInit>::new_from_slice(secret)
            .expect("any length")
            .chain_update(message)
            .finalize()
            .into_bytes()
            .to_vec()
    }
    let signed = signing_input(&header.to_string(), &claims.to_string());
    let tag = match algorithm {
        "HS256" => tag::<Hmac<Sha256>>(secret, &signed),
        "HS384" => tag::<Hmac<Sha384>>(secret, &signed),
        _ => tag::<Hmac<Sha512>>(secret, &signed),
    };
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}
