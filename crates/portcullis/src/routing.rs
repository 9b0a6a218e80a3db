//! Routes whose handlers say who may call them: spelled like axum's, but the handler's type is kept, so that the
//! compiler sees its first argument.
//!
//! ```
//! use portcullis::{access::{CurrentUser, Public}, gate::Routes, routing::get};
//!
//! async fn health(_: Public) -> &'static str { "ok" }
//! async fn me(user: CurrentUser) -> String { user.user.to_string() }
//!
//! let routes: Routes = Routes::new().route("/healthz", get(health)).route("/me", get(me));
//! assert_eq!(routes.access_table().rows().len(), 2);
//! ```

use std::{fmt, panic::Location};

use axum::handler::Handler;
use http::Method;

use crate::{
    access::{Caller, StatesAccess},
    gate::{Route, any_method},
    rate_limit::IntoLimit,
};

/// The handlers of one path, by method.
///
/// ```
/// use portcullis::{CurrentUser, Public, Routes, rate, routing::{get, post}};
///
/// let articles = get(async |_: Public| "all of them").post(async |_: CurrentUser| "one more");
/// let routes: Routes = Routes::new().route("/articles", articles);
/// assert_eq!(routes.access_table().to_string(), "\
/// GET   /articles  public
/// POST  /articles  authenticated
/// ");
///
/// let page = get(async |_: Public| "a form")
///     .on(http::Method::PUT, async |_: CurrentUser| "kept")
///     .merge(post(async |_: CurrentUser| "sent").rate_limit(rate!("5/minute")))
///     .any(async |_: Public| "how did you get here?")
///     .undocumented();
/// let routes: Routes = Routes::new().route("/page", page);
/// assert_eq!(routes.access_table().rows().len(), 4);
/// ```
#[must_use = "give it to `Gate::route` or `Routes::route`"]
pub struct MethodRoute<S, U> {
    pub(crate) routes: Vec<Route<S, U>>,
}

impl<S, U> fmt::Debug for MethodRoute<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.routes).finish()
    }
}

impl<S, U> MethodRoute<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: Caller + Clone + Send + Sync + 'static,
{
    /// A handler for any method but CONNECT.
    #[track_caller]
    pub fn on<H, T>(mut self, method: Method, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: StatesAccess<S, U> + 'static,
    {
        self.routes.push(Route::new(method, handler, Location::caller()));
        self
    }

    /// A handler for all methods that have none.
    #[track_caller]
    pub fn any<H, T>(self, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: StatesAccess<S, U> + 'static,
    {
        self.on(any_method(), handler)
    }

    /// The handlers of `other` too: other methods of the same path.
    pub fn merge(mut self, other: Self) -> Self {
        self.routes.extend(other.routes);
        self
    }

    /// Limits how often these routes may be called, all together: see [`crate::rate_limit`]. May be said several times;
    /// then all must allow.
    pub fn rate_limit(mut self, limit: impl IntoLimit) -> Self {
        let limit = limit.into_limit();
        for route in &mut self.routes {
            route.limit(limit.clone());
        }
        self
    }

    /// Leaves these routes out of the OpenAPI document: for pages and files. They stay in the access table.
    pub fn undocumented(mut self) -> Self {
        for route in &mut self.routes {
            route.hide();
        }
        self
    }
}

/// What [`crate::gate::Gate::route`] takes: only what this module makes.
///
/// ```
/// use portcullis::{Public, access::LocalUser, routing::{IntoMethodRoute, MethodRoute, get}};
///
/// fn hidden(route: impl IntoMethodRoute<(), LocalUser>) -> MethodRoute<(), LocalUser> {
///     route.into_method_route().undocumented()
/// }
/// let route = hidden(get(async |_: Public| "hello"));
/// # drop(route);
/// ```
#[diagnostic::on_unimplemented(
    message = "this is no route of this gate",
    label = "not a `MethodRoute<{S}, {U}>`",
    note = "use `portcullis::routing::{{get, post, ..}}` in the place of axum's: they keep the handler's type, whose first argument says who may call",
    note = "its handlers must want the state `{S}`, and the user type `{U}` of the gate's provider"
)]
pub trait IntoMethodRoute<S, U> {
    /// The route.
    fn into_method_route(self) -> MethodRoute<S, U>;
}

