//! An installation: the data folder, the master key, the database, and the authority on top of them.

use std::{net::SocketAddr, str::FromStr, sync::Arc, time::Duration};

use portcullis_core::{
    authority::{
        AdminNewUser, AdminUserError, Authority, AuthorityConfig, Caller, OpenError, Pair, Ports, RateLimits,
    },
    clock::SystemClock,
    key::{MasterKey, Vault},
    password::Password,
    revocation::FollowerConfig,
    rng::SystemRng,
    store::{UserActError, UserFilter},
    user::UserStatus,
};
use portcullis_store::{Database, DatabaseOptions};
use secrecy::SecretString;

use crate::{
    config::{Limit, Settings},
    data_dir::{DataDir, DataDirError},
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
    #[error(transparent)]
    Database(#[from] portcullis_store::OpenError),
    #[error(transparent)]
    Authority(#[from] OpenError),
    #[error("the first administrator cannot be added: {0}")]
    Seed(#[from] AdminUserError),
}

impl Installation {
    /// For a server: makes what is missing.
    pub(crate) async fn create(
        settings: &Settings,
        folder: &DataDir,
        address: SocketAddr,
    ) -> Result<Self, InstallationError> {
        let key = match folder.master_key()? {
            _ if settings.master_key.is_some() => None,
            Some(key) => Some(key),
            None => Some(folder.create_master_key(&SystemRng)?),
        };
        Self::open(settings, folder, key.as_ref(), address).await
    }

    /// For a command: everything must be there.
    pub(crate) async fn existing(settings: &Settings) -> Result<Self, InstallationError> {
        let folder = DataDir::existing(&settings.data_dir)?;
        let key = if settings.master_key.is_some() {
            None
        } else {
            folder.master_key()?
        };
        Self::open(settings, &folder, key.as_ref(), settings.listen).await
    }

    async fn open(
        settings: &Settings,
        folder: &DataDir,
        key: Option<&MasterKey>,
        address: SocketAddr,
    ) -> Result<Self, InstallationError> {
        let key = settings
            .master_key
            .as_ref()
            .or(key)
            .ok_or(InstallationError::NoMasterKey)?;
        let vault = Arc::new(Vault::new(key));
        let database = Database::open(&database_options(settings, folder)).await?;
        let ports = Ports {
            store: Arc::new(database.clone()),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
            vault,
        };
        let authority = Authority::open(ports, authority_config(settings, address)).await?;
        Ok(Self { authority, database })
    }

    /// Whether there is no user yet.
    pub(crate) async fn is_new(&self) -> bool {
        let any = UserFilter {
            limit: 1,
            ..UserFilter::default()
        };
        self.authority
            .users(&any)
            .await
            .is_ok_and(|users| users.is_empty())
    }

    /// Stores what still waits and closes the database.
    pub(crate) async fn close(self) {
        self.authority.flush().await;
        self.database.close().await;
    }

    /// Adds the administrator of `--dev`, where there is none.
    pub(crate) async fn seed(&self) -> Result<(), InstallationError> {
        let new = AdminNewUser {
            email: constant(DEV_EMAIL),
            name: constant("Administrator"),
            password: Some(Password::new(DEV_PASSWORD)),
            roles: Some(vec![constant("admin")]),
            status: UserStatus::Active,
        };
        match self.authority.add_user(&Caller::system(), new).await {
            Ok(_) | Err(AdminUserError::Act(UserActError::EmailTaken)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The administrator of `--dev`.
pub(crate) const DEV_EMAIL: &str = "admin@example.com";
/// The password of the administrator of `--dev`.
pub(crate) const DEV_PASSWORD: &str = "admin-password";

/// The database of `settings`; a SQLite file in the folder unless another is configured.
pub(crate) fn database_options(settings: &Settings, folder: &DataDir) -> DatabaseOptions {
    let mut options = DatabaseOptions::new(format!("sqlite:{}", folder.database().display()));
    if let Some(url) = &settings.database.url {
        options.url = url.clone();
    }
    options.max_connections = settings.database.max_connections;
    options
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
        algorithm: Some(settings.token.algorithm),
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
