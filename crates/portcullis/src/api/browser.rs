use std::{convert::Infallible, future, sync::Arc};

use axum::{
    extract::{FromRequestParts, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, Method, header, request::Parts};
use portcullis_core::authority::{Authority, Caller, TokenPair};
#[cfg(feature = "issuer")]
use portcullis_core::{
    access::Principal,
    authority::{AuthenticateError, RefreshError},
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    Api,
    responses::{CookieSessionResponse, TokenPairResponse},
};
#[cfg(feature = "issuer")]
use crate::cookie::SetCookies;
use crate::{
    cookie::{Cookie, Cookies, SessionCookies},
    csrf::{self, BeforeLogin, Csrf, NotAnOrigin},
    gate::Run,
    input::Json,
    problem::{FieldError, Problem},
};

/// What pages need to log in by cookie: the names of the cookies, and protection against requests that other pages
/// forge.
///
/// ```
/// use std::sync::Arc;
///
/// use portcullis::{api::Browser, cookie::SessionCookies, core::authority::Authority, csrf::{Csrf, NotAnOrigin}};
///
/// fn browser(authority: &Arc<Authority>, cookies: SessionCookies) -> Result<Browser, NotAnOrigin> {
///     Browser::new(authority, cookies, ["https://app.example.com"])
/// }
/// /// For an application's own pages.
/// fn protection(browser: &Browser) -> (&SessionCookies, &Csrf) { (browser.cookies(), browser.csrf()) }
/// ```
#[derive(Clone, Debug)]
pub struct Browser {
    cookies: SessionCookies,
    csrf: Csrf,
    /// The same for clients that have no token before they have a session.
    api_csrf: Csrf,
}

impl Browser {
    /// Sessions of `authority` in `cookies`. Pages of `origins` may act by cookie, beside those of the own one.
    ///
    /// # Errors
    /// When an origin is none.
    pub fn new<T: AsRef<str>>(
        authority: &Arc<Authority>,
        cookies: SessionCookies,
        origins: impl IntoIterator<Item = T>,
    ) -> Result<Self, NotAnOrigin> {
        let csrf = Csrf::of(authority, &cookies);
        let csrf = origins
            .into_iter()
            .try_fold(csrf, |csrf, origin| csrf.trust_origin(origin.as_ref()))?;
        let api_csrf = csrf.clone().before_login(BeforeLogin::Origin);
        Ok(Self {
            cookies,
            csrf,
            api_csrf,
        })
    }

    /// The cookies.
    #[must_use]
    pub const fn cookies(&self) -> &SessionCookies {
        &self.cookies
    }

    /// The protection, for an application's own routes.
    pub const fn csrf(&self) -> &Csrf {
        &self.csrf
    }
}

/// Around endpoints that act by cookie: forged requests are refused. Behind the guard, so that who calls is told first.
pub(super) fn unforged(run: Arc<Run<Api>>) -> Arc<Run<Api>> {
    Arc::new(move |request: Request, api: Api| {
        let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        let Some(browser) = api.browser().filter(|_| !is_safe) else {
            return run(request, api);
        };
        let (run, csrf) = (Arc::clone(&run), browser.api_csrf.clone());
        Box::pin(async move {
            match csrf.check(request).await {
                Ok(request) => run(request, api).await,
                Err(problem) => problem.into_response(),
            }
        })
    })
}

/// Around endpoints by which somebody logs in: only where a request comes from is looked at, since whoever forges it
/// knows no password but their own, and a page may have lost its token together with its session.
pub(super) fn from_here(run: Arc<Run<Api>>) -> Arc<Run<Api>> {
    Arc::new(move |request, api| {
        let checked = api
            .browser()
            .map_or(Ok(()), |browser| browser.api_csrf.check_origin(&request));
        match checked {
            Ok(()) => run(request, api),
            Err(problem) => Box::pin(future::ready(problem.into_response())),
        }
    })
}

/// The method of the request that a proxy asks about: what nginx is told to say, and what Caddy and Traefik say.
const ORIGINAL_METHOD: [HeaderName; 2] = [
    HeaderName::from_static("x-original-method"),
    HeaderName::from_static("x-forwarded-method"),
];

/// Around the question of a proxy whether a request may pass: one by cookie that may change something passes only if no
/// page of another site made it. The subrequest of the proxy is a `GET` whatever it asks about.
pub(super) fn as_forwarded(run: Arc<Run<Api>>) -> Arc<Run<Api>> {
    Arc::new(move |request, api| {
        let headers = request.headers();
        let may_change = !is_told_safe(headers) && !headers.contains_key(header::AUTHORIZATION);
        let checked = match api.browser().filter(|_| may_change) {
            Some(browser) => browser.api_csrf.check_origin(&request),
            None => Ok(()),
        };
        match checked {
            Ok(()) => run(request, api),
            Err(problem) => Box::pin(future::ready(problem.into_response())),
        }
    })
}

/// Whether the proxy says that the request which it asks about changes nothing. One to a WebSocket begins with a `GET`.
fn is_told_safe(headers: &HeaderMap) -> bool {
    let mut told = ORIGINAL_METHOD
        .into_iter()
        .flat_map(|name| headers.get_all(name))
        .peekable();
    told.peek().is_some()
        && told.all(|method| matches!(method.as_bytes(), b"GET" | b"HEAD" | b"OPTIONS"))
        && !headers.contains_key(header::SEC_WEBSOCKET_VERSION)
        && !headers.contains_key(header::SEC_WEBSOCKET_KEY)
}

/// Who is logged in, and the cookies to set where the session was carried on.
#[cfg(feature = "issuer")]
pub(super) struct Resumed {
    pub(super) principal: Arc<Principal>,
    pub(super) cookies: Option<[SetCookies; 2]>,
}

/// What a browser brought along beside what its page said.
pub(crate) struct Visit {
    browser: Option<Browser>,
    by_cookie: bool,
    refresh: Option<SecretString>,
    device: Option<SecretString>,
    csrf_tokens: Vec<String>,
}

impl FromRequestParts<Api> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let browser = api.browser().cloned();
        let read = |which: fn(&SessionCookies) -> &Cookie| -> Option<SecretString> {
            let cookie = which(browser.as_ref()?.cookies());
            // Of several, none can be told to be the right one.
            let value = cookie.read(&parts.headers).ok().flatten()?;
            Some(value.into())
        };
        let refresh = read(SessionCookies::refresh);
        let has_session = refresh.is_some() || read(SessionCookies::access).is_some();
        Ok(Self {
            by_cookie: has_session && !parts.headers.contains_key(header::AUTHORIZATION),
            device: read(SessionCookies::device),
            csrf_tokens: Cookies::of(&parts.headers)
                .all(csrf::COOKIE)
                .map(ToOwned::to_owned)
                .collect(),
            refresh,
            browser,
        })
    }
}

