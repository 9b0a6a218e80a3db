use std::{convert::Infallible, future, task};

use axum::{
    body::Body,
    extract::{MatchedPath, Request},
};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode, Uri, header, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use subtle::{Choice, ConstantTimeEq as _};
use tower::{Layer as _, Service};
use tower_http::csrf::CsrfLayer;

use super::{BeforeLogin, COOKIE, Csrf, FIELD, HEADER, Inner};
use crate::{
    cookie::Cookies,
    input::{is_form, too_large, urlencoded},
    problem::Problem,
    provider::{is_websocket, offers_bearer},
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a request must show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    Nothing,
    Origin,
    OriginAndToken,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    Origin,
    Duplicate,
    NoSession,
    NoToken,
    WrongToken,
}

impl Refusal {
    const fn advice(self) -> &'static str {
        match self {
            Self::Origin => {
                "This request was made by a page of another site. If that is meant to be, its origin must be trusted here."
            }
            Self::Duplicate => {
                "Several cookies of one name came: delete the cookies of this site and its parent domain."
            }
            Self::NoSession => {
                "The browser sent no cookie of this site: allow cookies, load the page again, and try again."
            }
            Self::NoToken => {
                "Send the value of the cookie `csrf_token` in the header `X-CSRF-Token`, or in the field `csrf_token` of a \
                 form."
            }
            Self::WrongToken => {
                "The CSRF token does not belong to this session: load the page again, and try again."
            }
        }
    }
}

fn refuse(refusal: Refusal) -> Problem {
    tracing::warn!(reason = ?refusal, "csrf.refused");
    refusal.into()
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(StatusCode::FORBIDDEN)
            .detail(refusal.advice())
            .member("error", "csrf_failed")
    }
}

impl Csrf {
    pub(super) fn demand(&self, parts: &Parts) -> Demand {
        let inner = &*self.0;
        let is_safe = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let upgrades = is_websocket(parts);
        if inner.off || (is_safe && !upgrades) || has_bearer(parts) || inner.is_exempt(parts) {
            return Demand::Nothing;
        }
        let without_session = matches!(inner.session.id(&parts.headers), Ok(None));
        match (upgrades, without_session) {
            // Any page can offer any subprotocol, so it excuses nobody for whom a cookie came too: not every provider
            // looks at it first, or at all.
            (true, true) if offers_bearer(parts) => Demand::Nothing,
            (true, _) => Demand::Origin,
            (false, true) => inner.demand_before_login(&parts.headers),
            (false, false) => Demand::OriginAndToken,
        }
    }

    /// Looks only at where a request comes from.
    pub(crate) fn check_origin(&self, request: &Request) -> Result<(), Problem> {
        if self.0.off || self.0.comes_from_here(request.uri(), request.headers()) {
            Ok(())
        } else {
            Err(refuse(Refusal::Origin))
        }
    }

    /// Gives the request back if it may go on.
    pub(crate) async fn check(&self, request: Request) -> Result<Request, Problem> {
        let (parts, body) = request.into_parts();
        let demand = self.demand(&parts);
        if demand != Demand::Nothing && !self.0.comes_from_here(&parts.uri, &parts.headers) {
            return Err(refuse(Refusal::Origin));
        }
        if demand != Demand::OriginAndToken {
            return Ok(Request::from_parts(parts, body));
        }
        let binding = match self.0.binding(&parts.headers) {
            Ok(Some(binding)) => binding.bytes(),
            Ok(None) => return Err(refuse(Refusal::NoSession)),
            Err(_) => return Err(refuse(Refusal::Duplicate)),
        };
        if let Some(token) = parts.headers.get(HEADER) {
            let holds = self.0.takes(token.as_bytes(), &binding, &parts.headers);
            holds.map_err(refuse)?;
            return Ok(Request::from_parts(parts, body));
        }
        // Nothing of the body is read for whom no field could help.
        if !is_form(&parts.headers) || !self.0.has_good_cookie(&parts.headers, &binding) {
            return Err(refuse(Refusal::NoToken));
        }
        let form = read(body, self.0.max_form).await?;
        let token = field(&form).ok_or_else(|| refuse(Refusal::NoToken))?;
        let holds = self.0.takes(token.as_bytes(), &binding, &parts.headers);
        holds.map_err(refuse)?;
        Ok(Request::from_parts(parts, Body::from(form)))
    }
}

