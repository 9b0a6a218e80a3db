use std::{sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use super::{KeyError, SigningKey};
use crate::token::Algorithm;

/// Which keys sign.
pub struct KeyConfig {
    /// Which algorithm. None means HS256 where a secret is configured; otherwise that of the stored keys, and ES256 for
    /// the first ones: so a command that runs with less configuration than the server changes no keys.
    pub algorithm: Option<Algorithm>,
    /// A shared secret: keys are then not taken from the store, and the JWKS is empty.
    pub secret: Option<SecretString>,
    /// Secrets of earlier: what was signed with them stays valid.
    pub previous_secrets: Vec<SecretString>,
    /// Longest life of an access token: for so long a key that signs no more verifies.
    pub access_ttl: Duration,
}

impl KeyConfig {
    /// The algorithm in force.
    ///
    /// # Errors
    /// When algorithm and secret contradict each other.
    pub fn algorithm(&self) -> Result<Algorithm, KeyError> {
        match (self.algorithm, &self.secret) {
            (None, Some(_)) => Ok(Algorithm::HS256),
            (None, None) => Ok(Algorithm::ES256),
            (Some(algorithm), Some(_)) if !algorithm.is_symmetric() => Err(KeyError::SecretUnused(algorithm)),
            (Some(algorithm), None) if algorithm.is_symmetric() => Err(KeyError::SecretMissing(algorithm)),
            (Some(algorithm), _) => Ok(algorithm),
        }
    }

    /// Checks the secrets and their algorithm without opening anything (`portcullis check`).
    ///
    /// # Errors
    /// As [`Keys::open`](super::Keys::open) would give.
    pub fn check(&self) -> Result<(), KeyError> {
        let algorithm = self.algorithm()?;
        match &self.secret {
            Some(secret) => self.accepted(algorithm, secret).map(drop),
            None => Ok(()),
        }
    }

    /// The keys of the secrets, the present one first.
    pub(super) fn accepted(
        &self,
        algorithm: Algorithm,
        secret: &SecretString,
    ) -> Result<Vec<Arc<SigningKey>>, KeyError> {
        let mut keys: Vec<Arc<SigningKey>> = Vec::with_capacity(1 + self.previous_secrets.len());
        for secret in std::iter::once(secret).chain(&self.previous_secrets) {
            let key = SigningKey::from_secret(algorithm, secret.expose_secret().as_bytes())?;
            if keys.iter().all(|other| other.kid() != key.kid()) {
                keys.push(Arc::new(key));
            }
        }
        Ok(keys)
    }
}