impl Visit {
    /// The refresh token of the browser's cookie.
    pub(super) fn refresh_token(&self) -> Option<&str> {
        self.refresh.as_ref().map(ExposeSecret::expose_secret)
    }

    /// The device token of the browser's cookie.
    pub(super) fn device_token(&self) -> Option<SecretString> {
        self.device.clone()
    }

    /// Whether the caller is known by cookies, and nothing else.
    pub(super) const fn by_cookie(&self) -> bool {
        self.by_cookie
    }

    /// Whether cookies can be had, where they are `wanted`.
    pub(super) fn check(&self, wanted: bool) -> Result<(), Problem> {
        if wanted && self.browser.is_none() {
            return Err(Problem::invalid([FieldError::body(
                "cookies",
                "unavailable",
                "logins by cookie are not offered here: send the tokens in headers",
            )]));
        }
        Ok(())
    }

    /// The answer to a login: tokens, or the cookies that hold them. A session that the browser had before ends.
    pub(super) async fn begin(
        &self,
        authority: &Authority,
        caller: &Caller,
        pair: TokenPair,
        cookies: bool,
    ) -> Result<Response, Problem> {
        if let (true, Some(old)) = (cookies, self.refresh_token()) {
            authority.replaced(caller, old).await?;
        }
        self.grant(pair, cookies)
    }

