use std::borrow::Cow;

use http::{Method, Version, header, request::Parts};

use super::{AuthError, bearer};
use crate::{cookie::Cookies, input::urlencoded};

/// The parameter of RFC 6750, section 2.3.
const ACCESS_TOKEN: &str = "access_token";

/// Where a token is looked for, beside `Authorization: Bearer`.
///
/// | order | source | asked |
/// |---|---|---|
/// | 1 | `Authorization: Bearer ..` | always; a header of another scheme is [`AuthError::Scheme`], not passed over |
/// | 2 | `Sec-WebSocket-Protocol: bearer, ..` | always, in requests for a WebSocket only |
/// | 3 | a cookie | after [`TokenSources::cookie`] |
/// | 4 | a query parameter | after [`TokenSources::query`] |
///
/// The first that has something decides; if it is bad, the next one is not asked. A browser sends a cookie by itself,
/// so it may come beside a token that was sent on purpose. Two of the others in one request are refused (RFC 6750,
/// section 2), and so are two `Authorization` headers.
///
/// ```
/// use http::Request;
/// use portcullis::provider::{AuthError, Source, TokenSources};
///
/// let sources = TokenSources::default().cookie("__Host-access");
/// let (parts, ()) = Request::get("/").header("cookie", "__Host-access=abc").body(())?.into_parts();
/// let credential = sources.read(&parts)?;
/// assert_eq!((credential.token(), credential.source()), ("abc", Source::Cookie));
/// let sources = sources.query("token");
/// assert_eq!((sources.cookie_name(), sources.query_name()), (Some("__Host-access"), Some("token")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenSources {
    cookie: Option<Cow<'static, str>>,
    query: Option<Cow<'static, str>>,
}

/// Where a token came from.
///
/// ```
/// use http::Request;
/// use portcullis::provider::{Source, TokenSources};
///
/// let (parts, ()) = Request::get("/").header("authorization", "Bearer abc").body(())?.into_parts();
/// assert_eq!(TokenSources::default().read(&parts)?.source(), Source::Header);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `Authorization: Bearer`.
    Header,
    /// The WebSocket subprotocol [`SUBPROTOCOL`]: the answer must choose it, or another that was offered.
    Subprotocol,
    /// A cookie. The browser sends it whoever made the page, so acts need protection against CSRF.
    Cookie,
    /// The query.
    Query,
}

/// The WebSocket subprotocol behind which a token is offered: `new WebSocket(url, ["bearer", token])`. Browsers give
/// scripts no way to set a header there.
///
/// ```
/// use portcullis::provider::SUBPROTOCOL;
///
/// assert_eq!(SUBPROTOCOL, "bearer");
/// ```
pub const SUBPROTOCOL: &str = "bearer";

/// A token as it came, and from where. Has no `Debug`: it is a credential.
///
/// ```
/// use http::Request;
/// use portcullis::provider::{Source, TokenSources};
///
/// let (parts, ()) = Request::get("/?token=abc").body(())?.into_parts();
/// let sources = TokenSources::default().query("token");
/// let credential = sources.read(&parts)?;
/// assert_eq!((credential.token(), credential.source()), ("abc", Source::Query));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Credential<'a> {
    token: Cow<'a, str>,
    source: Source,
}

impl<'a> Credential<'a> {
    /// The token's text.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where it came from.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.source
    }

    fn new(token: impl Into<Cow<'a, str>>, source: Source) -> Result<Self, AuthError> {
        let token = token.into();
        bearer::b64token(token.as_bytes())?;
        Ok(Self { token, source })
    }
}

impl TokenSources {
    /// Looks into the cookie `name` too. Routes that act on it then need protection against CSRF
    /// ([`Gate::csrf`](crate::Gate::csrf)): a gate is not built without it, if its provider says that it looks there.
    #[must_use]
    pub fn cookie(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.cookie = Some(name.into());
        self
    }

    /// Looks into the query parameter `name` too, commonly `token` or `access_token`. Addresses are logged and kept in
    /// histories (RFC 9700, section 4.3.2): for tokens that live shortly, where nothing else can be sent.
    #[must_use]
    pub fn query(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.query = Some(name.into());
        self
    }

