use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{SigningKey, VerifyingKey};

/// The keys of now. Read without a lock by all who sign and verify; replaced as a whole when keys change.
pub struct KeyRing(ArcSwap<RingSnapshot>);

/// The keys as of one moment.
pub struct RingSnapshot {
    active: Option<Arc<SigningKey>>,
    keys: Box<[Arc<VerifyingKey>]>,
    jwks: Arc<[u8]>,
    etag: Box<str>,
}

impl KeyRing {
    /// A ring of these keys.
    #[must_use]
    pub fn new(snapshot: RingSnapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// The keys as of now.
    #[must_use]
    pub fn current(&self) -> Arc<RingSnapshot> {
        self.0.load_full()
    }

    /// Puts other keys in the place of all. Who read before goes on with what was read.
    pub fn replace(&self, snapshot: RingSnapshot) {
        self.0.store(Arc::new(snapshot));
    }

    pub(crate) fn load(&self) -> Guard<Arc<RingSnapshot>> {
        self.0.load()
    }
}

impl RingSnapshot {
    /// No keys: nothing is valid.
    #[must_use]
    pub fn empty() -> Self {
        Self::of(None, &[])
    }

    /// Signs with `active`; verifies with it and with `others`. The JWKS lists all that have a public half, in this
    /// order.
    #[must_use]
    pub fn signing(active: Arc<SigningKey>, others: &[Arc<SigningKey>]) -> Self {
        Self::of(Some(active), others)
    }

    fn of(active: Option<Arc<SigningKey>>, others: &[Arc<SigningKey>]) -> Self {
        let all = || active.iter().chain(others);
        let list: Vec<Value> = all()
            .filter_map(|key| key.public_jwk())
            .map(Value::Object)
            .collect();
        let keys = all().map(|key| Arc::clone(key.verifying())).collect();
        let document = json!({ "keys": list }).to_string();
        Self {
            etag: format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(&document)[..16])).into(),
            jwks: document.into_bytes().into(),
            keys,
            active,
        }
    }

    /// The key that signs.
    #[must_use]
    pub fn active(&self) -> Option<&Arc<SigningKey>> {
        self.active.as_ref()
    }

    /// All keys that verify.
    #[must_use]
    pub fn keys(&self) -> &[Arc<VerifyingKey>] {
        &self.keys
    }

    /// The key to verify with: the one of this name, or, where a token names none, the only one.
    #[must_use]
    pub fn find(&self, kid: Option<&str>) -> Option<&Arc<VerifyingKey>> {
        match (kid, &*self.keys) {
            (Some(kid), keys) => keys.iter().find(|key| **key.kid() == *kid),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// Whether the very same key (not only its name) is here.
    #[must_use]
    pub fn holds(&self, fingerprint: &[u8; 32]) -> bool {
        self.keys.iter().any(|key| key.fingerprint() == fingerprint)
    }

    /// The JWKS document (RFC 7517, section 5), ready to be sent: public members only.
    #[must_use]
    pub fn jwks(&self) -> &Arc<[u8]> {
        &self.jwks
    }

    /// The strong `ETag` of the document, quoted (RFC 9110, section 8.8.3).
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }
}
