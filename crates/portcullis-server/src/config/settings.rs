//! The configuration, typed: what the rest of the server works with.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use portcullis::{cookie::SameSite, schedule::Times, sign_in::Provider};
use portcullis_core::{
    key::MasterKey,
    limit::Quota,
    password::{Blocklist, PasswordPolicy, pool::HashPoolConfig},
    session::SessionRules,
    token::Algorithm,
};
use secrecy::SecretString;

use super::{SharedLimitSettings, resolve::Resolver, rules};

/// The whole configuration. Secrets are secret types: nothing here has `Debug`.
pub(crate) struct Settings {
    /// `--dev`: a seeded administrator, a lenient blocklist, loopback only.
    pub(crate) dev: bool,
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Folder of master key and database.
    pub(crate) data_dir: PathBuf,
    /// The master key, where it is not a file in the data folder.
    pub(crate) master_key: Option<MasterKey>,
    /// Database.
    pub(crate) database: DatabaseSettings,
    /// Access and refresh tokens.
    pub(crate) token: TokenSettings,
    /// Limits of sessions.
    pub(crate) session: SessionRules,
    /// Whether people may make accounts for themselves.
    pub(crate) registration_enabled: bool,
    /// What a new password must be.
    pub(crate) password: PasswordPolicy,
    /// How passwords are hashed.
    pub(crate) hashing: HashPoolConfig,
    /// Rate limits.
    pub(crate) limits: LimitSettings,
    /// Origins that may call with credentials.
    pub(crate) cors_origins: Vec<String>,
    /// Logins by cookie.
    pub(crate) cookies: CookieSettings,
    /// Providers by which people sign in.
    pub(crate) providers: Vec<Provider>,
    /// Where codes of sign-ins may be sent.
    pub(crate) sign_in_redirects: Vec<String>,
    /// HTTP.
    pub(crate) http: HttpSettings,
    /// TLS, where it is on.
    pub(crate) tls: Option<TlsSettings>,
    /// Metrics, where someone may read them.
    pub(crate) metrics: Option<MetricsSettings>,
    /// Traces, where someone takes them.
    pub(crate) telemetry: Option<TelemetrySettings>,
    /// Log.
    pub(crate) log: LogSettings,
    /// How long audit events are kept; none is forever.
    pub(crate) audit_retention: Option<Duration>,
    /// How old the key that signs may become; none is for ever.
    pub(crate) rotate_keys_after: Option<Duration>,
    /// When maintenance is due; none is never.
    pub(crate) maintenance: Option<Times>,
}

/// Cookies of logins that ask for them.
pub(crate) struct CookieSettings {
    /// Beginning of their names.
    pub(crate) name: String,
    /// When they are sent.
    pub(crate) same_site: SameSite,
}

/// The database.
pub(crate) struct DatabaseSettings {
    /// Where; none is `portcullis.db` in the data folder.
    pub(crate) url: Option<SecretString>,
    /// Connections at most.
    pub(crate) max_connections: u32,
    /// How long to wait for a connection, and for one statement.
    pub(crate) timeout: Duration,
    /// How many may wait for a connection.
    pub(crate) queue: u32,
    /// Whether nodes tell each other of revocations.
    pub(crate) notify: bool,
    /// Whether a server applies pending migrations to PostgreSQL.
    pub(crate) migrate: bool,
}

/// Tokens.
pub(crate) struct TokenSettings {
    /// `iss`; none is the URL on which the server listens.
    pub(crate) issuer: Option<String>,
    /// `aud`; none is the issuer.
    pub(crate) audience: Option<String>,
    /// How long an access token is valid.
    pub(crate) access_ttl: Duration,
    /// By how much clocks may differ.
    pub(crate) leeway: Duration,
    /// How access tokens are signed, as far as the configuration tells.
    pub(crate) algorithm: Algorithm,
    /// The algorithm that is asked for; without one the keys in the database decide.
    pub(crate) asked_algorithm: Option<Algorithm>,
    /// The shared secret, for the HS algorithms.
    pub(crate) secret: Option<SecretString>,
    /// Secrets under which tokens are still taken.
    pub(crate) previous_secrets: Vec<SecretString>,
}