    /// The name of the cookie, if one is asked.
    #[must_use]
    pub fn cookie_name(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// The name of the query parameter, if one is asked.
    #[must_use]
    pub fn query_name(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The token of a request.
    ///
    /// # Errors
    /// When there is none, it is malformed, or there is more than one.
    pub fn read<'a>(&self, parts: &'a Parts) -> Result<Credential<'a>, AuthError> {
        let in_header = parts.headers.contains_key(header::AUTHORIZATION);
        let offered = offered(parts)?;
        let query = parts.uri.query().unwrap_or_default();
        if in_header && offered.is_some() {
            return Err(AuthError::Ambiguous(
                "send the token in the Authorization header or as a WebSocket subprotocol, not both",
            ));
        }
        if in_header || offered.is_some() {
            // Whoever sends `access_token` as well expects it to be read, asked or not.
            let names = [Some(ACCESS_TOKEN), self.query_name()];
            if names
                .into_iter()
                .flatten()
                .any(|name| urlencoded::has_key(query, name))
            {
                return Err(AuthError::Ambiguous(
                    "send the token in the header alone, not in the query too",
                ));
            }
        }
        if in_header {
            let token = bearer::from_header(&parts.headers)?;
            // Checked where it was read.
            return Ok(Credential {
                token: token.into(),
                source: Source::Header,
            });
        }
        if let Some(token) = offered {
            return Credential::new(token, Source::Subprotocol);
        }
        if let Some(token) = self.in_cookie(parts)? {
            return Credential::new(token, Source::Cookie);
        }
        match self.in_query(query)? {
            Some(token) => Credential::new(token, Source::Query),
            None => Err(AuthError::Missing),
        }
    }

    fn in_cookie<'a>(&self, parts: &'a Parts) -> Result<Option<&'a str>, AuthError> {
        let Some(name) = &self.cookie else {
            return Ok(None);
        };
        Cookies::of(&parts.headers).get(name).map_err(|_| {
            AuthError::Ambiguous(
                "several login cookies came; delete the cookies of this site and its parent domain",
            )
        })
    }

    fn in_query(&self, query: &str) -> Result<Option<String>, AuthError> {
        let Some(name) = &self.query else {
            return Ok(None);
        };
        let mut values = urlencoded::values(query.as_bytes(), name);
        let first = values.next();
        if values.next().is_some() {
            return Err(AuthError::Ambiguous("send the token in the query once"));
        }
        first.transpose().map_err(|_| AuthError::invalid("malformed"))
    }
}

/// What is offered behind [`SUBPROTOCOL`] in a request for a WebSocket. Nothing behind it is a bad token.
fn offered(parts: &Parts) -> Result<Option<&str>, AuthError> {
    if !parts.headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL) || !is_websocket(parts) {
        return Ok(None);
    }
    let mut offers = parts
        .headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .flat_map(|line| line.as_bytes().split(|b| *b == b','))
        .map(|offer| str::from_utf8(offer).unwrap_or("?").trim_matches([' ', '\t']));
    if !offers.any(|offer| offer == SUBPROTOCOL) {
        return Ok(None);
    }
    let token = offers.next().unwrap_or_default();
    if offers.any(|offer| offer == SUBPROTOCOL) {
        return Err(AuthError::Ambiguous("offer the subprotocol `bearer` once"));
    }
    Ok(Some(token))
}

/// Whether a WebSocket is asked for with a token behind [`SUBPROTOCOL`].
pub(crate) fn offers_bearer(parts: &Parts) -> bool {
    matches!(offered(parts), Ok(Some(_)))
}

/// Whether the request asks for a WebSocket (RFC 6455, section 4.1; over HTTP/2 RFC 8441, section 4).
pub(crate) fn is_websocket(parts: &Parts) -> bool {
    if parts.version >= Version::HTTP_2 {
        return parts.method == Method::CONNECT;
    }
    let names = |header: http::HeaderName, wanted: &str| {
        parts.headers.get_all(header).iter().any(|line| {
            line.as_bytes()
                .split(|b| *b == b',')
                .any(|name| name.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()))
        })
    };
    parts.method == Method::GET && names(header::UPGRADE, "websocket") && names(header::CONNECTION, "upgrade")
}
