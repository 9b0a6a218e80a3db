//! The same routes in this process, on a clock that can be moved or with parts that no configuration offers.

use std::{net::SocketAddr, num::NonZero, sync::Arc, time::Duration};

use portcullis::{api, layers::EdgeConfig};
use portcullis_core::{
    access::RoleName,
    authority::{Authority, AuthorityConfig, Ports, RateLimits},
    clock::Clock,
    key::{MasterKey, Vault},
    password::{PasswordPolicy, pool::HashPoolConfig},
    revocation::FollowerConfig,
    rng::SystemRng,
    session::SessionRules,
};
use portcullis_store::DatabaseOptions;
use tokio::sync::oneshot;

use super::{Database, Engine, ISSUER};
use crate::client::Client;

/// The application under test, in this process.
pub struct Local {
    /// What answers.
    pub authority: Arc<Authority>,
    url: String,
    _database: Database,
    _stop: oneshot::Sender<()>,
}

/// The default configuration, but for rate limits, which are off.
#[must_use]
pub fn configuration() -> AuthorityConfig {
    AuthorityConfig {
        issuer: ISSUER.to_owned(),
        audience: ISSUER.to_owned(),
        client_id: "portcullis".to_owned(),
        access_ttl: Duration::from_secs(900),
        leeway: Duration::ZERO,
        algorithm: None,
        secret: None,
        previous_secrets: Vec::new(),
        sessions: SessionRules::default(),
        password: PasswordPolicy::default(),
        hashing: HashPoolConfig {
            threads: std::thread::available_parallelism().map_or(1, NonZero::get),
            ..HashPoolConfig::default()
        },
        limits: RateLimits {
            enabled: false,
            ..RateLimits::default()
        },
        max_failures: 100,
        registration: true,
        default_roles: vec!["user".parse::<RoleName>().expect("a name")],
        token_cache: 1000,
        profile_cache: 1000,
        revocation: FollowerConfig::default(),
        request_deadline: Duration::from_secs(30),
        audit_retention: None,
    }
}

impl Local {
    /// Starts it.
    pub async fn start(engine: Engine, clock: Arc<dyn Clock>, configuration: AuthorityConfig) -> Self {
        let database = Database::create(engine).await;
        let url = if let Some(url) = database.url() {
            url.to_owned()
        } else {
            std::fs::create_dir(database.data_dir()).expect("a folder");
            format!("sqlite://{}", database.data_dir().join("portcullis.db").display())
        };
        let store = portcullis_store::Database::open(&DatabaseOptions::new(url))
            .await
            .expect("a store");
        let ports = Ports {
            store: Arc::new(store),
            clock,
            rng: Arc::new(SystemRng),
            vault: Arc::new(Vault::new(&MasterKey::generate(&SystemRng))),
        };
        let authority = Authority::open(ports, configuration).await.expect("an authority");
        let app = api::router(authority.clone(), EdgeConfig::default()).expect("routes");

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel::<()>();
        let upkeep = authority.clone();
        tokio::spawn(async move {
            let serve = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>());
            tokio::select! {
                served = serve => served.expect("it serves"),
                () = upkeep.run(async { let _ = stopped.await; }) => {}
            }
        });
        Self {
            authority,
            url,
            _database: database,
            _stop: stop,
        }
    }

    /// Nobody in particular.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.url)
    }
}
