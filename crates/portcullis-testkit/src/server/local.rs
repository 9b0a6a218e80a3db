//! An application in this process that embeds Portcullis, on a clock that can be moved or with parts that no
//! configuration offers.

use std::{net::SocketAddr, sync::Arc};

use portcullis::{Gate, Portcullis, api, embedded::Builder};
use portcullis_core::{
    authority::{Authority, AuthorityConfig, RateLimits},
    clock::Clock,
};
use tokio::task::JoinHandle;

use super::{Database, Engine, ISSUER};
use crate::client::Client;

/// The application under test, in this process.
pub struct Local {
    /// What answers.
    pub authority: Arc<Authority>,
    url: String,
    serving: JoinHandle<()>,
    _database: Database,
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
        Self::start_with(engine, clock, configuration, |builder| builder).await
    }

    /// Starts it with what else the builder takes.
    pub async fn start_with(
        engine: Engine,
        clock: Arc<dyn Clock>,
        configuration: AuthorityConfig,
        further: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let database = Database::create(engine).await;
        let mut builder = Portcullis::builder()
            .data_dir(database.data_dir())
            .clock(clock)
            .configure(|own| *own = configuration);
        if let Some(url) = database.url() {
            builder = builder.database_url(url);
        }
        let auth = further(builder).build().await.expect("it is built");
        let authority = Arc::clone(auth.authority());
        let router = Gate::new(auth.clone())
            .merge(auth.routes())
            .documented(api::documentation())
            .into_router()
            .expect("routes")
            .layer(auth.edge());

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let serving = tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, service).await.expect("it serves");
        });
        Self {
            authority,
            url,
            serving,
            _database: database,
        }
    }

    /// Nobody in particular.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.url)
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // With the router goes the last of the application that keeps the background work alive.
        self.serving.abort();
    }
}
