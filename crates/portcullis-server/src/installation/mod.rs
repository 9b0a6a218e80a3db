//! An installation: the data folder, the master key, the database, and the authority on top of them.

mod dev;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use portcullis::{
    BuildError, Portcullis,
    cookie::{CookieScheme, SessionCookies},
    embedded::{Builder, DataDir, NewUserError},
    layers::Traces,
    sign_in::{SignIn, SignInBuilder},
};
use portcullis_core::{
    authority::{Authority, AuthorityConfig, Pair, RateLimits},
    password::pool::{Busy, HashError},
    store::{Store, StoreError, UserFilter},
};
use portcullis_store::DatabaseOptions;
use secrecy::SecretString;

pub(crate) use self::dev::{DEV_EMAIL, DEV_PASSWORD};
use crate::{
    config::{CookieSettings, Limit, Settings, SharedLimitsProblem},
    data_dir::{self, FolderError},
};

/// An opened installation.
pub(crate) struct Installation {
    /// Users, sessions, endpoints.
    pub(crate) portcullis: Portcullis,
    /// Who decides.
    pub(crate) authority: Arc<Authority>,
}

/// Why an installation does not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallationError {
    #[error(transparent)]
    Folder(#[from] FolderError),
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
    #[error("{}", portcullis_core::authority::OpenError::Unfinished)]
    Unfinished,
    #[error(
        "{DEV_EMAIL} still has the password of --dev, which everyone knows, and the server would listen on {0}: change \
         it with `portcullis user set-password {DEV_EMAIL}`, or delete that user"
    )]
    DevPassword(SocketAddr),
    #[error(transparent)]
    SharedLimits(#[from] SharedLimitsProblem),
    #[error(transparent)]
    Build(BuildError),
    #[error(transparent)]
    Database(#[from] portcullis_store::OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the first administrator cannot be added: {0}")]
    Seed(#[from] NewUserError),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Hash(#[from] HashError),
}

impl From<BuildError> for InstallationError {
    /// In the words of an operator.
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::MissingMasterKey(_) => Self::NoMasterKey,
            BuildError::LostMasterKey(path) => Self::LostMasterKey(path),
            BuildError::NotMigrated(pending) => Self::NotMigrated(pending),
            BuildError::NoFolder(path) => Self::Folder(FolderError::Missing(path)),
            other => Self::Build(other),
        }
    }
}

impl Installation {
    /// For a server: makes what is missing.
    pub(crate) async fn create(settings: &Settings, address: SocketAddr) -> Result<Self, InstallationError> {
        // One file has one server. A database that many share is changed when an operator says so.
        let migrates = migrates(settings, &database_options(settings, None));
        let mut builder = builder(settings, address).migrate(migrates);
        if let Some(shared) = settings
            .limits
            .shared
            .as_ref()
            .filter(|_| settings.limits.enabled)
        {
            builder = builder.shared_limits(&shared.open()?);
        }
        let opened = Self::open(builder).await;
        opened.map_err(|error| match error {
            InstallationError::NotMigrated(pending) => InstallationError::PendingMigrations(pending),
            other => other,
        })
    }

    /// For a command: everything must be there.
    pub(crate) async fn existing(settings: &Settings) -> Result<Self, InstallationError> {
        if settings.needs_folder() {
            data_dir::existing(&settings.data_dir)?;
        }
        Self::open(builder(settings, settings.listen).existing()).await
    }

    async fn open(builder: Builder) -> Result<Self, InstallationError> {
        let portcullis = builder.build().await?;
        let authority = Arc::clone(portcullis.authority());
        Ok(Self {
            portcullis,
            authority,
        })
    }

    /// Whether someone can administer, or at least holds a role that can.
    pub(crate) async fn has_administrator(&self) -> Result<bool, StoreError> {
        has_administrator(&**self.authority.store()).await
    }

    /// Stores what still waits and closes the database.
    pub(crate) async fn close(self) {
        self.portcullis.shutdown().await;
    }
}

