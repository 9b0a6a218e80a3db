//! What is done to the keys in the store: read, decide ([`lifecycle`]), replace, and again when others were faster.

use std::{fmt, time::Duration};

use serde_json::{Value, json};

use super::{
    KeyError, KeyState, Keys,
    import::{self, ImportOptions},
    keys::{Source, check},
    lifecycle::{self, Rotation},
};
use crate::{
    audit::{ActContext, kind},
    clock::Timestamp,
    revocation::ChangeKind,
    store::{KeyActError, StoredKey, Written},
    token::{Algorithm, MAX_LEEWAY},
};

/// How often an act is tried again when others changed the keys meanwhile.
const ATTEMPTS: usize = 5;

/// What a change of the keys is to do: the keys after it, what to announce, the kind and the detail of its audit event.
type Done = (Vec<StoredKey>, ChangeKind, &'static str, Value);

/// What a change of the keys is to do, given the keys as they are.
type Decision = Result<Done, KeyError>;

/// What was done so that no key grows old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tended {
    /// A next key was made.
    Announced,
    /// The next key signs from now on.
    Rotated,
}

impl fmt::Display for Tended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Announced => "made the next key",
            Self::Rotated => "rotated",
        })
    }
}

impl Keys {
    /// Makes first keys, or keys of the configured algorithm, if need be; then loads.
    pub(super) async fn make_or_load(&self, context: &ActContext) -> Result<(), KeyError> {
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

    /// Rotates when the active key has signed for longer than `after`, and the next one has been published for a day; makes
    /// a next key where there is none. Of several nodes that try at once, one does it. Gives what was done.
    ///
    /// # Errors
    /// When the store fails or others keep changing the keys.
    pub async fn rotate_if_due(
        &self,
        after: Duration,
        context: &ActContext,
    ) -> Result<Written<Option<Tended>>, KeyError> {
        let none = Written {
            value: None,
            changes: Vec::new(),
        };
        let Source::Store { store, .. } = &self.source else {
            return Ok(none);
        };
        let wanted = lifecycle::rotation(&store.keys().await?.keys, after, context.now);
        let (word, done) = match wanted {
            Rotation::None => return Ok(none),
            Rotation::Announce => (kind::KEY_CREATED, Tended::Announced),
            Rotation::Rotate => (kind::KEY_ROTATED, Tended::Rotated),
        };
        let fresh = self.fresh(context.now).await?;
        let until = self.retire_at(context);
        let written = self
            .change_if(context, |keys| {
                // Another node may have been faster.
                if lifecycle::rotation(keys, after, context.now) != wanted {
                    return Ok(None);
                }
                let (after, kid) = if wanted == Rotation::Rotate {
                    let after = lifecycle::rotate(keys, fresh.clone(), context.now, until);
                    let kid = after.first().map(|key| key.kid.clone());
                    (after, kid)
                } else {
                    let kid = Some(fresh.kid.clone());
                    (lifecycle::put_next(keys, fresh.clone(), context.now), kid)
                };
                let detail = json!({ "kid": kid });
                Ok(Some((after, ChangeKind::KeysChanged, word, detail)))
            })
            .await?;
        Ok(Written {
            value: written.value.then_some(done),
            changes: written.changes,
        })
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
        let over = over(&store.keys().await?.keys, context.now);
        if over.is_empty() {
            return Ok(none);
        }
        let written = self
            .change_if(context, |keys| {
                let over = self::over(keys, context.now);
                let after = lifecycle::without_over(keys, context.now);
                let detail = json!({ "kids": over });
                Ok((!over.is_empty()).then_some((after, ChangeKind::KeysChanged, kind::KEY_RETIRED, detail)))
            })
            .await?;
        Ok(Written {
            value: if written.value { over.len() } else { 0 },
            changes: written.changes,
        })
    }

    /// Reads, decides, replaces; again when others were faster. The new keys are in the ring when it returns.
    async fn change(
        &self,
        context: &ActContext,
        decide: impl Fn(&[StoredKey]) -> Decision,
    ) -> Result<Written<()>, KeyError> {
        let written = self.change_if(context, |keys| decide(keys).map(Some)).await?;
        Ok(Written {
            value: (),
            changes: written.changes,
        })
    }

    /// The same, unless nothing is to be done. Gives whether something was.
    async fn change_if(
        &self,
        context: &ActContext,
        decide: impl Fn(&[StoredKey]) -> Result<Option<Done>, KeyError>,
    ) -> Result<Written<bool>, KeyError> {
        let store = self.store()?;
        for _ in 0..ATTEMPTS {
            let set = store.keys().await?;
            check(&set)?;
            let Some((keys, change, kind, detail)) = decide(&set.keys)? else {
                return Ok(Written {
                    value: false,
                    changes: Vec::new(),
                });
            };
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
                    return Ok(Written {
                        value: true,
                        changes: written.changes,
                    });
                }
                Err(KeyActError::Moved) => {}
                Err(KeyActError::Store(error)) => return Err(error.into()),
            }
        }
        Err(KeyError::Contended)
    }

    /// What an act of now retires is needed until then.
    fn retire_at(&self, context: &ActContext) -> Timestamp {
        context.deny_until.max(context.now + self.access_ttl + MAX_LEEWAY)
    }
}

/// The keys of which nothing can be valid any more.
fn over(keys: &[StoredKey], now: Timestamp) -> Vec<String> {
    keys.iter()
        .filter(|key| lifecycle::is_over(key, now))
        .map(|key| key.kid.clone())
        .collect()
}
