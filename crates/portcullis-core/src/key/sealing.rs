//! Signing keys on their way into the store and back: sealed with the master key, each for its own name.

use std::sync::Arc;

use serde_json::Value;

use super::{KeyError, KeyState, Keys, SigningKey, keys::Source};
use crate::{clock::Timestamp, store::StoredKey, token::Algorithm};

impl Keys {
    /// A new key of the configured algorithm, sealed. Off the threads that serve: RSA takes a second.
    pub(super) async fn fresh(&self, now: Timestamp) -> Result<StoredKey, KeyError> {
        self.store()?;
        let algorithm = self.algorithm();
        let key = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm))
            .await
            .map_err(|_| KeyError::Generate)??;
        self.seal(&key, now)
    }

    pub(super) fn seal(&self, key: &SigningKey, now: Timestamp) -> Result<StoredKey, KeyError> {
        let Source::Store { vault, rng, .. } = &self.source else {
            return Err(KeyError::SharedSecret);
        };
        Ok(StoredKey {
            kid: key.kid().to_string(),
            algorithm: key.algorithm().to_string(),
            state: KeyState::Next.to_string(),
            sealed_private: vault.seal(&place(key.kid()), &key.to_pkcs8()?, &**rng),
            public_jwk: Value::Object(key.public_jwk().unwrap_or_default()).to_string(),
            created_at: now,
            activated_at: None,
            retire_at: None,
        })
    }

    /// The key in its row. The public half is computed from the sealed one, and the stored one is not believed: who
    /// can write to the database, but has not the master key, must not be able to add a key.
    pub(super) fn unseal(&self, stored: &StoredKey) -> Result<Arc<SigningKey>, KeyError> {
        let Source::Store { vault, .. } = &self.source else {
            return Err(KeyError::SharedSecret);
        };
        let sealed = || KeyError::Sealed(stored.kid.clone());
        let der = vault
            .open(&place(&stored.kid), &stored.sealed_private)
            .map_err(|_| sealed())?;
        let algorithm: Algorithm = stored.algorithm.parse().map_err(|_| sealed())?;
        let key = SigningKey::from_pkcs8(algorithm, &der)?;
        if **key.kid() != *stored.kid {
            return Err(sealed());
        }
        Ok(Arc::new(key))
    }
}

fn place(kid: &str) -> Vec<u8> {
    format!("signing key {kid}").into_bytes()
}
