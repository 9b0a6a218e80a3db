use std::{collections::BTreeMap, convert::Infallible, fmt, panic::Location, sync::Arc};

use axum::{Router, extract::Request, handler::Handler, response::IntoResponse, routing::MethodRouter};
use http::Method;
use tower::{Service, ServiceExt as _};
use utoipa::{
    __dev::{SchemaReferences, Tags},
    Path,
    openapi::HttpMethod,
};

use super::{
    AccessRow, AccessTable, GateError, Place, Route,
    guard::Run,
    path::{shape, unservable},
    route::{Description, Documented, Keeper},
};
use crate::{
    access::{Caller, EnforcedWith, LocalUser, ServedBy, StatesAccess},
    csrf::Csrf,
    openapi::Described,
    rate_limit::IntoLimit,
    routing::IntoMethodRoute,
};

/// Routes without a provider: parts of an application, which a [`super::Gate`] or other routes take in.
///
/// ```
/// use portcullis::{Allow, Public, Routes, routing::get};
///
/// portcullis::roles! { pub enum Role { Admin = "admin" } }
///
/// /// What a part of an application gives to the gate of the whole.
/// fn statistics() -> Routes {
///     Routes::new()
///         .route("/visits", get(async |_: Public| "42"))
///         .route("/users", get(async |_: Allow<Admin>| "7"))
/// }
///
/// let routes: Routes = Routes::new().nest("/statistics", statistics());
/// assert_eq!(routes.access_table().to_string(), "\
/// GET  /statistics/users   role admin
/// GET  /statistics/visits  public
/// ");
/// let whole = routes.merge(Routes::new().routes(Routes::new().route("/", get(async |_: Public| "hello"))));
/// assert_eq!(whole.access_table().rows().len(), 3);
/// ```
#[must_use = "give them to a `Gate`"]
pub struct Routes<S = (), U = LocalUser> {
    routes: Vec<Route<S, U>>,
}

impl<S, U> fmt::Debug for Routes<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.routes).finish()
    }
}

impl<S, U> Default for Routes<S, U> {
    fn default() -> Self {
        Self { routes: Vec::new() }
    }
}

impl<S, U> Routes<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: Caller + Clone + Send + Sync + 'static,
{
    /// No routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The handlers of one path, `/articles/{id}`.
    pub fn route(mut self, path: &str, route: impl IntoMethodRoute<S, U>) -> Self {
        for mut route in route.into_method_route().routes {
            path.clone_into(&mut route.path);
            self.routes.push(route);
        }
        self
    }

    /// The routes that [`crate::routes!`] makes of handlers with `#[utoipa::path]`.
    pub fn routes(self, more: Self) -> Self {
        self.merge(more)
    }

    /// All routes of `other` too.
    pub fn merge(mut self, other: Self) -> Self {
        self.routes.extend(other.routes);
        self
    }

    /// All routes of `inner` too, below `prefix`.
    pub fn nest(mut self, prefix: &str, inner: Self) -> Self {
        let prefix = prefix.trim_end_matches('/');
        for mut route in inner.routes {
            route.path = match route.path.as_str() {
                "" | "/" if !prefix.is_empty() => prefix.to_owned(),
                path => format!("{prefix}{path}"),
            };
            self.routes.push(route);
        }
        self
    }

    /// Demands `A` of all callers of the routes so far, in addition to what each handler demands.
    ///
    /// ```
    /// use portcullis::{access::{Allow, Public}, gate::Routes, routing::get};
    /// portcullis::scopes! { pub Admin = "admin": "Administer"; }
    ///
    /// let routes: Routes = Routes::new().route("/stats", get(async |_: Public| "42")).demanding::<Allow<Admin>>();
    /// assert_eq!(routes.access_table().to_string(), "GET  /stats  scope admin\n");
    /// ```
    pub fn demanding<A: EnforcedWith<S, User: ServedBy<U>>>(mut self) -> Self {
        for route in &mut self.routes {
            route.demand::<A>();
        }
        self
    }

