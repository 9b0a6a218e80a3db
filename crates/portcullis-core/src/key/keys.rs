use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::sync::Mutex;

use super::{KeyConfig, KeyError, KeyRing, KeyState, RingSnapshot, SigningKey, Vault, lifecycle};
use crate::{
    audit::ActContext,
    clock::{Clock, Timestamp},
    rng::Rng,
    store::{KeySet, Store, StoreError},
    token::Algorithm,
};

/// What may be known of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeySummary {
    /// Its name.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: String,
    /// `next`, `active` or `retiring`; previous secrets are `retiring`.
    pub state: String,
    /// When it was made or imported; none for secrets.
    pub created_at: Option<Timestamp>,
    /// When it began to sign.
    pub activated_at: Option<Timestamp>,
    /// When it is dropped.
    pub retire_at: Option<Timestamp>,
}

/// The signing keys of an installation: in the store, sealed with the master key, or shared secrets of the
/// configuration.
///
/// [`KeysChanged`](crate::revocation::ChangeKind::KeysChanged) and
/// [`KeyRevoked`](crate::revocation::ChangeKind::KeyRevoked) in the feed mean: [`Keys::reload`].
pub struct Keys {
    pub(super) source: Source,
    /// The configured one.
    pub(super) algorithm: Option<Algorithm>,
    pub(super) access_ttl: Duration,
    clock: Arc<dyn Clock>,
    ring: Arc<KeyRing>,
}

pub(super) enum Source {
    Secrets(Vec<Arc<SigningKey>>),
    Store {
        store: Arc<dyn Store>,
        vault: Arc<Vault>,
        rng: Arc<dyn Rng>,
        /// One reload at a time: what was read last is what stays.
        reloading: Mutex<()>,
    },
}

impl Keys {
    /// Opens the keys, and makes the first ones where there are none. When an algorithm is configured and the active key
    /// has another one, a fresh key takes over, and what the old one signed stays valid.
    ///
    /// # Errors
    /// When a secret is too short or the configuration contradicts itself, a stored key does not open, or the store
    /// fails.
    pub async fn open(
        store: Arc<dyn Store>,
        vault: Arc<Vault>,
        config: KeyConfig,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        context: &ActContext,
    ) -> Result<Arc<Self>, KeyError> {
        let algorithm = config.algorithm()?;
        if let Some(secret) = &config.secret {
            let accepted = config.accepted(algorithm, secret)?;
            let snapshot = RingSnapshot::signing(Arc::clone(&accepted[0]), &accepted[1..]);
            return Ok(Arc::new(Self {
                source: Source::Secrets(accepted),
                algorithm: Some(algorithm),
                access_ttl: config.access_ttl,
                clock,
                ring: Arc::new(KeyRing::new(snapshot)),
            }));
        }
        let opened = Self {
            source: Source::Store {
                store,
                vault,
                rng,
                reloading: Mutex::new(()),
            },
            algorithm: config.algorithm,
            access_ttl: config.access_ttl,
            clock,
            ring: Arc::new(KeyRing::new(RingSnapshot::empty())),
        };
        opened.make_or_load(context).await?;
        Ok(Arc::new(opened))
    }

    /// The live ring: sign and verify with it.
    #[must_use]
    pub fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.ring)
    }

    /// The algorithm of new keys.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        let active = || self.ring.load().active().map(|key| key.algorithm());
        self.algorithm.or_else(active).unwrap_or(Algorithm::ES256)
    }

    /// Reads the keys anew. Does nothing for shared secrets.
    ///
    /// # Errors
    /// When the store fails or a key does not open; the keys then stay as they are.
    pub async fn reload(&self) -> Result<(), KeyError> {
        let Source::Store { store, reloading, .. } = &self.source else {
            return Ok(());
        };
        let _one = reloading.lock().await;
        let set = store.keys().await?;
        check(&set)?;
        let mut opened = Vec::with_capacity(set.keys.len());
        for key in lifecycle::without_over(&set.keys, self.clock.now()) {
            opened.push((key.state == KeyState::Active.as_str(), self.unseal(&key)?));
        }
        let (active, others): (Vec<_>, Vec<_>) = opened.into_iter().partition(|(active, _)| *active);
        let others: Vec<_> = others.into_iter().map(|(_, key)| key).collect();
        if let Some((_, active)) = active.into_iter().next() {
            self.ring.replace(RingSnapshot::signing(active, &others));
        }
        Ok(())
    }

    /// All keys, as they are in the store now.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self) -> Result<Vec<KeySummary>, KeyError> {
        match &self.source {
            Source::Secrets(secrets) => Ok(secrets
                .iter()
                .enumerate()
                .map(|(at, key)| KeySummary {
                    kid: key.kid().to_string(),
                    algorithm: key.algorithm().to_string(),
                    state: if at == 0 {
                        KeyState::Active
                    } else {
                        KeyState::Retiring
                    }
                    .to_string(),
                    created_at: None,
                    activated_at: None,
                    retire_at: None,
                })
                .collect()),
            Source::Store { store, .. } => Ok(store
                .keys()
                .await?
                .keys
                .into_iter()
                .map(|key| KeySummary {
                    kid: key.kid,
                    algorithm: key.algorithm,
                    state: key.state,
                    created_at: Some(key.created_at),
                    activated_at: key.activated_at,
                    retire_at: key.retire_at,
                })
                .collect()),
        }
    }

    pub(super) fn store(&self) -> Result<&Arc<dyn Store>, KeyError> {
        match &self.source {
            Source::Store { store, .. } => Ok(store),
            Source::Secrets(_) => Err(KeyError::SharedSecret),
        }
    }
}

/// Whether the keys as a whole make sense.
pub(super) fn check(set: &KeySet) -> Result<(), KeyError> {
    lifecycle::fault(&set.keys).map_or(Ok(()), |fault| Err(StoreError::Corrupt(fault).into()))
}