impl<S, U> IntoMethodRoute<S, U> for MethodRoute<S, U> {
    fn into_method_route(self) -> Self {
        self
    }
}

/// A handler for all methods.
///
/// ```
/// use portcullis::{Public, Routes, routing::any};
///
/// let routes: Routes = Routes::new().route("/echo", any(async |_: Public, body: String| body));
/// assert_eq!(routes.access_table().to_string(), "*  /echo  public\n");
/// ```
#[track_caller]
pub fn any<H, T, S, U>(handler: H) -> MethodRoute<S, U>
where
    H: Handler<T, S>,
    T: StatesAccess<S, U> + 'static,
    S: Clone + Send + Sync + 'static,
    U: Caller + Clone + Send + Sync + 'static,
{
    MethodRoute { routes: Vec::new() }.on(any_method(), handler)
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $method:ident;)*) => {
        $(
            $(#[$doc])*
            #[track_caller]
            pub fn $name<H, T, S, U>(handler: H) -> MethodRoute<S, U>
            where
                H: Handler<T, S>,
                T: StatesAccess<S, U> + 'static,
                S: Clone + Send + Sync + 'static,
                U: Caller + Clone + Send + Sync + 'static,
            {
                MethodRoute { routes: Vec::new() }.on(Method::$method, handler)
            }
        )*

        impl<S, U> MethodRoute<S, U>
        where
            S: Clone + Send + Sync + 'static,
            U: Caller + Clone + Send + Sync + 'static,
        {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $name<H, T>(self, handler: H) -> Self
                where
                    H: Handler<T, S>,
                    T: StatesAccess<S, U> + 'static,
                {
                    self.on(Method::$method, handler)
                }
            )*
        }
    };
}

methods! {
    /// A handler for GET, and for HEAD unless that has its own.
    ///
    /// ```
    /// use portcullis::{Public, Routes, routing::get};
    ///
    /// let routes: Routes = Routes::new().route("/", get(async |_: Public| "hello"));
    /// assert_eq!(routes.access_table().to_string(), "GET  /  public\n");
    /// ```
    get = GET;
    /// A handler for HEAD.
    ///
    /// ```
    /// use portcullis::{Public, Routes, routing::head};
    ///
    /// let routes: Routes = Routes::new().route("/", head(async |_: Public| "hello"));
    /// assert_eq!(routes.access_table().to_string(), "HEAD  /  public\n");
    /// ```
    head = HEAD;
    /// A handler for POST.
    ///
    /// ```
    /// use portcullis::{Public, Routes, routing::post};
    ///
    /// let routes: Routes = Routes::new().route("/", post(async |_: Public| "hello"));
    /// assert_eq!(routes.access_table().to_string(), "POST  /  public\n");
    /// ```
    post = POST;
    /// A handler for PUT.
    ///
    /// ```
    /// use portcullis::{Public, Routes, routing::put};
    ///
    /// let routes: Routes = Routes::new().route("/", put(async |_: Public| "hello"));
    /// assert_eq!(routes.access_table().to_string(), "PUT  /  public\n");
    /// ```
    put = PUT;
    /// A handler for PATCH.
    ///
    /// ```
    /// use portcullis::{Public, Routes, routing::patch};
    ///
    /// let routes: Routes = Routes::new().route("/", patch(async |_: Public| "hello"));
    /// assert_eq!(routes.access_table().to_string(), "PATCH  /  public\n");
    /// ```
    patch = PATCH;
    /// A handler for DELETE.
    ///
    /// ```
    /// use portcullis::{Public, Routes, routing::delete};
    ///
    /// let routes: Routes = Routes::new().route("/", delete(async |_: Public| "hello"));
    /// assert_eq!(routes.access_table().to_string(), "DELETE  /  public\n");
    /// ```
    delete = DELETE;
    /// A handler for OPTIONS. A CORS preflight does not come that far.
    ///
    /// ```
    /// use portcullis::{Public, Routes, routing::options};
    ///
    /// let routes: Routes = Routes::new().route("/", options(async |_: Public| "hello"));
    /// assert_eq!(routes.access_table().to_string(), "OPTIONS  /  public\n");
    /// ```
    options = OPTIONS;
}