    /// Limits how often the routes so far may be called, all together: see [`crate::rate_limit`].
    ///
    /// ```
    /// use portcullis::{access::Public, gate::Routes, rate};
    ///
    /// /// Finds things.
    /// #[utoipa::path(get, path = "/search", responses((status = 200)))]
    /// async fn search(_: Public) {}
    ///
    /// let routes: Routes = Routes::new().routes(portcullis::routes!(search)).rate_limit(rate!("5/second"));
    /// ```
    pub fn rate_limit(mut self, limit: impl IntoLimit) -> Self {
        let limit = limit.into_limit();
        for route in &mut self.routes {
            route.limit(limit.clone());
        }
        self
    }

    /// A whole service below `prefix`, for any method: files, or a router that is not ours. `A` states its access, for it
    /// cannot do so itself: `Public`, `CurrentUser`, `Allow<..>`.
    ///
    /// Give each tree of files to one service. The gate compares paths as they were sent, but a service may read one thing
    /// in many spellings: with all files at `/files` for everybody and its folder `private` once more at `/files/private`
    /// for administrators, `/files/%70rivate/plan.txt` and `/files//private/plan.txt` are paths of the former.
    ///
    /// ```
    /// use portcullis::{access::CurrentUser, gate::Routes};
    ///
    /// let files = axum::Router::new().route("/readme.txt", axum::routing::get(async || "read me"));
    /// let routes: Routes = Routes::new().service::<CurrentUser, _>("/files", files);
    /// assert_eq!(routes.access_table().to_string(), "\
    /// *  /files          authenticated
    /// *  /files/         authenticated
    /// *  /files/{*rest}  authenticated
    /// ");
    /// ```
    #[track_caller]
    pub fn service<A, Svc>(mut self, prefix: &str, service: Svc) -> Self
    where
        A: EnforcedWith<S, User: ServedBy<U>>,
        Svc: Service<Request, Response: IntoResponse, Error = Infallible, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        let place = Place {
            handler: std::any::type_name::<Svc>(),
            location: Location::caller(),
        };
        let prefix = prefix.trim_end_matches('/');
        let run: Arc<Run<S>> = Arc::new(move |request, _| {
            let service = service.clone();
            Box::pin(async move {
                match service.oneshot(request).await {
                    Ok(response) => response.into_response(),
                    Err(never) => match never {},
                }
            })
        });
        let itself = (!prefix.is_empty()).then(|| prefix.to_owned());
        for path in itself
            .into_iter()
            .chain([format!("{prefix}/"), format!("{prefix}/{{*rest}}")])
        {
            let mut route = Route::mounting::<A>(place, Arc::clone(&run));
            route.path = path;
            self.routes.push(route);
        }
        self
    }

    /// Refuses requests to the routes so far that pages of somebody else forge: see [`crate::csrf`]. Behind each guard, so
    /// that who is nobody learns that first. Routes that do so already, as those of a Portcullis, stay as they are.
    ///
    /// ```
    /// use portcullis::{Public, Routes, cookie::{Cookie, CookieScheme}, csrf::Csrf, routing::post};
    /// use portcullis::core::{key::BoundTokens, rng::SystemRng};
    ///
    /// let session = Cookie::new("session", CookieScheme::Https)?;
    /// let csrf = Csrf::new(BoundTokens::generate(&SystemRng), session);
    /// let routes: Routes = Routes::new().route("/notes", post(async |_: Public| "kept")).csrf(&csrf);
    /// # Ok::<(), portcullis::cookie::CookieError>(())
    /// ```
    pub fn csrf(self, csrf: &Csrf) -> Self {
        self.refusing_forged(|run| csrf.around(run))
    }

    /// Puts something around each handler that refuses forged requests.
    pub(crate) fn refusing_forged(mut self, wrap: impl Fn(Arc<Run<S>>) -> Arc<Run<S>>) -> Self {
        for route in &mut self.routes {
            route.refuse_forged(&wrap);
        }
        self
    }

    /// Puts something around each handler, behind its guard.
    pub(crate) fn around(mut self, wrap: impl Fn(Arc<Run<S>>) -> Arc<Run<S>>) -> Self {
        for route in &mut self.routes {
            route.around(&wrap);
        }
        self
    }

    /// Gives the handlers their state.
    ///
    /// ```
    /// use axum::extract::State;
    /// use portcullis::{Public, Routes, routing::get};
    ///
    /// let routes: Routes<&'static str> = Routes::new().route("/", get(async |_: Public, State(greeting): State<&'static str>| greeting));
    /// let routes: Routes = routes.with_state("hello");
    /// # drop(routes);
    /// ```
    pub fn with_state<S2>(self, state: S) -> Routes<S2, U>
    where
        S2: Clone + Send + Sync + 'static,
    {
        let routes = self
            .routes
            .into_iter()
            .map(|route| route.with_state(state.clone()))
            .collect();
        Routes { routes }
    }

    /// Who may call what.
    pub fn access_table(&self) -> AccessTable {
        AccessTable::new(self.rows().collect())
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = AccessRow> {
        self.routes.iter().map(Route::row)
    }

    /// What [`crate::routes!`] expands to.
    #[doc(hidden)]
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "as axum takes handlers")]
    pub fn describe<P, H, T>(mut self, handler: H) -> Self
    where
        P: Path + SchemaReferences + for<'t> Tags<'t>,
        H: Handler<T, S>,
        T: StatesAccess<S, U> + 'static,
    {
        let location = Location::caller();
        let mut operation = P::operation();
        let tags = P::tags();
        if !tags.is_empty() {
            let known = operation.tags.get_or_insert_default();
            known.extend(tags.into_iter().map(ToOwned::to_owned));
        }
        let mut schemas = Vec::new();
        P::schemas(&mut schemas);
        for method in P::methods() {
            let mut route = Route::new(to_method(&method), handler.clone(), location);
            route.path = P::path();
            route.documented = Documented::By(Box::new(Description {
                operation: operation.clone(),
                schemas: schemas.clone(),
            }));
            self.routes.push(route);
        }
        self
    }

    /// What the OpenAPI document is made of.
    pub(super) fn described(&self) -> impl Iterator<Item = Described<'_>> {
        self.routes.iter().filter_map(Route::described)
    }

    /// The first one that pages of others could call, if a cookie tells who calls.
    pub(super) fn forgeable(&self) -> Option<GateError> {
        self.routes.iter().find_map(Route::forgeable)
    }

    pub(super) fn build(self, gate: &Keeper<S, U>) -> Result<Router<S>, GateError> {
        self.check()?;
        let mut paths: BTreeMap<String, MethodRouter<S>> = BTreeMap::new();
        for route in self.routes {
            let path = route.path.clone();
            let built = route.build(gate)?;
            let router = paths.remove(&path).unwrap_or_default();
            paths.insert(path, router.merge(built));
        }
        Ok(paths.into_iter().fold(Router::new(), |router, (path, methods)| {
            router.route(&path, methods)
        }))
    }

    /// Finds what axum would panic about, and names both sides.
    fn check(&self) -> Result<(), GateError> {
        let mut methods: BTreeMap<(&str, &str), Place> = BTreeMap::new();
        let mut shapes: BTreeMap<String, (&str, Place)> = BTreeMap::new();
        for route in &self.routes {
            let path = route.path.as_str();
            if let Some(reason) = unservable(path) {
                return Err(GateError::Path {
                    path: path.to_owned(),
                    place: route.place,
                    reason,
                });
            }
            if let Some(error) = route.too_late() {
                return Err(error);
            }
            if let Some(first) = methods.insert((path, route.method.as_str()), route.place) {
                return Err(GateError::Twice {
                    method: route.method.clone(),
                    path: path.to_owned(),
                    first,
                    second: route.place,
                });
            }
            let (first_path, first) = *shapes.entry(shape(path)).or_insert((path, route.place));
            if first_path != path {
                return Err(GateError::Ambiguous {
                    first_path: first_path.to_owned(),
                    first,
                    second_path: path.to_owned(),
                    second: route.place,
                });
            }
        }
        Ok(())
    }
}

fn to_method(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}
