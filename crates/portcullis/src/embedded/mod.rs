//! Portcullis in an application's own process: its users, sessions and endpoints, on SQLite or PostgreSQL.
//!
//! ```no_run
//! use std::net::SocketAddr;
//!
//! use portcullis::{Gate, Portcullis, CurrentUser, routing::get};
//!
//! async fn hello(user: CurrentUser) -> String { format!("Hello {}", user.user) }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let auth = Portcullis::builder().sqlite("app.db").build().await?;
//! let app = Gate::new(auth.clone())
//!     .merge(auth.routes())
//!     .route("/hello", get(hello))
//!     .into_router()?
//!     .layer(auth.edge());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
//! axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
//! auth.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Portcullis::routes`] are all endpoints (register, login, refresh, logout, me, sessions, admin, JWKS, health);
//!   [`Portcullis::endpoints`] lets an application choose. They can be nested below a prefix, and answer alike whatever the
//!   application's state is. One access table and one OpenAPI document cover them and the application's own.
//! - [`Portcullis::edge`] is what the server has around it, for an application: request ids, security headers, access log,
//!   CORS, limits of size and time.
//! - Serve the router by `into_make_service_with_connect_info::<SocketAddr>()`: without the addresses of clients, all of
//!   them share one rate limit.

mod builder;
mod data_dir;
mod error;
mod key_file;
mod open;
mod roles;
#[cfg(test)]
mod tests;
mod users;
mod work;

use std::{any::Any, fmt, sync::Arc};

use http::request::Parts;
use portcullis_core::{authority::Authority, metrics::Metrics, user::User};
use portcullis_store::Database;

use self::work::Work;
pub use self::{
    builder::Builder,
    data_dir::{DataDir, DataDirError},
    error::{BuildError, WrongOption},
    key_file::{KeyFile, KeyFileError},
    users::{NewUser, NewUserError},
};
use crate::{
    access::LocalUser,
    api::{Api, Browser, Endpoints, SignInParts},
    cookie::SessionCookies,
    csrf::Csrf,
    gate::Routes,
    layers::{Edge, TrustedProxies},
    maintenance::Maintenance,
    provider::{AuthError, AuthProvider, Local, TokenSources},
};

/// Our users and sessions in this process: see [`crate::embedded`]. Clones share it; the work in the background ends with
/// the last clone, the routes among them, or by [`Portcullis::shutdown`].
///
/// ```
/// use portcullis::{BuildError, Portcullis};
///
/// async fn open() -> Result<Portcullis, BuildError> {
///     Portcullis::builder().sqlite("app.db").build().await
/// }
/// ```
#[derive(Clone)]
pub struct Portcullis {
    inner: Arc<Inner>,
}

struct Inner {
    authority: Arc<Authority>,
    database: Database,
    local: Local,
    api: Api,
    edge: Edge,
    maintenance: Maintenance,
    work: Option<Arc<Work>>,
}

