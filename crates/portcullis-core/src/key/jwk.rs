//! Keys as JSON (RFC 7517), read strictly.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{KeyMaterialError, VerifyingKey, public::PublicKey};
use crate::token::{Algorithm, json};

/// Most keys in a set.
const MAX_KEYS: usize = 100;

/// A set of keys to verify with (RFC 7517, section 5), for instance an issuer's JWKS.
///
/// ```
/// use portcullis_core::key::{JwkSet, KeyMaterialError};
///
/// let off_the_curve = r#"{"keys":[{"kty":"EC","crv":"P-256",
///   "x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#;
/// assert!(matches!(JwkSet::parse(off_the_curve.as_bytes()), Err(KeyMaterialError::Weak(_))));
/// ```
pub struct JwkSet {
    keys: Vec<Jwk>,
}

/// One key of a set. Without `alg` an RSA key may be used by two algorithms, and the token's header says by which;
/// they are then two keys.
struct Jwk {
    kid: Option<String>,
    verifying: Vec<Arc<VerifyingKey>>,
}

impl JwkSet {
    /// Reads a set, or one key by itself. Keys that are for something else (`use`, `key_ops`) or of a kind that is
    /// not supported verify nothing (RFC 7517, section 5).
    ///
    /// # Errors
    /// When it is not a set of keys, two keys have one name, or a key is broken or weak: a point off its curve, RSA
    /// with less than 2048 bits or an exponent that is even or below 65537, a secret shorter than the hash.
    pub fn parse(text: &[u8]) -> Result<Self, KeyMaterialError> {
        let mut document = json::object(text).map_err(KeyMaterialError::Form)?;
        let list = match document.remove("keys") {
            None => vec![Value::Object(document)],
            Some(Value::Array(list)) => list,
            Some(_) => return Err(KeyMaterialError::Form("`keys` is not a list")),
        };
        if list.len() > MAX_KEYS {
            return Err(KeyMaterialError::Form("more than 100 keys"));
        }
        // Who could publish the public keys must not come to publish the secret with them.
        let secrets = list.iter().filter(|key| key["kty"] == "oct").count();
        if secrets != 0 && secrets != list.len() {
            return Err(KeyMaterialError::Form(
                "shared secrets and public keys do not belong into one set",
            ));
        }
        let mut keys: Vec<Jwk> = Vec::with_capacity(list.len());
        for value in list {
            let Value::Object(members) = value else {
                return Err(KeyMaterialError::Form("a key is not an object"));
            };
            let key = Members(members).jwk()?;
            if key.kid.is_some() && keys.iter().any(|other| other.kid == key.kid) {
                return Err(KeyMaterialError::Form("two keys have the same `kid`"));
            }
            keys.push(key);
        }
        Ok(Self { keys })
    }

    /// Reads what an issuer publishes for everybody. Keys that are broken, weak, of a kind that is not supported, or secret
    /// verify nothing, and leave the others alone (RFC 7517, section 5): an issuer's one bad key is no reason to let nobody
    /// in. Keys of one name are one key with a choice of algorithms (RFC 7517, section 4.5).
    ///
    /// # Errors
    /// When it is not a set of keys, or no key in it verifies anything.
    ///
    /// ```
    /// use portcullis_core::key::JwkSet;
    ///
    /// let secret = r#"{"keys":[{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","alg":"HS256"}]}"#;
    /// assert!(JwkSet::parse(secret.as_bytes()).is_ok());
    /// assert!(JwkSet::published(secret.as_bytes()).is_err());
    /// ```
    pub fn published(text: &[u8]) -> Result<Self, KeyMaterialError> {
        let mut document = json::object(text).map_err(KeyMaterialError::Form)?;
        let Some(Value::Array(list)) = document.remove("keys") else {
            return Err(KeyMaterialError::Form("`keys` is missing or not a list"));
        };
        if list.len() > MAX_KEYS {
            return Err(KeyMaterialError::Form("more than 100 keys"));
        }
        let mut keys: Vec<Jwk> = Vec::with_capacity(list.len());
        for value in list {
            let Value::Object(members) = value else { continue };
            if members.get("kty").is_some_and(|kind| kind == "oct") {
                continue;
            }
            let Ok(key) = Members(members).jwk() else { continue };
            if key.verifying.is_empty() {
                continue;
            }
            match keys
                .iter_mut()
                .find(|other| other.kid.is_some() && other.kid == key.kid)
            {
                Some(known) => known.add(key.verifying),
                None => keys.push(key),
            }
        }
        if keys.is_empty() {
            return Err(KeyMaterialError::Form(
                "no key in the set verifies with RS256, PS256, ES256 or EdDSA",
            ));
        }
        Ok(Self { keys })
    }

    /// Whether the very same key (not only its name) is here.
    ///
    /// ```
    /// use portcullis_core::key::JwkSet;
    ///
    /// fn are_the_same(one: &JwkSet, fingerprint: &[u8; 32]) -> bool { one.len() == 1 && one.holds(fingerprint) }
    /// ```
    #[must_use]
    pub fn holds(&self, fingerprint: &[u8; 32]) -> bool {
        self.keys
            .iter()
            .flat_map(|key| &key.verifying)
            .any(|key| key.fingerprint() == fingerprint)
    }