/// Refuses what a page of somebody else may have made a browser send by its cookies: for guards to which nobody gave a
/// [`Csrf`]. By its origin alone, for nothing is known of a session.
pub(crate) fn check_unguarded(parts: &Parts) -> Result<(), Problem> {
    let is_safe = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let by_cookie =
        parts.headers.contains_key(header::COOKIE) && !parts.headers.contains_key(header::AUTHORIZATION);
    if !by_cookie || (is_safe && !is_websocket(parts)) || offers_bearer(parts) {
        return Ok(());
    }
    if comes_from_here(&CsrfLayer::new(), &parts.uri, &parts.headers) {
        Ok(())
    } else {
        Err(refuse(Refusal::Origin))
    }
}

/// What tower-http says of `Sec-Fetch-Site`, `Origin` and the host.
fn comes_from_here(origins: &CsrfLayer, uri: &Uri, headers: &HeaderMap) -> bool {
    let mut request = http::Request::new(());
    // One that it looks at, whatever the method: a WebSocket begins with a GET.
    *request.method_mut() = Method::POST;
    request.uri_mut().clone_from(uri);
    for name in [header::HOST, header::ORIGIN, SEC_FETCH_SITE] {
        if let Some(value) = headers.get(&name) {
            request.headers_mut().insert(name, value.clone());
        }
    }
    let answer = origins.layer(Passed).call(request).now_or_never();
    matches!(answer, Some(Ok(response)) if response.status() == StatusCode::OK)
}

impl Inner {
    fn demand_before_login(&self, headers: &HeaderMap) -> Demand {
        let is_browser = || {
            headers.contains_key(header::ORIGIN)
                || headers.contains_key(SEC_FETCH_SITE)
                || Cookies::of(headers).all(self.pre_session.name()).next().is_some()
        };
        match self.before_login {
            BeforeLogin::Origin => Demand::Origin,
            BeforeLogin::Token if is_browser() => Demand::OriginAndToken,
            BeforeLogin::Token => Demand::Nothing,
        }
    }

    /// By the route that the router found, so that no spelling of a path can pass for another.
    fn is_exempt(&self, parts: &Parts) -> bool {
        let Some(route) = parts.extensions.get::<MatchedPath>() else {
            return false;
        };
        self.exempt
            .iter()
            .any(|(method, path)| *method == parts.method && path == route.as_str())
    }

    fn comes_from_here(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        comes_from_here(&self.origins, uri, headers)
    }

    /// The token must hold for the session, and be the one of a cookie: of any, since others may have been planted.
    fn takes(&self, token: &[u8], binding: &[u8], headers: &HeaderMap) -> Result<(), Refusal> {
        let in_cookie = Cookies::of(headers)
            .all(COOKIE)
            .fold(Choice::from(0), |found, cookie| {
                found | cookie.as_bytes().ct_eq(token)
            });
        let text = str::from_utf8(token).unwrap_or_default();
        let holds = Choice::from(u8::from(self.tokens.get().holds(text, binding)));
        if bool::from(in_cookie & holds) {
            Ok(())
        } else {
            Err(Refusal::WrongToken)
        }
    }

    fn has_good_cookie(&self, headers: &HeaderMap, binding: &[u8]) -> bool {
        let mut cookies = Cookies::of(headers).all(COOKIE);
        cookies.any(|cookie| self.tokens.get().holds(cookie, binding))
    }
}

/// Whether all that it brings to log in is a token that no browser sends by itself. Unlike passwords (`Basic`), which it
/// does.
fn has_bearer(parts: &Parts) -> bool {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter().peekable();
    let is_bearer = |value: &[u8]| {
        value
            .get(..7)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
    };
    values.peek().is_some() && values.all(|value| is_bearer(value.as_bytes()))
}

/// The field with the token, if it came once.
fn field(form: &[u8]) -> Option<String> {
    let mut values = urlencoded::values(form, FIELD);
    match (values.next(), values.next()) {
        (Some(Ok(token)), None) => Some(token),
        _ => None,
    }
}

async fn read(body: Body, most: usize) -> Result<Vec<u8>, Problem> {
    match Limited::new(body, most).collect().await {
        Ok(form) => Ok(form.to_bytes().into()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Problem::bad_request("The body could not be read to its end.")),
    }
}

/// Stands behind tower-http's check.
struct Passed;

impl Service<http::Request<()>> for Passed {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = future::Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Infallible>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<()>) -> Self::Future {
        future::ready(Ok(Response::new(())))
    }
}
