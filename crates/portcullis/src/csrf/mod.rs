//! Protection against requests that a page of somebody else makes in a visitor's name (CSRF): [`Csrf`], for routes that
//! act on cookies. Give it to the gate ([`Gate::csrf`](crate::Gate::csrf)), or put it around any axum router as a layer.
//!
//! | request | must |
//! |---|---|
//! | GET, HEAD, OPTIONS | nothing: they must change nothing |
//! | with `Authorization: Bearer` | nothing: no browser sends that by itself |
//! | for a WebSocket, with a session cookie | come from a page of this origin |
//! | for a WebSocket, with nothing but a token as subprotocol | nothing |
//! | of a route that [`Csrf::exempt`] names | nothing |
//! | any other, with a session | come from a page of this origin, and bring the session's token |
//! | any other, without one | see [`BeforeLogin`] |
//!
//! A gate whose provider says that it reads a cookie is not built without it. One whose provider does not say so refuses by
//! itself what comes with a cookie, and no `Authorization`, from a page of another origin.
//!
//! Where a request comes from is told by `Sec-Fetch-Site` and `Origin`, which pages cannot change. The token stands in the
//! cookie [`COOKIE`], which scripts of this origin can read, and comes back in the header [`HEADER`] or, from forms in
//! `application/x-www-form-urlencoded`, in the field [`FIELD`]. It is signed and bound to the session, and before login to
//! a pre-session of the browser: neither an older token nor one of somebody else's session is taken. Whatever fails gets
//! 403 with `error: "csrf_failed"`.
//!
//! ```
//! use axum::response::Html;
//! use portcullis::{
//!     Public, Routes,
//!     cookie::{Cookie, CookieScheme},
//!     core::{key::BoundTokens, rng::SystemRng},
//!     csrf::{Csrf, CsrfToken},
//!     routing::get,
//! };
//!
//! async fn form(_: Public, token: CsrfToken) -> Html<String> {
//!     Html(format!("<form method=post>{}<input name=note><button>Keep</button></form>", token.field()))
//! }
//! async fn keep(_: Public) -> &'static str { "kept" }
//!
//! let session = Cookie::new("session", CookieScheme::of("https://notes.example.com")?)?;
//! let csrf = Csrf::new(BoundTokens::generate(&SystemRng), session);
//! let routes: Routes = Routes::new().route("/notes", get(form).post(keep));
//! // Gate::new(provider).merge(routes).csrf(&csrf)
//! # drop((csrf, routes));
//! # Ok::<(), portcullis::cookie::CookieError>(())
//! ```

mod check;
mod layer;
mod session;
mod token;

use std::{fmt, sync::Arc};

use http::{HeaderName, Method};
use portcullis_core::{
    authority::Authority,
    key::BoundTokens,
    rng::{Rng, SystemRng},
};
use tower_http::csrf::CsrfLayer;

pub(crate) use self::check::check_unguarded;
use self::session::{Session, Tokens};
pub use self::{layer::CsrfService, token::CsrfToken};
use crate::{
    cookie::{Cookie, SessionCookies},
    layers::is_origin,
};

/// The cookie that holds the token.
///
/// ```
/// assert_eq!(portcullis::csrf::COOKIE, "csrf_token");
/// ```
pub const COOKIE: &str = "csrf_token";
/// The header in which it comes back.
///
/// ```
/// assert_eq!(portcullis::csrf::HEADER, "x-csrf-token");
/// ```
pub const HEADER: HeaderName = HeaderName::from_static("x-csrf-token");
/// The field of a form in which it comes back.
///
/// ```
/// assert_eq!(portcullis::csrf::FIELD, "csrf_token");
/// ```
pub const FIELD: &str = "csrf_token";

/// The cookie to which tokens are bound before there is a session.
const PRE_SESSION: &str = "presession";

/// Forms of which the token is read.
const MAX_FORM: usize = 64 * 1024;

