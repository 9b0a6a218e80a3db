//! The gate: takes routes whose handlers state their access, and enforces, prints and documents what they state.
//!
//! ## Adding an endpoint
//! 1. Write the handler. Its first argument says who may call ([`crate::access`] has the table); then what it needs
//!    of the state; last what the request carries ([`crate::input`]). Errors are [`crate::problem::Problem`].
//! 2. Describe it by `#[utoipa::path(..)]`: method, path, body, and the answers that are its own. Leave `security` and
//!    400, 401, 403 and 503 of the guard out: the gate adds them from the access table.
//! 3. Add it to the routes: `.routes(portcullis::routes!(handler))`.
//!
//! ```
//! use std::sync::Arc;
//!
//! use axum::extract::State;
//! use portcullis::{access::{CurrentUser, Public}, gate::{Gate, Routes}, input::Json};
//!
//! /// Says hello.
//! #[utoipa::path(get, path = "/hello", responses((status = 200, body = String)))]
//! async fn hello(_: Public, State(greeting): State<&'static str>) -> Json<&'static str> { Json(greeting) }
//!
//! /// Who is calling.
//! #[utoipa::path(get, path = "/whoami", responses((status = 200, body = String)))]
//! async fn whoami(user: CurrentUser) -> Json<String> { Json(user.user.to_string()) }
//!
//! fn routes() -> Routes<&'static str> {
//!     Routes::new().routes(portcullis::routes!(hello, whoami))
//! }
//! assert_eq!(routes().access_table().to_string(), "\
//! GET  /hello   public
//! GET  /whoami  authenticated
//! ");
//! ```

mod error;
mod guard;
mod path;
mod route;
mod routes;
mod table;

use std::{borrow::Cow, convert::Infallible, fmt, panic::Location, sync::Arc};

use axum::{Router, body::Bytes, extract::Request, handler::Handler, response::IntoResponse};
use http::header;
use tower::Service;
use utoipa::openapi::OpenApi;

#[cfg(feature = "test-util")]
pub(crate) use self::guard::Watch;
use self::route::Keeper;
pub use self::{
    error::{GateError, Place},
    route::Route,
    routes::Routes,
    table::{AccessRow, AccessTable},
};
pub(crate) use self::{
    guard::{MatchedRoute, Run},
    route::any as any_method,
};
use crate::{
    access::{Caller, EnforcedWith, LocalUser, Public, ServedBy, StatesAccess},
    csrf::Csrf,
    docs_page,
    openapi::{Documentation, Ways},
    problem::{DEFAULT_REALM, Problem},
    provider::{AnyProvider, Identifies, TokenSources, WithState},
    routing::{IntoMethodRoute, get},
};

/// Routes, and the provider that tells who calls them. `S` is axum's state, `U` the provider's user type.
///
/// ```
/// use axum::Router;
/// use portcullis::{CurrentUser, Gate, Public, gate::GateError, provider::Local, routing::get};
///
/// fn app(provider: Local) -> Result<Router, GateError> {
///     Gate::new(provider)
///         .route("/", get(async |_: Public| "hello"))
///         .route("/me", get(async |user: CurrentUser| user.user.to_string()))
///         .into_router()
/// }
/// ```
pub struct Gate<S = (), U = LocalUser> {
    routes: Routes<S, U>,
    provider: Arc<dyn AnyProvider<S, U>>,
    fallback: Option<Route<S, U>>,
    realm: Cow<'static, str>,
    documentation: Option<Documentation>,
    csrf_by_layer: bool,
    sources: Option<TokenSources>,
}

/// All that a gate can be told, at once:
///
/// ```
/// use std::convert::Infallible;
///
/// use axum::{Router, extract::{Request, State}, response::{IntoResponse, Response}};
/// use portcullis::{
///     Allow, CurrentUser, Gate, Problem, Public, Routes, gate::GateError, openapi::Documentation,
///     provider::{Local, TokenSources}, routing::get,
/// };
///
/// portcullis::roles! { pub enum Role { Admin = "admin" } }
///
/// /// Says hello.
/// #[utoipa::path(get, path = "/hello", responses((status = 200, body = String)))]
/// async fn hello(_: Public, State(greeting): State<String>) -> String { greeting }
///
/// fn app(provider: Local, articles: Routes<String>, statistics: Routes<String>) -> Result<Router, GateError> {
///     let files = tower::service_fn(async |_: Request| Ok::<_, Infallible>("a file".into_response()));
///     let gate = Gate::new(provider)
///         .realm("articles")
///         .token_sources(TokenSources::default())
///         .routes(portcullis::routes!(hello))
///         .merge(articles)
///         .nest("/statistics", statistics)
///         .service::<CurrentUser, _>("/files", files)
///         // All so far, the files among them.
///         .demanding::<Allow<Admin>>()
///         .fallback(async |_: Public| Problem::not_found())
///         .documented(Documentation::new("Articles", "1.0.0"));
///     print!("{}", gate.access_table());
///     assert!(gate.openapi().is_some());
///     gate.with_state("hello".to_owned()).into_router()
/// }
/// ```
impl<S, U> Gate<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: Caller + Clone + Send + Sync + 'static,
{
    /// A gate without routes.
    pub fn new(provider: impl Identifies<S, User = U>) -> Self {
        Self {
            routes: Routes::new(),
            provider: Arc::new(provider),
            fallback: None,
            realm: Cow::Borrowed(DEFAULT_REALM),
            documentation: None,
            csrf_by_layer: false,
            sources: None,
        }
    }