/// The limits of one kind of request.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    /// From one address.
    pub(crate) per_address: Quota,
    /// On one account.
    pub(crate) per_account: Quota,
}

/// Rate limits.
pub(crate) struct LimitSettings {
    /// Whether there are any.
    pub(crate) enabled: bool,
    /// Entries that are remembered at most.
    pub(crate) capacity: u32,
    /// Through what nodes share them.
    pub(crate) shared: Option<SharedLimitSettings>,
    /// Consecutive failed logins after which an account takes only devices that it knows.
    pub(crate) max_failures: u32,
    /// Logins.
    pub(crate) login: Limit,
    /// Refreshes.
    pub(crate) refresh: Limit,
    /// Registrations.
    pub(crate) register: Limit,
    /// Changes of passwords.
    pub(crate) password: Limit,
}

/// HTTP.
pub(crate) struct HttpSettings {
    /// Proxies whose forwarding headers are believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Whether plain HTTP is taken from other machines.
    pub(crate) insecure: bool,
    /// Largest body in bytes.
    pub(crate) max_body: usize,
    /// A request is answered within so long.
    pub(crate) request_timeout: Duration,
    /// Headers come within so long.
    pub(crate) header_timeout: Duration,
    /// How long a stopping server goes on taking requests.
    pub(crate) drain_delay: Duration,
    /// How long it then waits for those that it has begun.
    pub(crate) drain_timeout: Duration,
    /// Connections at a time, and requests at a time.
    pub(crate) max_connections: u32,
    /// Connections that may stay open between requests.
    pub(crate) kept_connections: u32,
}

/// TLS.
#[derive(Clone)]
pub(crate) struct TlsSettings {
    /// Certificate chain, PEM.
    pub(crate) cert: PathBuf,
    /// Private key, PEM.
    pub(crate) key: PathBuf,
}

/// Metrics.
pub(crate) struct MetricsSettings {
    /// Where they are read.
    pub(crate) listen: SocketAddr,
    /// What whoever reads them must send.
    pub(crate) token: Option<SecretString>,
}

/// Traces.
pub(crate) struct TelemetrySettings {
    /// Receiver of OTLP over HTTP.
    pub(crate) endpoint: String,
    /// Headers that it wants.
    pub(crate) headers: Vec<(String, SecretString)>,
    /// `service.name`.
    pub(crate) service_name: String,
    /// Of how many traces in a hundred the spans are sent.
    pub(crate) percent: u8,
}

impl TelemetrySettings {
    /// Where spans are posted: the endpoint for traces (OTLP 1.x, section "OTLP/HTTP request").
    pub(crate) fn traces_url(&self) -> String {
        let base = self.endpoint.trim_end_matches('/');
        if base.ends_with("/v1/traces") {
            base.to_owned()
        } else {
            format!("{base}/v1/traces")
        }
    }
}

/// Log.
pub(crate) struct LogSettings {
    /// `auto`, `human` or `json`.
    pub(crate) format: &'static str,
    /// Filter of the log.
    pub(crate) level: String,
}

