use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::extract::FromRequestParts;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use portcullis_core::rng;
use secrecy::ExposeSecret as _;

use super::{Csrf, FIELD, session::Binding};
use crate::{
    cookie::{Cookies, SetCookie, SetCookies},
    problem::Problem,
};

/// The token of the session that a request belongs to, for a form or a script of the page. As an argument of a handler
/// it is given out: its cookie comes with the answer, and with it a pre-session where there is no session yet.
///
/// It stays the same for a session, so that several open pages do not disturb each other.
///
/// ```
/// use axum::response::Html;
/// use portcullis::{Public, csrf::CsrfToken};
///
/// async fn form(_: Public, token: CsrfToken) -> Html<String> {
///     Html(format!("<form method=post>{}<input name=note><button>Keep</button></form>", token.field()))
/// }
/// async fn for_scripts(_: Public, token: CsrfToken) -> String { token.value().to_owned() }
/// ```
#[derive(Clone)]
pub struct CsrfToken(String);

impl CsrfToken {
    /// The token, for the header [`HEADER`](super::HEADER).
    #[must_use]
    pub fn value(&self) -> &str {
        &self.0
    }

    /// A hidden field of a form, in HTML. Needs no escaping.
    #[must_use]
    pub fn field(&self) -> String {
        format!(r#"<input type="hidden" name="{FIELD}" value="{}">"#, self.0)
    }
}

/// What the layer leaves in a request, and finds again with its answer.
#[derive(Clone)]
pub(super) struct Given {
    csrf: Csrf,
    token: Arc<OnceLock<(CsrfToken, Vec<SetCookie>)>>,
}

impl Given {
    pub(super) fn new(csrf: Csrf) -> Self {
        Self {
            csrf,
            token: Arc::default(),
        }
    }

    pub(super) fn write(&self, headers: &mut HeaderMap) {
        if let Some((_, cookies)) = self.token.get() {
            for cookie in cookies {
                cookie.clone().add_to(headers);
            }
            // A page with a token is its reader's own.
            headers
                .entry(header::CACHE_CONTROL)
                .or_insert(HeaderValue::from_static("no-store"));
        }
    }
}

impl Csrf {
    /// The token of a session that just began, and the cookies that go with it: parts of the answer to a login.
    /// `session` is the value of the session's cookie, or the session id of a Portcullis.
    ///
    /// Without it, the first page with a [`CsrfToken`] after the login gives it out.
    ///
    /// ```
    /// use axum::response::{IntoResponse, Response};
    /// use portcullis::{cookie::Cookie, core::rng::SystemRng, csrf::Csrf};
    /// use secrecy::ExposeSecret;
    ///
    /// fn logged_in(session: &Cookie, csrf: &Csrf) -> Response {
    ///     let (id, set_session) = session.set_session(&SystemRng);
    ///     let (token, set_token) = csrf.begin(id.expose_secret());
    ///     (set_session, set_token, token.value().to_owned()).into_response()
    /// }
    /// # let _ = logged_in;
    /// ```
    pub fn begin(&self, session: &str) -> (CsrfToken, SetCookies) {
        let token = self.issue(&Binding::Session(session.to_owned()));
        let cookies = SetCookies::from([self.0.cookie.write(&token.0), self.0.pre_session.clear()]);
        (token, cookies)
    }

    /// The same, with a cookie that lasts for so long. If one of the tokens `had` is good for the session, it stays.
    pub(crate) fn go_on(&self, session: &str, lasts: Duration, had: &[String]) -> (CsrfToken, SetCookies) {
        let binding = Binding::Session(session.to_owned());
        let token = self.known(had.iter().map(String::as_str), &binding.bytes());
        let token = token.unwrap_or_else(|| self.issue(&binding));
        let cookie = self.0.cookie.clone().max_age(lasts);
        let cookies = SetCookies::from([cookie.write(&token.0), self.0.pre_session.clear()]);
        (token, cookies)
    }

    fn known<'a>(&self, mut had: impl Iterator<Item = &'a str>, binding: &[u8]) -> Option<CsrfToken> {
        had.find(|token| self.0.tokens.get().holds(token, binding))
            .map(|token| CsrfToken(token.to_owned()))
    }

    /// Makes the browser forget the token: a part of the answer to a logout. It is void with its session anyway.
    ///
    /// ```
    /// use portcullis::{cookie::SetCookie, csrf::Csrf};
    ///
    /// fn logged_out(csrf: &Csrf) -> (SetCookie, &'static str) { (csrf.clear(), "bye") }
    /// ```
    pub fn clear(&self) -> SetCookie {
        self.0.cookie.clear()
    }

    fn issue(&self, binding: &Binding) -> CsrfToken {
        let token = self.0.tokens.get().issue(&binding.bytes(), &*self.0.rng);
        CsrfToken(token.expose_secret().to_owned())
    }

    /// The token that the browser has, if it is good; else a new one, with the cookies that make it so.
    pub(crate) fn give(&self, headers: &HeaderMap) -> Result<(CsrfToken, Vec<SetCookie>), Problem> {
        let duplicate = |error: crate::cookie::DuplicateCookie| {
            Problem::bad_request(format!("Ambiguous credentials: {error}."))
        };
        let found = self.0.binding(headers).map_err(duplicate)?;
        let is_new = found.is_none();
        let binding = found.unwrap_or_else(|| {
            let id = rng::bytes::<16>(&*self.0.rng);
            Binding::PreSession(URL_SAFE_NO_PAD.encode(id))
        });
        let bytes = binding.bytes();
        if let Some(known) = self.known(Cookies::of(headers).all(super::COOKIE), &bytes) {
            return Ok((known, Vec::new()));
        }
        let token = self.issue(&binding);
        let mut set = vec![self.0.cookie.write(&token.0)];
        if let (true, Binding::PreSession(id)) = (is_new, &binding) {
            set.push(self.0.pre_session.write(id));
        }
        Ok((token, set))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CsrfToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(given) = parts.extensions.get::<Given>() else {
            tracing::error!("a handler asks for a `CsrfToken`, and there is no `Csrf` around its router");
            return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR)
                .detail("Something failed on our side. The request id tells the operator what."));
        };
        if let Some((token, _)) = given.token.get() {
            return Ok(token.clone());
        }
        let (token, cookies) = given.csrf.give(&parts.headers)?;
        // Nobody else has this request.
        let _ = given.token.set((token.clone(), cookies));
        Ok(token)
    }
}
