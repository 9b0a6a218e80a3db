//! An installation: the data folder, the master key, the database, and the authority on top of them.

mod dev;

use std::{net::SocketAddr, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use portcullis_core::{
    authority::{AdminUserError, Authority, AuthorityConfig, OpenError, Pair, Ports, RateLimits},
    clock::SystemClock,
    key::{KeyState, MasterKey, Vault},
    password::pool::{Busy, HashError},
    revocation::FollowerConfig,
    rng::SystemRng,
    store::{Store as _, StoreError, UserFilter},
    token::Algorithm,
};
use portcullis_store::{Database, DatabaseOptions};
use secrecy::SecretString;

pub(crate) use self::dev::{DEV_EMAIL, DEV_PASSWORD};
use crate::{
    config::{Limit, Settings},
    data_dir::{DATABASE, DataDir, DataDirError},
};

/// An opened installation.
pub(crate) struct Installation {
    /// Who decides.
    pub(crate) authority: Arc<Authority>,
    database: Database,
}

/// Why an installation does not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallationError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(
        "there is no master key in the data folder: restore `master.key`, set PORTCULLIS_MASTER_KEY, or start \
         `portcullis serve` there first"
    )]
    NoMasterKey,
    #[error(
        "the master key is gone: the database was made with one, and {} is not there. Restore it from a backup, or set \
         PORTCULLIS_MASTER_KEY; without it nothing in the database can be used", .0.display()
    )]
    LostMasterKey(PathBuf),
    #[error(
        "the database is empty or of an older version ({} pending): bring it up to date with `portcullis migrate`",
        .0.join(", ")
    )]
    NotMigrated(Vec<&'static str>),
    #[error(
        "the database is empty or of an older version ({} pending): bring it up to date with `portcullis migrate`, or \
         start with `portcullis serve --migrate`; servers of the version before run on meanwhile", .0.join(", ")
    )]
    PendingMigrations(Vec<&'static str>),
    #[error(
        "{DEV_EMAIL} still has the password of --dev, which everyone knows, and the server would listen on {0}: change \
         it with `portcullis user set-password {DEV_EMAIL}`, or delete that user"
    )]
    DevPassword(SocketAddr),
    #[error(transparent)]
    Database(#[from] portcullis_store::OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Authority(#[from] OpenError),
    #[error("the first administrator cannot be added: {0}")]
    Seed(#[from] AdminUserError),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Hash(#[from] HashError),
}

impl Installation {
    /// For a server: makes what is missing. Without a folder, master key and database are configured.
    pub(crate) async fn create(
        settings: &Settings,
        folder: Option<&DataDir>,
        address: SocketAddr,
    ) -> Result<Self, InstallationError> {
        let mut options = database_options(settings, folder);
        // One file has one server. A database that many share is changed when an operator says so.
        options.migrate = migrates(settings, &options);
        let database = Database::open(&options).await?;
        if !options.migrate {
            let pending = database.pending_migrations().await?;
            if !pending.is_empty() {
                return Err(InstallationError::PendingMigrations(pending));
            }
        }
        let own = match (own_key(settings, folder)?, folder) {
            // Never a new key beside a database that knows another: what it sealed would be lost without a word.
            (None, Some(folder)) if settings.master_key.is_none() => {
                if database.meta(FINGERPRINT).await?.is_some() {
                    return Err(InstallationError::LostMasterKey(folder.master_key_path()));
                }
                Some(folder.create_master_key(&SystemRng)?)
            }
            (own, _) => own,
        };
        let config = authority_config(settings, address);
        Self::open(settings, database, own.as_ref(), config).await
    }

    /// For a command: everything must be there.
    pub(crate) async fn existing(settings: &Settings) -> Result<Self, InstallationError> {
        let folder = if settings.needs_folder() {
            Some(DataDir::existing(&settings.data_dir)?)
        } else {
            None
        };
        let own = own_key(settings, folder.as_ref())?;
        let mut options = database_options(settings, folder.as_ref());
        options.migrate = false;
        let database = Database::open(&options).await?;
        let pending = database.pending_migrations().await?;
        if !pending.is_empty() {
            return Err(InstallationError::NotMigrated(pending));
        }
        let mut config = authority_config(settings, settings.listen);
        if config.secret.is_none()
            && let Some(active) = active_algorithm(&database).await?
        {
            config.algorithm = Some(active);
        }
        Self::open(settings, database, own.as_ref(), config).await
    }

    async fn open(
        settings: &Settings,
        database: Database,
        own: Option<&MasterKey>,
        config: AuthorityConfig,
    ) -> Result<Self, InstallationError> {
        let key = settings
            .master_key
            .as_ref()
            .or(own)
            .ok_or(InstallationError::NoMasterKey)?;
        let ports = Ports {
            store: Arc::new(database.clone()),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
            vault: Arc::new(Vault::new(key)),
        };
        let authority = Authority::open(ports, config).await?;
        Ok(Self { authority, database })
    }

    /// Whether someone can administer, or at least holds a role that can.
    pub(crate) async fn has_administrator(&self) -> Result<bool, StoreError> {
        let store = self.authority.store();
        for role in store.roles().await?.holders("admin") {
            let holders = UserFilter {
                role: Some(role),
                limit: 1,
                ..UserFilter::default()
            };
            if !store.users(&holders).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Stores what still waits and closes the database.
    pub(crate) async fn close(self) {
        self.authority.flush().await;
        self.database.close().await;
    }
}

/// Where a database keeps the fingerprint of its master key.
pub(crate) const FINGERPRINT: &str = "master_key";

/// The master key of the folder, unless another is configured.
fn own_key(settings: &Settings, folder: Option<&DataDir>) -> Result<Option<MasterKey>, DataDirError> {
    match folder {
        Some(folder) if settings.master_key.is_none() => folder.master_key(),
        _ => Ok(None),
    }
}

/// Whether a start applies the migrations that are missing.
pub(crate) fn migrates(settings: &Settings, options: &DatabaseOptions) -> bool {
    settings.database.migrate || options.file().is_some()
}

/// The database of `settings`; a SQLite file in the folder unless another is configured.
pub(crate) fn database_options(settings: &Settings, folder: Option<&DataDir>) -> DatabaseOptions {
    let own = folder.map_or_else(|| settings.data_dir.join(DATABASE), DataDir::database);
    let mut options = DatabaseOptions::new(format!("sqlite:{}", own.display()));
    if let Some(url) = &settings.database.url {
        options.url = url.clone();
    }
    options.max_connections = settings.database.max_connections;
    options
}

/// The algorithm that signs. Which one it is to be, the server's configuration says: a command that was run without it
/// must not put other keys in the place of those of a running server.
async fn active_algorithm(database: &Database) -> Result<Option<Algorithm>, StoreError> {
    let keys = database.keys().await?.keys;
    let active = keys.iter().find(|key| key.state == KeyState::Active.as_str());
    Ok(active.and_then(|key| key.algorithm.parse().ok()))
}

/// A value that stands in this file and is well-formed.
#[expect(
    clippy::expect_used,
    reason = "only for the constants of this file, all of which a start with --dev reads"
)]
fn constant<T: FromStr<Err: std::fmt::Debug>>(text: &'static str) -> T {
    text.parse().expect("well-formed")
}

/// What the core is told.
fn authority_config(settings: &Settings, address: SocketAddr) -> AuthorityConfig {
    let pair = |limit: Limit| Pair {
        address: limit.per_address,
        account: limit.per_account,
    };
    let limits = &settings.limits;
    AuthorityConfig {
        issuer: settings.issuer(address),
        audience: settings.audience(address),
        client_id: CLIENT_ID.to_owned(),
        access_ttl: settings.token.access_ttl,
        leeway: settings.token.leeway,
        algorithm: settings.token.asked_algorithm,
        secret: settings.token.secret.clone(),
        previous_secrets: settings
            .token
            .previous_secrets
            .iter()
            .map(SecretString::clone)
            .collect(),
        sessions: settings.session,
        password: settings.password.clone(),
        hashing: settings.hashing.clone(),
        limits: RateLimits {
            enabled: limits.enabled,
            capacity: usize::try_from(limits.capacity).unwrap_or(usize::MAX),
            login: pair(limits.login),
            refresh: pair(limits.refresh),
            register: pair(limits.register),
            password: pair(limits.password),
        },
        max_failures: limits.max_failures,
        registration: settings.registration_enabled,
        default_roles: vec![constant("user")],
        token_cache: TOKEN_CACHE,
        profile_cache: PROFILE_CACHE,
        revocation: FollowerConfig::default(),
        request_deadline: settings.http.request_timeout.max(Duration::from_secs(1)),
        audit_retention: settings.audit_retention,
    }
}

/// `client_id` of the tokens of people who log in at the server itself (RFC 9068, section 2.2).
const CLIENT_ID: &str = "portcullis";
/// About 1 KiB each.
const TOKEN_CACHE: usize = 10_000;
/// About 0.5 KiB each.
const PROFILE_CACHE: usize = 10_000;