/// What is asked of a request that brings no session.
///
/// ```
/// use portcullis::csrf::{BeforeLogin, Csrf};
///
/// /// For an API whose clients have no token before they have a session.
/// fn for_an_api(csrf: Csrf) -> Csrf { csrf.before_login(BeforeLogin::Origin) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BeforeLogin {
    /// The same as of any other: for pages with forms, above all that of the login. The token is bound to a pre-session
    /// that [`CsrfToken`] begins. What sends neither cookies nor what browsers always send is no browser, and passes.
    #[default]
    Token,
    /// Only that it comes from a page of this origin, or from no page: for JSON APIs, whose clients have no token before
    /// they have a session.
    Origin,
}

/// Why the protection cannot be set up so.
///
/// ```
/// use portcullis::csrf::{Csrf, NotAnOrigin};
///
/// fn trusting(csrf: Csrf) -> Result<Csrf, NotAnOrigin> { csrf.trust_origin("https://app.example.com") }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an origin: write `https://app.example.com` or `http://localhost:3000`, nothing after it"
)]
pub struct NotAnOrigin(String);

/// Refuses forged requests: see [`crate::csrf`]. Clones share what they were told.
///
/// Given to a gate it stands behind each guard. As a layer around a whole router (`router.layer(csrf)`), inside an
/// [`Edge`](crate::layers::Edge), it stands before all of them, and asks the endpoints of a Portcullis for a token too,
/// though they look after themselves. Behind a proxy that changes `Host`, and for pages of other origins that CORS lets
/// in, name the origins by [`Csrf::trust_origin`].
///
/// ```
/// use portcullis::{Gate, Portcullis};
///
/// fn protected(auth: &Portcullis, gate: Gate) -> Gate {
///     match auth.csrf() {
///         Some(csrf) => gate.csrf(&csrf),
///         None => gate, // No cookies, so nothing to forge.
///     }
/// }
/// ```
#[derive(Clone)]
#[must_use = "it does nothing until a gate has it, or a router is inside it"]
pub struct Csrf(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    tokens: Tokens,
    rng: Arc<dyn Rng>,
    session: Session,
    cookie: Cookie,
    pre_session: Cookie,
    origins: CsrfLayer,
    exempt: Vec<(Method, String)>,
    before_login: BeforeLogin,
    max_form: usize,
    off: bool,
}

impl Csrf {
    /// For sessions of the application's own, whose id is the value of the cookie `session`.
    ///
    /// ```
    /// use portcullis::{cookie::{Cookie, CookieScheme}, core::{key::BoundTokens, rng::SystemRng}, csrf::Csrf};
    ///
    /// let session = Cookie::new("session", CookieScheme::Https)?;
    /// let csrf = Csrf::new(BoundTokens::generate(&SystemRng), session);
    /// # drop(csrf);
    /// # Ok::<(), portcullis::cookie::CookieError>(())
    /// ```
    pub fn new(tokens: BoundTokens, session: Cookie) -> Self {
        let (cookie, pre_session) = companions(&session);
        Self::with(
            Tokens::Own(Arc::new(tokens)),
            Arc::new(SystemRng),
            cookie,
            pre_session,
            Session::Id(session),
        )
    }

    /// For sessions of a Portcullis. A token stays good when the session is refreshed.
    ///
    /// ```
    /// use portcullis::{Portcullis, csrf::Csrf};
    ///
    /// fn stricter(auth: &Portcullis) -> Option<Csrf> {
    ///     Some(Csrf::of(auth.authority(), auth.session_cookies()?).max_form(1024))
    /// }
    /// ```
    pub fn of(authority: &Arc<Authority>, cookies: &SessionCookies) -> Self {
        let (cookie, pre_session) = companions(cookies.access());
        Self::with(
            Tokens::Of(Arc::clone(authority)),
            Arc::clone(authority.rng()),
            cookie,
            pre_session,
            Session::Portcullis(Arc::clone(authority), cookies.clone()),
        )
    }