/// Whether someone in this store can administer, or at least holds a role that can.
pub(crate) async fn has_administrator(store: &dyn Store) -> Result<bool, StoreError> {
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

/// What the library is told of a server that listens at `address`.
fn builder(settings: &Settings, address: SocketAddr) -> Builder {
    let mut builder = Portcullis::builder();
    if settings.needs_folder() {
        builder = builder.data_dir(&settings.data_dir);
    }
    if let Some(url) = &settings.database.url {
        builder = builder.database_url(url.clone());
    }
    if let Some(key) = &settings.master_key {
        builder = builder.master_key(key.clone());
    }
    let config = authority_config(settings, address);
    let hsts = settings.tls.is_some() || config.issuer.starts_with("https://");
    if let Some(cookies) = session_cookies(&settings.cookies, &config.issuer) {
        builder = builder.session_cookies(cookies);
    }
    if !settings.providers.is_empty() {
        let sign_in = SignIn::builder(&config.issuer);
        let sign_in = settings
            .providers
            .iter()
            .cloned()
            .fold(sign_in, SignInBuilder::provider);
        builder = builder
            .sign_in(sign_in)
            .sign_in_redirects(&settings.sign_in_redirects);
    }
    builder = match &settings.maintenance {
        Some(times) => builder.maintenance(times.text()),
        None => builder.no_maintenance(),
    };
    builder
        .max_connections(settings.database.max_connections)
        .database_timeout(settings.database.timeout)
        .database_queue(settings.database.queue)
        .database_notify(settings.database.notify)
        .configure(|own| *own = config)
        .trusted_proxies(settings.http.trusted_proxies.iter().map(ToString::to_string))
        .cors_origins(&settings.cors_origins)
        .hsts(hsts)
        .max_body(settings.http.max_body)
        .max_requests(usize::try_from(settings.http.max_connections).unwrap_or(usize::MAX))
        .request_timeout(settings.http.request_timeout)
        .traces(
            settings
                .telemetry
                .as_ref()
                .map_or(Traces::Off, |telemetry| Traces::Percent(telemetry.percent)),
        )
}

/// Whether a start applies the migrations that are missing.
pub(crate) fn migrates(settings: &Settings, options: &DatabaseOptions) -> bool {
    settings.database.migrate || options.file().is_some()
}

/// The database of `settings`; a SQLite file in the folder unless another is configured.
pub(crate) fn database_options(settings: &Settings, folder: Option<&DataDir>) -> DatabaseOptions {
    let own = folder.map_or_else(|| settings.data_dir.join("portcullis.db"), DataDir::database);
    let mut options = DatabaseOptions::new(format!("sqlite:{}", own.display()));
    if let Some(url) = &settings.database.url {
        options.url = url.clone();
    }
    options.max_connections = settings.database.max_connections;
    options.timeout = settings.database.timeout;
    options.queue = settings.database.queue;
    options.notify = settings.database.notify;
    options
}

/// The cookies in which pages keep their session. None where they would travel in the open.
fn session_cookies(settings: &CookieSettings, issuer: &str) -> Option<SessionCookies> {
    let scheme = CookieScheme::of(issuer).ok()?;
    let cookies = SessionCookies::new(&settings.name, scheme).ok()?;
    cookies.same_site(settings.same_site).ok()
}

/// What the core is told.
fn authority_config(settings: &Settings, address: SocketAddr) -> AuthorityConfig {
    let pair = |limit: Limit| Pair {
        address: limit.per_address,
        account: limit.per_account,
    };
    let limits = &settings.limits;
    AuthorityConfig {
        audience: settings.audience(address),
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
            // Set with the builder, which connects.
            shared: None,
        },
        max_failures: limits.max_failures,
        registration: settings.registration_enabled,
        audit_retention: settings.audit_retention,
        rotate_keys_after: settings.rotate_keys_after,
        node: rustix::system::uname()
            .nodename()
            .to_str()
            .ok()
            .map(str::to_owned),
        ..AuthorityConfig::new(settings.issuer(address))
    }
}