impl Portcullis {
    /// The options, all with safe defaults but for the place of the database:
    /// `Portcullis::builder().sqlite("app.db").build().await?`.
    pub fn builder() -> Builder {
        Builder::new()
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "parts of one thing, each of another kind"
    )]
    fn new(
        authority: Arc<Authority>,
        database: Database,
        edge: Edge,
        proxies: TrustedProxies,
        browser: Option<Browser>,
        sign_in: SignInParts,
        maintenance: Maintenance,
        work: Option<Arc<Work>>,
    ) -> Self {
        let sources = match &browser {
            Some(browser) => TokenSources::default().cookie(browser.cookies().access().name().to_owned()),
            None => TokenSources::default(),
        };
        edge.tell(authority.metrics());
        database.tell(authority.metrics());
        let alive = work.clone().map(|work| work as Arc<dyn Any + Send + Sync>);
        Self {
            inner: Arc::new(Inner {
                local: Local::new(Arc::clone(&authority)).token_sources(sources),
                api: Api::with(Arc::clone(&authority), proxies, browser, sign_in, alive),
                authority,
                database,
                edge,
                maintenance,
                work,
            }),
        }
    }

    /// All endpoints, for an application with any state.
    ///
    /// ```
    /// use portcullis::{Gate, Portcullis};
    ///
    /// fn with_all_endpoints(auth: &Portcullis) -> Gate { Gate::new(auth.clone()).merge(auth.routes()) }
    /// ```
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Routes<S> {
        self.endpoints().all().routes()
    }

    /// Endpoints to choose from: `auth.endpoints().login().refresh().logout().routes()`.
    ///
    /// ```
    /// use portcullis::{Portcullis, Routes};
    ///
    /// fn no_registration(auth: &Portcullis) -> Routes { auth.endpoints().login().refresh().logout().routes() }
    /// ```
    pub fn endpoints(&self) -> Endpoints {
        Endpoints::new(self.inner.api.clone())
    }

    /// What stands around the whole router, in the application as in the server: request ids, addresses of clients,
    /// security headers, access log, CORS, limits of size and time. Give it to `Router::layer`, last.
    ///
    /// Its headers are defaults: a handler that sets its own `Content-Security-Policy` keeps it. A page needs one, for
    /// nothing may be loaded by default.
    ///
    /// ```
    /// use axum::Router;
    /// use portcullis::{Gate, Portcullis, gate::GateError};
    ///
    /// fn app(auth: &Portcullis, gate: Gate) -> Result<Router, GateError> { Ok(gate.into_router()?.layer(auth.edge())) }
    /// ```
    #[must_use]
    pub fn edge(&self) -> Edge {
        self.inner.edge.clone()
    }

    /// The cookies in which pages keep their session, where [`Builder::session_cookies`] was told: for an application
    /// that logs in by a form of its own.
    ///
    /// ```no_run
    /// use axum::response::{IntoResponse, Redirect, Response};
    /// use portcullis::{Portcullis, core::authority::TokenPair, cookie::CookieError};
    ///
    /// fn logged_in(auth: &Portcullis, pair: &TokenPair) -> Result<Response, CookieError> {
    ///     let set = auth.session_cookies().map(|cookies| cookies.set_session(pair)).transpose()?;
    ///     Ok((set, Redirect::to("/")).into_response())
    /// }
    /// # let _ = logged_in;
    /// ```
    #[must_use]
    pub fn session_cookies(&self) -> Option<&SessionCookies> {
        self.inner.api.browser().map(Browser::cookies)
    }

    /// Protects the application's own routes against requests that other pages forge, where pages log in by cookie. Give
    /// it to [`Gate::csrf`](crate::Gate::csrf).
    ///
    /// ```
    /// use portcullis::{Gate, Portcullis};
    ///
    /// fn protected(auth: &Portcullis, gate: Gate) -> Gate {
    ///     match auth.csrf() {
    ///         Some(csrf) => gate.csrf(&csrf),
    ///         None => gate,
    ///     }
    /// }
    /// ```
    pub fn csrf(&self) -> Option<Csrf> {
        self.inner.api.browser().map(|browser| browser.csrf().clone())
    }

    /// All use cases, for what has no endpoint: deleting users, listing sessions, rotating keys.
    ///
    /// ```
    /// use portcullis::{Portcullis, core::clock::Timestamp};
    ///
    /// fn now(auth: &Portcullis) -> Timestamp { auth.authority().clock().now() }
    /// ```
    #[must_use]
    pub fn authority(&self) -> &Arc<Authority> {
        &self.inner.authority
    }

    /// All that is counted here: an application gives [`Metrics::text`] to its Prometheus, on a route of its own that is not
    /// for everyone, or adds numbers of its own.
    ///
    /// ```no_run
    /// use portcullis::{Allow, Portcullis, core::metrics::CONTENT_TYPE, routing::get};
    /// portcullis::roles! { enum Role { Monitor = "monitor" } }
    ///
    /// # fn example(auth: Portcullis, gate: portcullis::Gate) -> portcullis::Gate {
    /// let metrics = auth.metrics().clone();
    /// let scrape = async move |_: Allow<Monitor>| ([("content-type", CONTENT_TYPE)], metrics.text());
    /// # let gate =
    /// gate.route("/metrics", get(scrape))
    /// # ; gate
    /// # }
    /// ```
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        self.inner.authority.metrics()
    }

    /// What is done at set times by one node of all, and how it went.
    ///
    /// ```
    /// use portcullis::{Portcullis, core::authority::TryLater};
    ///
    /// async fn is_overdue(auth: &Portcullis) -> Result<bool, TryLater> { Ok(auth.maintenance().status().await?.overdue) }
    /// ```
    #[must_use]
    pub fn maintenance(&self) -> &Maintenance {
        &self.inner.maintenance
    }

    /// Adds a user.
    ///
    /// ```no_run
    /// # use portcullis::{Portcullis, embedded::{NewUser, NewUserError}};
    /// portcullis::roles! { pub enum Role { Admin = "admin" } }
    ///
    /// # async fn example(auth: Portcullis) -> Result<(), NewUserError> {
    /// let user = auth.create_user(NewUser::new("eva@example.com", "correct horse battery").role(Role::Admin)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the email is taken or a value cannot be.
    pub async fn create_user(&self, user: NewUser) -> Result<User, NewUserError> {
        users::create(&self.inner.authority, user).await
    }

    /// Adds a user unless the email is taken; whoever has it stays as they are. For the first administrator at a start.
    ///
    /// ```
    /// use portcullis::{Portcullis, embedded::{NewUser, NewUserError}};
    ///
    /// async fn first_administrator(auth: &Portcullis) -> Result<(), NewUserError> {
    ///     let root = NewUser::new("root@example.com", "correct horse battery").role_named("admin");
    ///     auth.ensure_user(root).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// When a value cannot be.
    pub async fn ensure_user(&self, user: NewUser) -> Result<User, NewUserError> {
        users::ensure(&self.inner.authority, user).await
    }

    /// From now on `/readyz` answers 503 (`stopping`), so that balancers send requests elsewhere; all that comes meanwhile is
    /// answered. For an application that is told to stop, a few seconds before its listener closes.
    ///
    /// ```no_run
    /// # use std::{io, net::SocketAddr, time::Duration};
    /// # use axum::Router;
    /// # use portcullis::Portcullis;
    /// # use tokio::net::TcpListener;
    /// async fn serve(auth: Portcullis, app: Router, listener: TcpListener) -> io::Result<()> {
    ///     let service = app.into_make_service_with_connect_info::<SocketAddr>();
    ///     let told = auth.clone();
    ///     let stop = async move {
    ///         let _ = tokio::signal::ctrl_c().await;
    ///         told.drain();
    ///         tokio::time::sleep(Duration::from_secs(3)).await;
    ///     };
    ///     axum::serve(listener, service).with_graceful_shutdown(stop).await?;
    ///     auth.shutdown().await;
    ///     Ok(())
    /// }
    /// ```
    pub fn drain(&self) {
        self.inner.authority.drain();
    }

    /// Ends the work in the background, stores what still waits, and closes the database; a pool of the application stays
    /// open. Every later request is answered 503.
    ///
    /// ```
    /// use portcullis::Portcullis;
    ///
    /// async fn end(auth: Portcullis) {
    ///     auth.shutdown().await;
    /// }
    /// ```
    pub async fn shutdown(&self) {
        if let Some(work) = &self.inner.work {
            work.end().await;
        } else {
            self.inner.authority.flush().await;
            self.inner.database.close().await;
        }
    }

    /// Resolves when the work in the background ended by itself, which only a defect makes it do. It is begun anew; a
    /// process that can be started anew had better end.
    ///
    /// ```
    /// use portcullis::Portcullis;
    ///
    /// async fn serve(auth: Portcullis, app: axum::Router, listener: tokio::net::TcpListener) -> std::io::Result<()> {
    ///     let until = auth.clone();
    ///     axum::serve(listener, app).with_graceful_shutdown(async move { until.broke().await }).await?;
    ///     auth.shutdown().await;
    ///     Ok(())
    /// }
    /// ```
    pub async fn broke(&self) {
        match &self.inner.work {
            Some(work) => work.broke().await,
            None => std::future::pending().await,
        }
    }
}

impl AuthProvider for Portcullis {
    type User = LocalUser;

    async fn authenticate(&self, parts: &Parts) -> Result<LocalUser, AuthError> {
        self.inner.local.authenticate(parts).await
    }

    fn authenticate_now(&self, parts: &Parts) -> Option<Result<LocalUser, AuthError>> {
        self.inner.local.authenticate_now(parts)
    }

    fn token_sources(&self) -> TokenSources {
        AuthProvider::token_sources(&self.inner.local)
    }
}

impl fmt::Debug for Portcullis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portcullis").finish_non_exhaustive()
    }
}