    fn with(
        tokens: Tokens,
        rng: Arc<dyn Rng>,
        cookie: Cookie,
        pre_session: Cookie,
        session: Session,
    ) -> Self {
        Self(Arc::new(Inner {
            tokens,
            rng,
            session,
            cookie,
            pre_session,
            origins: CsrfLayer::new(),
            exempt: Vec::new(),
            before_login: BeforeLogin::default(),
            max_form: MAX_FORM,
            off: false,
        }))
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Takes requests from pages of `origin` too.
    ///
    /// ```
    /// use portcullis::csrf::{Csrf, NotAnOrigin};
    ///
    /// fn with_the_shop(csrf: Csrf) -> Result<Csrf, NotAnOrigin> { csrf.trust_origin("https://shop.example.com") }
    /// ```
    ///
    /// # Errors
    /// When it is none.
    pub fn trust_origin(self, origin: &str) -> Result<Self, NotAnOrigin> {
        let layer = self.0.origins.clone();
        match layer.add_trusted_origin(origin) {
            Ok(layer) if is_origin(origin) => Ok(self.change(|inner| inner.origins = layer)),
            _ => Err(NotAnOrigin(origin.to_owned())),
        }
    }

    /// Asks nothing of one method of one route, written as it was given to the router: `/webhooks/{provider}`. It must
    /// then tell by other means who calls, such as a signature over the body. There are no prefixes
    /// (`docs/decisions/0092`).
    ///
    /// ```
    /// # use portcullis::{cookie::{Cookie, CookieScheme}, core::{key::BoundTokens, rng::SystemRng}, csrf::Csrf};
    /// # let session = Cookie::new("session", CookieScheme::Https)?;
    /// # let csrf = Csrf::new(BoundTokens::generate(&SystemRng), session);
    /// let csrf = csrf.exempt(http::Method::POST, "/webhooks/{provider}");
    /// # drop(csrf);
    /// # Ok::<(), portcullis::cookie::CookieError>(())
    /// ```
    pub fn exempt(self, method: Method, path: &str) -> Self {
        self.change(|inner| inner.exempt.push((method, path.to_owned())))
    }

    /// What is asked of a request that brings no session.
    ///
    /// ```
    /// use portcullis::csrf::{BeforeLogin, Csrf};
    ///
    /// fn for_an_api(csrf: Csrf) -> Csrf { csrf.before_login(BeforeLogin::Origin) }
    /// ```
    pub fn before_login(self, before_login: BeforeLogin) -> Self {
        self.change(|inner| inner.before_login = before_login)
    }

    /// The largest form in bytes of which the field is read; 64 KiB unless told. Larger ones, and
    /// `multipart/form-data`, bring the token in the header.
    ///
    /// ```
    /// fn for_essays(csrf: portcullis::csrf::Csrf) -> portcullis::csrf::Csrf { csrf.max_form(1024 * 1024) }
    /// ```
    pub fn max_form(self, bytes: usize) -> Self {
        self.change(|inner| inner.max_form = bytes)
    }

    /// Asks nothing of any request: for tests of an application.
    ///
    /// ```
    /// use portcullis::{Gate, csrf::Csrf};
    ///
    /// fn gate_under_test(gate: Gate, csrf: Csrf) -> Gate { gate.csrf(&csrf.off_for_tests()) }
    /// ```
    #[cfg(any(test, feature = "test-util"))]
    pub fn off_for_tests(self) -> Self {
        self.change(|inner| inner.off = true)
    }
}

/// The cookies of the token and of the pre-session: sent whenever that of the session is.
fn companions(session: &Cookie) -> (Cookie, Cookie) {
    let token = session.beside(COOKIE.to_owned()).readable_by_scripts();
    let pre_session = session.beside(session.scheme().full_name(PRE_SESSION));
    (token, pre_session.until_closed())
}

impl fmt::Debug for Csrf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Csrf")
            .field("exempt", &self.0.exempt)
            .field("before_login", &self.0.before_login)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
