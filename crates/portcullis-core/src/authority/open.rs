use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    Authority, AuthorityConfig, Caller, act::act_context, audit_sink::AuditSink, change_retention,
    metrics::Counts, profiles::Profiles, readiness::Readiness,
};
use crate::{
    audit::Actor,
    clock::{Clock, Timestamp},
    device::{DeviceKeys, UnknownIdentifiers},
    identity::Tickets,
    key::{BoundTokens, KeyConfig, KeyError, Keys, Vault},
    limit::{Limiter, SharedKeys},
    metrics::Metrics,
    password::pool::{HashPool, HashPoolError},
    revocation::{Change, ChangeKind, ChangeListener, Follower, Index},
    rng::{self, Rng},
    session::SessionKeys,
    store::{Store, StoreError, UNFINISHED},
    token::{Signer, Verifier, VerifierConfig},
};

/// What an authority stands on.
pub struct Ports {
    /// The database.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// What the master key opens.
    pub vault: Arc<Vault>,
}

/// Why an authority does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store was made with another master key.
    #[error(
        "this is not the master key with which the database was made: restore the right one, or start with an empty database"
    )]
    WrongMasterKey,
    /// The store holds a part of an installation.
    #[error(
        "the database is not complete: a `portcullis copy` or `portcullis restore` into it was interrupted; run it again"
    )]
    Unfinished,
    /// The signing keys do not open.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The hashing pool does not start.
    #[error(transparent)]
    Pool(#[from] HashPoolError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Remembers that the signing keys are to be read anew.
#[derive(Default)]
pub(super) struct KeyReload {
    wanted: AtomicBool,
    wake: Notify,
}

impl KeyReload {
    fn want(&self) {
        self.wanted.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    pub(super) async fn wanted(&self) {
        while !self.wanted.swap(false, Ordering::SeqCst) {
            self.wake.notified().await;
        }
    }

    pub(super) fn again(&self) {
        self.wanted.store(true, Ordering::SeqCst);
    }
}

impl ChangeListener for KeyReload {
    fn changed(&self, change: &Change) {
        if matches!(
            change.kind,
            ChangeKind::KeysChanged | ChangeKind::KeyRevoked { .. }
        ) {
            self.want();
        }
    }

    fn reloaded(&self) {
        self.want();
    }
}

/// Where a database keeps the fingerprint of its master key
/// ([`Store::meta`](crate::store::Store::meta)).
pub const FINGERPRINT: &str = "master_key";

const LONGEST_TTL: &str = "longest_access_ttl_seconds";

impl Authority {
    /// Opens the authority on its ports: checks the master key, opens the signing keys (making them at the first
    /// start), and loads all that was revoked, so that it is complete when this returns.
    pub async fn open(ports: Ports, config: AuthorityConfig) -> Result<Arc<Self>, OpenError> {
        let Ports {
            store,
            clock,
            rng,
            vault,
        } = ports;
        if store.meta(UNFINISHED).await?.is_some() {
            return Err(OpenError::Unfinished);
        }
        let fingerprint = vault.fingerprint();
        if store.meta_or_insert(FINGERPRINT, &fingerprint).await? != fingerprint {
            return Err(OpenError::WrongMasterKey);
        }
        let longest = longest_ttl(&store, config.access_ttl).await?;
        let retention = change_retention(&config, longest);

        let now = clock.now();
        let context = act_context(now, now + retention, &Caller::system(), Actor::System, &*rng);
        let keys = Keys::open(
            store.clone(),
            vault.clone(),
            KeyConfig {
                algorithm: config.algorithm,
                secret: config.secret.clone(),
                previous_secrets: config.previous_secrets.clone(),
                access_ttl: longest.max(config.access_ttl),
            },
            clock.clone(),
            rng.clone(),
            &context,
        )
        .await?;
        let verifier = Verifier::new(
            VerifierConfig {
                issuer: config.issuer.clone(),
                audience: config.audience.clone(),
                leeway: config.leeway,
                cache_capacity: config.token_cache,
            },
            keys.ring(),
        );
        let profiles = Arc::new(Profiles::new(config.profile_cache));
        let key_reload = Arc::new(KeyReload::default());
        let index = Arc::new(Index::new());
        let follower = Follower::new(store.clone(), index.clone(), clock.clone(), config.revocation)
            .with_listener(profiles.clone())
            .with_listener(key_reload.clone());
        follower.load().await?;
        let pool = HashPool::start(config.hashing.clone(), clock.clone(), rng.clone(), &vault)?;

        let metrics = Metrics::new();
        let authority = Arc::new(Self {
            counts: Counts::new(&metrics),
            metrics,
            session_keys: Arc::new(SessionKeys::new(vault.clone())),
            devices: DeviceKeys::new(&vault),
            page_tokens: BoundTokens::derive(&vault, "page tokens"),
            tickets: Tickets::new(vault.clone()),
            unknown: UnknownIdentifiers::new(&vault),
            shared_keys: SharedKeys::new(&vault),
            limiter: Limiter::new(config.limits.capacity, clock.clone(), &*rng),
            rules: config.limits.rules(),
            signer: Signer::new(keys.ring()),
            audit: AuditSink::new(),
            node: node_name(config.node.as_deref(), now, &*rng),
            follower: Arc::new(follower),
            config,
            store,
            clock,
            rng,
            pool,
            keys,
            verifier,
            index,
            profiles,
            key_reload,
            readiness: Readiness::default(),
            retention,
            longest_ttl: longest,
        });
        authority.tell_metrics();
        Ok(authority)
    }
}

/// A name for this run of this node, as the holder of leases.
fn node_name(name: Option<&str>, now: Timestamp, rng: &dyn Rng) -> String {
    let random = u32::from_be_bytes(rng::bytes(rng));
    match name {
        Some(name) => format!("{name}/{random:08x}"),
        None => format!("{}/{random:08x}", now.millis()),
    }
}

/// The longest life of any token that may be out: that of now, or of an earlier configuration.
async fn longest_ttl(store: &Arc<dyn Store>, configured: Duration) -> Result<Duration, StoreError> {
    let seconds = configured.as_secs();
    let stored = store.meta_or_insert(LONGEST_TTL, &seconds.to_string()).await?;
    let stored = stored
        .parse()
        .map_err(|_| StoreError::Corrupt(format!("{LONGEST_TTL} is `{stored}`")))?;
    if seconds > stored {
        store.set_meta(LONGEST_TTL, &seconds.to_string()).await?;
    }
    Ok(Duration::from_secs(stored.max(seconds)))
}

impl Authority {
    /// Lets go of the longer life of an earlier configuration, once all its tokens have expired.
    pub(super) async fn settle_longest_ttl(&self, up_for: Duration) -> Result<(), StoreError> {
        let configured = self.config.access_ttl;
        let longest = self.longest_ttl;
        if longest > configured && up_for > longest {
            self.store
                .set_meta(LONGEST_TTL, &configured.as_secs().to_string())
                .await?;
        }
        Ok(())
    }
}
