//! The same routes in this process, on a clock that can be moved or with parts that no configuration offers.

use std::{net::SocketAddr, sync::Arc};

use portcullis::{api, layers::EdgeConfig};
use portcullis_core::{
    authority::{Authority, AuthorityConfig, Ports, RateLimits},
    clock::Clock,
    key::{MasterKey, Vault},
    rng::SystemRng,
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
        limits: RateLimits {
            enabled: false,
            ..RateLimits::default()
        },
        ..AuthorityConfig::new(ISSUER)
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