    /// The answer with a new pair: tokens, or the cookies that hold them. Whoever has cookies gets no token that a script
    /// could read.
    pub(super) fn grant(&self, pair: TokenPair, cookies: bool) -> Result<Response, Problem> {
        let Some(browser) = self.browser.as_ref().filter(|_| cookies) else {
            return Ok(Json(TokenPairResponse::from(pair)).into_response());
        };
        let set = browser.cookies.set_session(&pair);
        let set = set.map_err(|error| Problem::internal(&error))?;
        let session = pair.session.to_string();
        let (token, set_token) = browser
            .csrf
            .go_on(&session, pair.session_expires_in, &self.csrf_tokens);
        let body = CookieSessionResponse::new(&pair, token.value());
        Ok((set, set_token, Json(body)).into_response())
    }

    /// The answer to a page that logs somebody in: the cookies, and where to go. A session that the browser had before ends.
    #[cfg(feature = "issuer")]
    pub(super) async fn begin_page(
        &self,
        authority: &Authority,
        caller: &Caller,
        pair: &TokenPair,
        location: &str,
    ) -> Result<Response, Problem> {
        if let Some(old) = self.refresh_token() {
            authority.replaced(caller, old).await?;
        }
        let Some([set, token]) = self.cookies_of(pair)? else {
            return Err(Problem::not_found().detail("Logins by cookie are not offered here."));
        };
        Ok((set, token, axum::response::Redirect::to(location)).into_response())
    }

    #[cfg(feature = "issuer")]
    fn cookies_of(&self, pair: &TokenPair) -> Result<Option<[SetCookies; 2]>, Problem> {
        let Some(browser) = &self.browser else {
            return Ok(None);
        };
        let set = browser.cookies.set_session(pair);
        let set = set.map_err(|error| Problem::internal(&error))?;
        let session = pair.session.to_string();
        let (_, set_token) = browser
            .csrf
            .go_on(&session, pair.session_expires_in, &self.csrf_tokens);
        Ok(Some([set, set_token]))
    }

    /// Who is logged in by the cookie of the access token.
    #[cfg(feature = "issuer")]
    pub(super) async fn logged_in(
        &self,
        authority: &Authority,
        headers: &HeaderMap,
    ) -> Result<Option<Arc<Principal>>, Problem> {
        let Some(browser) = &self.browser else {
            return Ok(None);
        };
        let Some(token) = browser.cookies().access().read(headers).ok().flatten() else {
            return Ok(None);
        };
        match authority.authenticate(token).await {
            Ok(verified) => Ok(Some(Arc::clone(&verified.principal))),
            // Nobody can tell: neither that they are, nor that they are not.
            Err(AuthenticateError::Stale) => Err(Problem::unavailable(std::time::Duration::from_secs(1))),
            Err(_) => Ok(None),
        }
    }

    /// Who is logged in, by the refresh token where the access token is over, for a page without scripts that would refresh it.
    #[cfg(feature = "issuer")]
    pub(super) async fn resume(
        &self,
        authority: &Authority,
        caller: &Caller,
        headers: &HeaderMap,
    ) -> Result<Option<Resumed>, Problem> {
        if let Some(principal) = self.logged_in(authority, headers).await? {
            return Ok(Some(Resumed {
                principal,
                cookies: None,
            }));
        }
        let Some(token) = self.refresh_token() else {
            return Ok(None);
        };
        let pair = match authority.refresh(caller, token).await {
            Ok(pair) => pair,
            Err(RefreshError::Invalid) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let verified = authority.authenticate(pair.access.secret().expose_secret()).await;
        let Ok(verified) = verified else { return Ok(None) };
        Ok(Some(Resumed {
            principal: Arc::clone(&verified.principal),
            cookies: self.cookies_of(&pair)?,
        }))
    }

    /// Makes the browser forget the session, if it had one.
    pub(super) fn forget(&self, answer: impl IntoResponse) -> Response {
        match &self.browser {
            Some(browser) if self.by_cookie => {
                let cleared = browser.cookies.clear_session().and(browser.csrf.clear());
                (cleared, answer).into_response()
            }
            _ => answer.into_response(),
        }
    }
}