impl Settings {
    /// Reads everything; what is wrong is noted with `from`, and the default stands in for it.
    pub(crate) fn resolve(from: &mut Resolver, dev: bool) -> Self {
        let token = token(from);
        let session = SessionRules {
            grace: from.duration("token.refresh_grace"),
            idle: from.duration("token.refresh_ttl"),
            absolute: from.duration("session.absolute_ttl"),
        };
        let mut cors_origins = rules::origins(from);
        if dev {
            let page = "http://localhost:3000".to_owned();
            if !cors_origins.contains(&page) {
                cors_origins.push(page);
            }
        }
        Self {
            dev,
            listen: from.listen("listen"),
            data_dir: from.path("data_dir"),
            master_key: rules::master_key(from),
            database: DatabaseSettings {
                url: rules::database_url(from),
                max_connections: from.integer("database.max_connections"),
                timeout: from.duration("database.timeout"),
                queue: from.integer("database.queue"),
                notify: from.flag("database.notify"),
                migrate: from.flag("database.migrate"),
            },
            token,
            session,
            registration_enabled: from.flag("registration.enabled"),
            password: password(from, dev),
            hashing: rules::hashing(from),
            limits: LimitSettings {
                enabled: from.flag("limits.enabled"),
                capacity: from.integer("limits.capacity"),
                shared: rules::shared_limits(from),
                max_failures: from.integer("limits.max_failures"),
                login: limit(from, "limits.login_per_address", "limits.login_per_account"),
                refresh: limit(from, "limits.refresh_per_address", "limits.refresh_per_account"),
                register: limit(from, "limits.register_per_address", "limits.register_per_account"),
                password: limit(from, "limits.password_per_address", "limits.password_per_account"),
            },
            cors_origins,
            cookies: rules::cookies(from),
            providers: Vec::new(),
            sign_in_redirects: rules::sign_in_redirects(from),
            http: http(from),
            tls: rules::tls(from),
            metrics: rules::metrics(from),
            telemetry: rules::telemetry(from),
            log: LogSettings {
                format: from.word("log.format").unwrap_or("auto"),
                level: rules::log_level(from),
            },
            audit_retention: from.retention("audit.retention"),
            rotate_keys_after: rules::rotate_keys_after(from),
            maintenance: rules::maintenance(from),
        }
    }

    /// Whether anything is kept in the data folder: not where master key and database are configured.
    pub(crate) fn needs_folder(&self) -> bool {
        self.master_key.is_none() || self.database.url.is_none()
    }

    /// Whether people on other machines can come, directly or through a proxy.
    pub(crate) fn is_public(&self, address: SocketAddr) -> bool {
        !address.ip().is_loopback()
            || !self.http.trusted_proxies.is_empty()
            || !rules::is_loopback(&self.issuer(address))
    }

    /// The URL of a listener at `address`, as a person on this machine would open it.
    pub(crate) fn url_of(&self, address: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        if address.ip().is_unspecified() {
            format!("{scheme}://localhost:{}", address.port())
        } else {
            format!("{scheme}://{address}")
        }
    }

    /// The issuer of a server that listens at `address`.
    pub(crate) fn issuer(&self, address: SocketAddr) -> String {
        self.token.issuer.clone().unwrap_or_else(|| self.url_of(address))
    }

    /// The audience of a server that listens at `address`.
    pub(crate) fn audience(&self, address: SocketAddr) -> String {
        self.token
            .audience
            .clone()
            .unwrap_or_else(|| self.issuer(address))
    }
}

fn token(from: &mut Resolver) -> TokenSettings {
    let (asked_algorithm, secret, previous_secrets) = rules::signing(from);
    TokenSettings {
        issuer: rules::issuer(from),
        audience: from.optional_text("token.audience"),
        access_ttl: from.duration("token.access_ttl"),
        leeway: from.duration("token.leeway"),
        algorithm: Algorithm::in_force(asked_algorithm, secret.is_some()),
        asked_algorithm,
        secret,
        previous_secrets,
    }
}

fn password(from: &mut Resolver, dev: bool) -> PasswordPolicy {
    PasswordPolicy {
        min_length: usize::try_from(from.integer("password.min_length")).unwrap_or(usize::MAX),
        blocklist: if dev { Blocklist::Warn } else { Blocklist::Enforce },
        service_name: from.text("service.name"),
        ..PasswordPolicy::default()
    }
}

fn limit(from: &mut Resolver, per_address: &'static str, per_account: &'static str) -> Limit {
    Limit {
        per_address: from.quota(per_address),
        per_account: from.quota(per_account),
    }
}

fn http(from: &mut Resolver) -> HttpSettings {
    HttpSettings {
        trusted_proxies: rules::proxies(from),
        insecure: from.flag("http.insecure"),
        max_body: from.size("http.max_body"),
        request_timeout: from.duration("http.request_timeout"),
        header_timeout: from.duration("http.header_timeout"),
        drain_delay: from.duration("http.drain_delay"),
        drain_timeout: from.duration("http.drain_timeout"),
        max_connections: from.integer("http.max_connections"),
        kept_connections: from.integer("http.kept_connections"),
    }
}