    /// The realm in challenges (RFC 9110, section 11.5); [`DEFAULT_REALM`] unless told.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<Cow<'static, str>>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Says where the provider looks for tokens, in the place of
    /// [`AuthProvider::token_sources`](crate::provider::AuthProvider::token_sources): for a function under
    /// `#[auth_provider]`, which cannot say it itself. The OpenAPI document tells of them, and if one is a cookie, the gate
    /// is not built without [`Gate::csrf`].
    ///
    /// ```
    /// use portcullis::{Gate, provider::TokenSources};
    ///
    /// fn by_key(gate: Gate) -> Gate { gate.token_sources(TokenSources::default().query("key")) }
    /// ```
    #[must_use]
    pub fn token_sources(mut self, sources: TokenSources) -> Self {
        self.sources = Some(sources);
        self
    }

    fn sources(&self) -> TokenSources {
        self.sources
            .clone()
            .unwrap_or_else(|| self.provider.token_sources())
    }

    fn map(mut self, map: impl FnOnce(Routes<S, U>) -> Routes<S, U>) -> Self {
        self.routes = map(self.routes);
        self
    }

    /// See [`Routes::route`].
    #[must_use]
    pub fn route(self, path: &str, route: impl IntoMethodRoute<S, U>) -> Self {
        self.map(|routes| routes.route(path, route))
    }

    /// See [`Routes::routes`].
    #[must_use]
    pub fn routes(self, more: Routes<S, U>) -> Self {
        self.map(|routes| routes.routes(more))
    }

    /// See [`Routes::merge`].
    #[must_use]
    pub fn merge(self, other: Routes<S, U>) -> Self {
        self.map(|routes| routes.merge(other))
    }

    /// See [`Routes::nest`].
    #[must_use]
    pub fn nest(self, prefix: &str, inner: Routes<S, U>) -> Self {
        self.map(|routes| routes.nest(prefix, inner))
    }

