mod database;
mod http;
mod tokens;
mod users;

use std::{path::PathBuf, sync::Arc, time::Duration};

use portcullis_core::{
    authority::AuthorityConfig,
    clock::{Clock, SystemClock},
    key::MasterKey,
    rng::{Rng, SystemRng},
};
use secrecy::SecretString;

pub(super) use self::http::acting_origins;
use super::{KeyFile, WrongOption, roles::DeclaredAll};
use crate::{cookie::SessionCookies, layers::Traces, schedule::Times};

/// The options of a [`Portcullis`](super::Portcullis): see [`Portcullis::builder`](super::Portcullis::builder). They have
/// the names and the defaults of the server's configuration.
///
/// ```
/// use portcullis::Portcullis;
///
/// portcullis::roles! { pub enum Role { Admin = "admin", Reader = "reader" } }
///
/// let builder = Portcullis::builder()
///     .sqlite("app.db")
///     .issuer("https://app.example.com")
///     .roles::<Role>()
///     .default_role(Role::Reader);
/// # drop(builder);
/// ```
#[must_use = "end it with `build().await`"]
#[expect(
    clippy::struct_excessive_bools,
    reason = "options that have nothing to do with each other"
)]
pub struct Builder {
    pub(super) place: Option<Place>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) key: Option<Key>,
    pub(super) max_connections: u32,
    pub(super) database_timeout: Duration,
    pub(super) database_queue: u32,
    pub(super) database_notify: bool,
    pub(super) migrate: bool,
    pub(super) config: AuthorityConfig,
    /// `aud`, where it is not the issuer.
    pub(super) audience: Option<String>,
    pub(super) http: Http,
    /// What nodes count together, to be connected to.
    #[cfg(feature = "redis")]
    pub(super) shared_limits: Option<crate::rate_limit::SharedLimits>,
    pub(super) roles: DeclaredAll,
    /// When maintenance is due.
    pub(super) maintenance: Option<Times>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rng: Arc<dyn Rng>,
    pub(super) existing: bool,
    /// Whether the log is to say that there are no limits.
    pub(super) warns_of_limits: bool,
    /// What was wrong with options whose form was looked at already.
    pub(super) wrong: Vec<WrongOption>,
}

/// Where the database is.
pub(super) enum Place {
    Url(SecretString),
    #[cfg(feature = "sqlite")]
    File(PathBuf),
    #[cfg(feature = "sqlite")]
    SqlitePool(portcullis_store::SqlitePool),
    #[cfg(feature = "postgres")]
    PostgresPool(portcullis_store::PgPool),
}

/// Where the master key comes from.
pub(super) enum Key {
    Given(MasterKey),
    File(KeyFile),
}

/// What the edge is told.
pub(super) struct Http {
    pub(super) trusted_proxies: Vec<String>,
    pub(super) cors_origins: Vec<String>,
    pub(super) session_cookies: Option<SessionCookies>,
    pub(super) hsts: Option<bool>,
    pub(super) max_body: usize,
    pub(super) max_requests: usize,
    pub(super) traces: Traces,
    #[cfg(feature = "issuer")]
    pub(super) sign_in: Option<crate::sign_in::SignInBuilder>,
    #[cfg(feature = "issuer")]
    pub(super) sign_in_redirects: Vec<String>,
}

/// `iss` and `aud` of an application that nobody else asks for tokens.
const ISSUER: &str = "portcullis";

/// When maintenance is due unless told.
const MAINTENANCE: &str = "0 17 3 * * *";

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            place: None,
            data_dir: None,
            key: None,
            max_connections: 10,
            database_timeout: Duration::from_secs(5),
            database_queue: 500,
            database_notify: true,
            migrate: true,
            config: AuthorityConfig::new(ISSUER),
            audience: None,
            http: Http {
                trusted_proxies: Vec::new(),
                cors_origins: Vec::new(),
                session_cookies: None,
                hsts: None,
                max_body: 64 * 1024,
                max_requests: 10_000,
                traces: Traces::Off,
                #[cfg(feature = "issuer")]
                sign_in: None,
                #[cfg(feature = "issuer")]
                sign_in_redirects: Vec::new(),
            },
            #[cfg(feature = "redis")]
            shared_limits: None,
            roles: DeclaredAll::default(),
            maintenance: MAINTENANCE.parse().ok(),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
            existing: false,
            warns_of_limits: false,
            wrong: Vec::new(),
        }
    }

    /// Changes what has no method of its own: costs and threads of password hashing, the size of caches, the lease on
    /// revocations.
    ///
    /// ```
    /// # use portcullis::Portcullis;
    /// let builder = Portcullis::builder().sqlite("app.db").configure(|config| config.hashing.threads = 1);
    /// # drop(builder);
    /// ```
    pub fn configure(mut self, change: impl FnOnce(&mut AuthorityConfig)) -> Self {
        let audience = self.config.audience.clone();
        change(&mut self.config);
        if self.config.audience != audience {
            self.audience = Some(self.config.audience.clone());
        }
        self
    }

    /// Opens what is there and makes nothing: no folder, no key, no tables, no roles; and does no work in the background.
    /// For commands beside an application that runs.
    ///
    /// ```
    /// use portcullis::{BuildError, Portcullis};
    ///
    /// async fn beside_the_application() -> Result<Portcullis, BuildError> {
    ///     Portcullis::builder().sqlite("app.db").existing().build().await
    /// }
    /// ```
    pub fn existing(mut self) -> Self {
        self.existing = true;
        self
    }

    /// Another clock: for tests.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use portcullis::{Portcullis, core::clock::MovableClock};
    ///
    /// let clock = Arc::new(MovableClock::default());
    /// let builder = Portcullis::builder().clock(clock.clone());
    /// # drop(builder);
    /// ```
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Another source of randomness: for tests.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use portcullis::{Portcullis, core::rng::SystemRng};
    ///
    /// let builder = Portcullis::builder().rng(Arc::new(SystemRng));
    /// # drop(builder);
    /// ```
    pub fn rng(mut self, rng: Arc<dyn Rng>) -> Self {
        self.rng = rng;
        self
    }
}
