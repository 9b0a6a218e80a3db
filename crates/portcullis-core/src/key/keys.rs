use std::{sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{
    KeyError, KeyRing, KeyState, RingSnapshot, SigningKey, Vault,
    import::{self, ImportOptions},
    lifecycle,
};
use crate::{
    audit::{ActContext, kind},
    clock::{Clock, Timestamp},
    revocation::ChangeKind,
    rng::Rng,
    store::{KeyActError, KeySet, Store, StoreError, StoredKey, Written},
    token::{Algorithm, MAX_LEEWAY},
};

/// How often an act is tried again when others changed the keys meanwhile.
const ATTEMPTS: usize = 5;

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
/// [`ChangeKind::KeysChanged`] and [`ChangeKind::KeyRevoked`] in the feed mean: [`Keys::reload`].
pub struct Keys {
    source: Source,
    /// The configured one.
    algorithm: Option<Algorithm>,
    access_ttl: Duration,
    clock: Arc<dyn Clock>,
    ring: Arc<KeyRing>,
}

enum Source {
    Secrets(Vec<Arc<SigningKey>>),
    Store {
        store: Arc<dyn Store>,
        vault: Arc<Vault>,
        rng: Arc<dyn Rng>,
        /// One reload at a time: what was read last is what stays.
        reloading: Mutex<()>,
    },
}

/// What a change of the keys is to do, given the keys as they are.
type Decision = Result<(Vec<StoredKey>, ChangeKind, &'static str, Value), KeyError>;

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
            let accepted = shared(algorithm, secret, &config.previous_secrets)?;
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
        opened.settle(context).await?;
        Ok(Arc::new(opened))
    }

    /// Makes first keys, or keys of the configured algorithm, if need be; then loads.
    async fn settle(&self, context: &ActContext) -> Result<(), KeyError> {
        let store = self.store()?;
        for _ in 0..ATTEMPTS {
            let set = store.keys().await?;
            let active = set.keys.iter().find(|key| key.state == KeyState::Active.as_str());
            if active.is_some_and(|key| {
                self.algorithm
                    .is_none_or(|wanted| key.algorithm == wanted.as_str())
            }) {
                return self.reload().await;
            }
            if !set.keys.is_empty() {
                check(&set)?;
            }
            let (first, second) = (self.fresh(context.now).await?, self.fresh(context.now).await?);
            let (kind, keys) = if set.keys.is_empty() {
                (
                    kind::KEY_CREATED,
                    lifecycle::found(first.clone(), second, context.now),
                )
            } else {
                let until = self.retire_at(context);
                let keys = lifecycle::replace(&set.keys, first.clone(), second, context.now, until);
                (kind::KEY_ROTATED, keys)
            };
            let event = context.event(
                kind,
                None,
                json!({ "kid": first.kid, "algorithm": first.algorithm }),
            );
            match store
                .replace_keys(context, set.version, keys, ChangeKind::KeysChanged, event)
                .await
            {
                // Nothing is denied by it, and nobody is answered yet who could believe the old keys.
                Ok(_) => return self.reload().await,
                Err(KeyActError::Moved) => {}
                Err(KeyActError::Store(error)) => return Err(error.into()),
            }
        }
        Err(KeyError::Contended)
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

    /// Rotates: the next key signs from now on, a new one waits for its turn. Tokens that are out stay valid.
    ///
    /// # Errors
    /// For shared secrets; when the store fails or others keep changing the keys.
    pub async fn rotate(&self, context: &ActContext) -> Result<Written<()>, KeyError> {
        let fresh = self.fresh(context.now).await?;
        let until = self.retire_at(context);
        self.change(context, |keys| {
            let after = lifecycle::rotate(keys, fresh.clone(), context.now, until);
            let kid = after.first().map(|key| key.kid.clone());
            Ok((
                after,
                ChangeKind::KeysChanged,
                kind::KEY_ROTATED,
                json!({ "kid": kid }),
            ))
        })
        .await
    }

    /// Revokes a key: all that was signed with it is void at once. If it is the active one, the next key takes over.
    ///
    /// # Errors
    /// For shared secrets; without such a key; when the store fails or others keep changing the keys.
    pub async fn revoke(&self, kid: &str, context: &ActContext) -> Result<Written<()>, KeyError> {
        let spare = self.fresh(context.now).await?;
        self.change(context, |keys| {
            let after = lifecycle::revoke(keys, kid, spare.clone(), context.now)
                .ok_or_else(|| KeyError::Unknown(kid.to_owned()))?;
            let change = ChangeKind::KeyRevoked { kid: kid.to_owned() };
            Ok((after, change, kind::KEY_REVOKED, json!({ "kid": kid })))
        })
        .await
    }

    /// Imports a private key: PEM (PKCS#8, SEC 1, PKCS#1), PKCS#8 in DER, or a private JWK. It waits for its turn in
    /// the place of the next key, or signs at once. Gives its name.
    ///
    /// # Errors
    /// When it is not a usable key or is there already; as [`Keys::rotate`].
    pub async fn import(
        &self,
        text: &[u8],
        options: ImportOptions,
        context: &ActContext,
    ) -> Result<Written<String>, KeyError> {
        self.store()?;
        // An RSA key by itself does not tell.
        let pss = self.algorithm.filter(|algorithm| *algorithm == Algorithm::PS256);
        let key = import::private_key(text, options.algorithm.or(pss))?;
        if let Some(configured) = self.algorithm.filter(|algorithm| *algorithm != key.algorithm()) {
            return Err(KeyError::OtherAlgorithm {
                configured,
                key: key.algorithm(),
            });
        }
        let kid = key.kid().to_string();
        let stored = self.seal(&key, context.now)?;
        let until = self.retire_at(context);
        let written = self
            .change(context, |keys| {
                if keys.iter().any(|key| key.kid == stored.kid) {
                    return Err(KeyError::Exists(stored.kid.clone()));
                }
                let after = if options.activate {
                    lifecycle::put_active(keys, stored.clone(), context.now, until)
                } else {
                    lifecycle::put_next(keys, stored.clone(), context.now)
                };
                let detail =
                    json!({ "kid": stored.kid, "algorithm": stored.algorithm, "activate": options.activate });
                Ok((after, ChangeKind::KeysChanged, kind::KEY_IMPORTED, detail))
            })
            .await?;
        Ok(Written {
            value: kid,
            changes: written.changes,
        })
    }

    /// Drops the keys of which nothing can be valid any more. Gives how many; the store is left alone if none.
    ///
    /// # Errors
    /// When the store fails or others keep changing the keys.
    pub async fn prune(&self, context: &ActContext) -> Result<Written<usize>, KeyError> {
        let none = Written {
            value: 0,
            changes: Vec::new(),
        };
        let Source::Store { store, .. } = &self.source else {
            return Ok(none);
        };
        let keys = store.keys().await?.keys;
        let over: Vec<String> = keys
            .iter()
            .filter(|key| lifecycle::is_over(key, context.now))
            .map(|key| key.kid.clone())
            .collect();
        if over.is_empty() {
            return Ok(none);
        }
        let written = self
            .change(context, |keys| {
                let after = lifecycle::without_over(keys, context.now);
                Ok((
                    after,
                    ChangeKind::KeysChanged,
                    kind::KEY_RETIRED,
                    json!({ "kids": over }),
                ))
            })
            .await?;
        Ok(Written {
            value: over.len(),
            changes: written.changes,
        })
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

    /// Reads, decides, replaces; again when others were faster. The new keys are in the ring when it returns.
    async fn change(
        &self,
        context: &ActContext,
        decide: impl Fn(&[StoredKey]) -> Decision,
    ) -> Result<Written<()>, KeyError> {
        let store = self.store()?;
        for _ in 0..ATTEMPTS {
            let set = store.keys().await?;
            check(&set)?;
            let (keys, change, kind, detail) = decide(&set.keys)?;
            let event = context.event(kind, None, detail);
            match store
                .replace_keys(context, set.version, keys, change, event)
                .await
            {
                Ok(written) => {
                    // It is done, whatever a reload says; the feed makes this node try again.
                    if let Err(error) = self.reload().await {
                        tracing::error!(%error, "the signing keys changed, but could not be read anew");
                    }
                    return Ok(written);
                }
                Err(KeyActError::Moved) => {}
                Err(KeyActError::Store(error)) => return Err(error.into()),
            }
        }
        Err(KeyError::Contended)
    }

    fn store(&self) -> Result<&Arc<dyn Store>, KeyError> {
        match &self.source {
            Source::Store { store, .. } => Ok(store),
            Source::Secrets(_) => Err(KeyError::SharedSecret),
        }
    }

    /// What an act of now retires is needed until then.
    fn retire_at(&self, context: &ActContext) -> Timestamp {
        context.deny_until.max(context.now + self.access_ttl + MAX_LEEWAY)
    }

    /// A new key of the configured algorithm, sealed. Off the threads that serve: RSA takes a second.
    async fn fresh(&self, now: Timestamp) -> Result<StoredKey, KeyError> {
        self.store()?;
        let algorithm = self.algorithm();
        let key = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm))
            .await
            .map_err(|_| KeyError::Generate)??;
        self.seal(&key, now)
    }

    fn seal(&self, key: &SigningKey, now: Timestamp) -> Result<StoredKey, KeyError> {
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
    fn unseal(&self, stored: &StoredKey) -> Result<Arc<SigningKey>, KeyError> {
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

fn check(set: &KeySet) -> Result<(), KeyError> {
    lifecycle::fault(&set.keys).map_or(Ok(()), |fault| Err(StoreError::Corrupt(fault).into()))
}

fn place(kid: &str) -> Vec<u8> {
    format!("signing key {kid}").into_bytes()
}

/// The keys of the secrets, the present one first.
fn shared(
    algorithm: Algorithm,
    secret: &SecretString,
    previous: &[SecretString],
) -> Result<Vec<Arc<SigningKey>>, KeyError> {
    let mut keys: Vec<Arc<SigningKey>> = Vec::with_capacity(1 + previous.len());
    for secret in std::iter::once(secret).chain(previous) {
        let key = SigningKey::from_secret(algorithm, secret.expose_secret().as_bytes())?;
        if keys.iter().all(|other| other.kid() != key.kid()) {
            keys.push(Arc::new(key));
        }
    }
    Ok(keys)
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
    /// As [`Keys::open`] would give.
    pub fn check(&self) -> Result<(), KeyError> {
        let algorithm = self.algorithm()?;
        match &self.secret {
            Some(secret) => shared(algorithm, secret, &self.previous_secrets).map(drop),
            None => Ok(()),
        }
    }
}