    /// See [`Routes::service`].
    #[must_use]
    #[track_caller]
    pub fn service<A, Svc>(self, prefix: &str, service: Svc) -> Self
    where
        A: EnforcedWith<S, User: ServedBy<U>>,
        Svc: Service<Request, Response: IntoResponse, Error = Infallible, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        let routes = Routes::new().service::<A, Svc>(prefix, service);
        self.merge(routes)
    }

    /// See [`Routes::csrf`]: of all routes so far, and of the fallback. A gate whose provider reads a cookie
    /// ([`AuthProvider::token_sources`](crate::provider::AuthProvider::token_sources)) is not built without it.
    ///
    /// ```
    /// use portcullis::{CurrentUser, Gate, csrf::Csrf, provider::Local, routing::post};
    ///
    /// fn notes(provider: Local, csrf: &Csrf) -> Gate {
    ///     Gate::new(provider).route("/notes", post(async |_: CurrentUser| "kept")).csrf(csrf)
    /// }
    /// ```
    #[must_use]
    pub fn csrf(mut self, csrf: &Csrf) -> Self {
        if let Some(fallback) = &mut self.fallback {
            fallback.refuse_forged(|run| csrf.around(run));
        }
        self.map(|routes| routes.csrf(csrf))
    }

    /// Says that forged requests are refused by something around the router: [`Csrf`] as a layer, or another one's. A gate
    /// cannot see what that is, so it takes your word.
    ///
    /// ```
    /// use axum::Router;
    /// use portcullis::{Gate, csrf::Csrf, gate::GateError};
    ///
    /// fn app(gate: Gate, csrf: Csrf) -> Result<Router, GateError> { Ok(gate.csrf_by_layer().into_router()?.layer(csrf)) }
    /// ```
    #[must_use]
    pub fn csrf_by_layer(mut self) -> Self {
        self.csrf_by_layer = true;
        self
    }

    /// See [`Routes::demanding`].
    #[must_use]
    pub fn demanding<A: EnforcedWith<S, User: ServedBy<U>>>(self) -> Self {
        self.map(Routes::demanding::<A>)
    }

    /// What answers at any path and method for which there is no route. It states its access like any other handler;
    /// without it, the answer is a 404.
    #[must_use]
    #[track_caller]
    pub fn fallback<H, T>(mut self, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: StatesAccess<S, U> + 'static,
    {
        let mut route = Route::new(route::any(), handler, Location::caller());
        "(any other path)".clone_into(&mut route.path);
        route.hide();
        self.fallback = Some(route);
        self
    }

    /// Gives the handlers, the policies and the provider their state.
    #[must_use]
    pub fn with_state<S2>(self, state: S) -> Gate<S2, U>
    where
        S2: Clone + Send + Sync + 'static,
    {
        Gate {
            routes: self.routes.with_state(state.clone()),
            fallback: self.fallback.map(|route| route.with_state(state.clone())),
            provider: Arc::new(WithState {
                provider: self.provider,
                state,
            }),
            realm: self.realm,
            documentation: self.documentation,
            csrf_by_layer: self.csrf_by_layer,
            sources: self.sources,
        }
    }

    /// Everybody who calls is `user`, whatever the request carries: for tests of an application.
    ///
    /// ```
    /// use axum::Router;
    /// use portcullis::{Gate, gate::GateError, testing::TestPrincipal};
    ///
    /// portcullis::roles! { pub enum Role { Editor = "editor" } }
    ///
    /// fn as_an_editor(gate: Gate) -> Result<Router, GateError> {
    ///     gate.as_user(TestPrincipal::new().role::<Editor>().build()).into_router()
    /// }
    /// ```
    #[cfg(feature = "test-util")]
    #[must_use]
    pub fn as_user(mut self, user: U) -> Self {
        self.provider = Arc::new(crate::testing::Everybody(Some(user)));
        self
    }

    /// Nobody who calls is logged in, whatever the request carries: for tests of an application.
    ///
    /// ```
    /// use axum::Router;
    /// use portcullis::{Gate, gate::GateError};
    ///
    /// fn as_nobody(gate: Gate) -> Result<Router, GateError> { gate.as_nobody().into_router() }
    /// ```
    #[cfg(feature = "test-util")]
    #[must_use]
    pub fn as_nobody(mut self) -> Self {
        self.provider = Arc::new(crate::testing::Everybody(None));
        self
    }

    /// Serves `/openapi.json`, and `/docs` for people, both public.
    #[must_use]
    pub fn documented(mut self, documentation: Documentation) -> Self {
        self.documentation = Some(documentation);
        self
    }

    /// The OpenAPI document, if the gate was given something to say by [`Gate::documented`].
    pub fn openapi(&self) -> Option<OpenApi> {
        let documentation = self.documentation.as_ref()?;
        let ways = Ways::new(self.sources(), self.provider.openid_configurations());
        Some(documentation.document(self.routes.described(), ways))
    }

    /// Who may call what.
    pub fn access_table(&self) -> AccessTable {
        let own = self
            .documentation
            .as_ref()
            .map(|_| Self::own_routes(Bytes::new()));
        let rows = self
            .routes
            .rows()
            .chain(own.iter().flat_map(Routes::rows))
            .chain(self.fallback.iter().map(Route::row));
        AccessTable::new(rows.collect())
    }

    fn own_routes(document: Bytes) -> Routes<S, U> {
        let serve = async move |_: Public| ([(header::CONTENT_TYPE, "application/json")], document.clone());
        Routes::new()
            .route("/openapi.json", get(serve).undocumented())
            .merge(docs_page::routes())
    }

    /// The router: each route behind its guard, 404 and 405 as problems.
    ///
    /// # Errors
    /// When two routes are in each other's way, a path cannot be served, or forged requests would be.
    pub fn into_router(self) -> Result<Router<S>, GateError> {
        let sources = self.sources();
        if sources.cookie_name().is_some() && !self.csrf_by_layer {
            let fallback = self.fallback.as_ref().and_then(Route::forgeable);
            if let Some(error) = self.routes.forgeable().or(fallback) {
                return Err(error);
            }
        }
        let mut routes = self.routes;
        if let Some(documentation) = &self.documentation {
            let ways = Ways::new(sources, self.provider.openid_configurations());
            let document = serde_json::to_vec(&documentation.document(routes.described(), ways))?;
            routes = routes.merge(Self::own_routes(document.into()));
        }
        let keeper = Keeper {
            provider: self.provider,
            realm: self.realm.as_ref().into(),
            csrf_by_layer: self.csrf_by_layer,
        };
        let guarded = routes.build(&keeper)?;
        if let Some(error) = self.fallback.as_ref().and_then(Route::too_late) {
            return Err(error);
        }
        let guarded = match self.fallback {
            Some(route) => guarded.fallback(route.guarded(&keeper)),
            None => guarded.fallback(async || Problem::not_found().detail("There is nothing at this path.")),
        };
        Ok(guarded.method_not_allowed_fallback(async || {
            Problem::new(http::StatusCode::METHOD_NOT_ALLOWED)
                .detail("This path has no such method: `Allow` names those that it has.")
        }))
    }
}

impl<S, U> fmt::Debug for Gate<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("routes", &self.routes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