    /// How many keys there are, usable or not.
    ///
    /// ```
    /// # use portcullis_core::key::JwkSet;
    /// assert_eq!(JwkSet::parse(br#"{"keys":[]}"#)?.len(), 0);
    /// # Ok::<(), portcullis_core::key::KeyMaterialError>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    ///
    /// ```
    /// # use portcullis_core::key::JwkSet;
    /// assert!(JwkSet::parse(br#"{"keys":[]}"#)?.is_empty());
    /// # Ok::<(), portcullis_core::key::KeyMaterialError>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key that a token names, by all algorithms that it may be used with. A key without a name, or a token that
    /// names none, is taken only where there is no choice.
    pub(crate) fn find(&self, kid: Option<&str>) -> Option<&[Arc<VerifyingKey>]> {
        let found = match (kid, self.keys.as_slice()) {
            (None, [only]) => only,
            (Some(_), [only]) if only.kid.is_none() => only,
            (Some(kid), keys) => keys.iter().find(|key| key.kid.as_deref() == Some(kid))?,
            (None, _) => return None,
        };
        Some(&found.verifying)
    }
}

impl Jwk {
    /// One key for each algorithm: the first.
    fn add(&mut self, more: Vec<Arc<VerifyingKey>>) {
        for key in more {
            if !self
                .verifying
                .iter()
                .any(|known| known.algorithm() == key.algorithm())
            {
                self.verifying.push(key);
            }
        }
    }
}

/// The members of a JWK.
pub(super) struct Members(pub(super) Map<String, Value>);

impl Members {
    pub(super) fn text(&self, name: &'static str) -> Result<&str, KeyMaterialError> {
        self.0
            .get(name)
            .and_then(Value::as_str)
            .ok_or(KeyMaterialError::Form(
                "a member of the JWK is missing or not a string",
            ))
    }

    fn optional(&self, name: &'static str) -> Result<Option<&str>, KeyMaterialError> {
        if self.0.contains_key(name) {
            self.text(name).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(super) fn bytes(&self, name: &'static str) -> Result<Vec<u8>, KeyMaterialError> {
        URL_SAFE_NO_PAD
            .decode(self.text(name)?)
            .map_err(|_| KeyMaterialError::Form("a member of the JWK is not base64url"))
    }

    pub(super) fn curve(&self, name: &str) -> Result<(), KeyMaterialError> {
        if self.text("crv")? == name {
            Ok(())
        } else {
            Err(KeyMaterialError::Unsupported(
                "of the curves only P-256 and Ed25519 are supported",
            ))
        }
    }

    /// `alg`, if it is one that is supported.
    pub(super) fn algorithm(&self) -> Result<Option<Algorithm>, KeyMaterialError> {
        self.optional("alg")?
            .map(|alg| {
                alg.parse()
                    .map_err(|_| KeyMaterialError::Unsupported("the algorithm of the key"))
            })
            .transpose()
    }

    fn is_for_verifying(&self) -> Result<bool, KeyMaterialError> {
        if self.optional("use")?.is_some_and(|purpose| purpose != "sig") {
            return Ok(false);
        }
        match self.0.get("key_ops") {
            None => Ok(true),
            Some(Value::Array(operations)) => Ok(operations.iter().any(|operation| operation == "verify")),
            Some(_) => Err(KeyMaterialError::Form("`key_ops` is not a list")),
        }
    }

    fn jwk(self) -> Result<Jwk, KeyMaterialError> {
        let kid = self.optional("kid")?.map(str::to_owned);
        let verifying = match self.verifying(kid.as_deref().unwrap_or_default()) {
            Err(KeyMaterialError::Unsupported(_)) => Vec::new(),
            other => other?,
        };
        Ok(Jwk { kid, verifying })
    }

    /// The key by each algorithm that it may be used with.
    fn verifying(&self, kid: &str) -> Result<Vec<Arc<VerifyingKey>>, KeyMaterialError> {
        use Algorithm::{ES256, EdDSA, PS256, RS256};

        if !self.is_for_verifying()? {
            return Ok(Vec::new());
        }
        let own = self.algorithm()?;
        let kty = self.text("kty")?;
        if kty == "oct" {
            return self.secret(kid, own);
        }
        let (key, possible): (_, &[Algorithm]) = match kty {
            "EC" => {
                self.curve("P-256")?;
                let (x, y) = (self.bytes("x")?, self.bytes("y")?);
                (PublicKey::Ec { x, y }, &[ES256])
            }
            "OKP" => {
                self.curve("Ed25519")?;
                (PublicKey::Okp { x: self.bytes("x")? }, &[EdDSA])
            }
            "RSA" => {
                let (n, e) = (self.bytes("n")?, self.bytes("e")?);
                (PublicKey::Rsa { n, e }, &[RS256, PS256])
            }
            _ => return Err(KeyMaterialError::Unsupported("the kind of the key")),
        };
        if own.is_some_and(|own| !possible.contains(&own)) {
            return Err(KeyMaterialError::Form("`alg` does not fit `kty`"));
        }
        possible
            .iter()
            .filter(|algorithm| own.is_none_or(|own| own == **algorithm))
            .map(|algorithm| VerifyingKey::public(kid, *algorithm, &key).map(Arc::new))
            .collect()
    }

    /// A shared secret: by its `alg`, or by each HMAC whose hash it is long enough for.
    fn secret(&self, kid: &str, own: Option<Algorithm>) -> Result<Vec<Arc<VerifyingKey>>, KeyMaterialError> {
        let secret = Zeroizing::new(self.bytes("k")?);
        let verifying = |algorithm| VerifyingKey::secret(kid, algorithm, &secret).map(Arc::new);
        match own {
            Some(algorithm) if algorithm.is_symmetric() => Ok(vec![verifying(algorithm)?]),
            Some(_) => Err(KeyMaterialError::Form("`alg` does not fit `kty`")),
            None => {
                let mut keys = vec![verifying(Algorithm::HS256)?];
                keys.extend(verifying(Algorithm::HS384).ok());
                keys.extend(verifying(Algorithm::HS512).ok());
                Ok(keys)
            }
        }
    }
}
