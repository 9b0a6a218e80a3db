use std::{convert::Infallible, fmt::Write as _, net::IpAddr, time::Duration};

use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, Uri, header};
use portcullis_core::rng::{self, Rng};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Cookies, DuplicateCookie, read};

/// What browsers keep of one cookie, name and value together (RFC 6265bis, section 5.6).
const MOST: usize = 4096;

/// Over what the cookies travel. Decides on their names, and on `Secure`.
///
/// ```
/// use portcullis::cookie::{Cookie, CookieScheme};
///
/// let name = |scheme| Cookie::new("theme", scheme).map(|cookie| cookie.name().to_owned());
/// assert_eq!(name(CookieScheme::Https)?, "__Host-theme");
/// assert_eq!(name(CookieScheme::Loopback)?, "theme");
/// # Ok::<(), portcullis::cookie::CookieError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieScheme {
    /// https: names begin with `__Host-`, so that the browser takes them with `Secure`, with `Path=/`, without `Domain`
    /// and over https only: no neighbouring subdomain and nobody on the way can set or shadow one.
    Https,
    /// http to this machine, for development: plain names without `Secure`, which not every browser takes there.
    Loopback,
}

/// When a browser sends a cookie with a request that another site caused (RFC 6265bis, section 5.6.7).
///
/// ```
/// use portcullis::cookie::{Cookie, CookieError, CookieScheme, SameSite};
///
/// let strict = Cookie::new("theme", CookieScheme::Https)?.same_site(SameSite::Strict)?;
/// assert!(strict.set("dark")?.to_str().ends_with("SameSite=Strict"));
/// let without_tls = Cookie::new("theme", CookieScheme::Loopback)?.same_site(SameSite::None);
/// assert_eq!(without_tls, Err(CookieError::SameSite));
/// # Ok::<(), CookieError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// Never. Who follows a link from elsewhere arrives logged out.
    Strict,
    /// When a link is followed.
    #[default]
    Lax,
    /// Always: for pages framed by other sites. Over https only.
    None,
}

/// Why a cookie cannot be written so.
///
/// ```
/// use portcullis::cookie::{CookieError, CookieScheme};
///
/// let public = CookieScheme::of("http://app.example.com");
/// assert!(matches!(public, Err(CookieError::NotSecure(_))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CookieError {
    /// Neither https nor this machine.
    #[error(
        "cookies for `{0}` could be read and changed on the way: serve it by https, or in development on http://localhost"
    )]
    NotSecure(String),
    /// A name that no cookie can have, or that has a prefix of its own.
    #[error(
        "`{0}` cannot be the name of a cookie: give letters, digits, `-` and `_`, without the prefix `__Host-`, which is \
         added where it belongs"
    )]
    Name(String),
    /// `SameSite=None` without https.
    #[error("browsers take SameSite=None over https only")]
    SameSite,
    /// A value with other characters.
    #[error(
        "the value of cookie `{0}` has characters that a cookie cannot carry: encode it, for example in base64url"
    )]
    Value(String),
    /// Larger than browsers keep.
    #[error(
        "cookie `{0}` would be larger than the 4096 bytes that browsers keep: keep less in it; of an access token, give \
         its users fewer roles and scopes, or log in narrowed to some"
    )]
    TooLong(String),
}

impl CookieScheme {
    /// The name on the wire.
    pub(crate) fn full_name(self, name: &str) -> String {
        match self {
            Self::Https => format!("__Host-{name}"),
            Self::Loopback => name.to_owned(),
        }
    }

    /// That of an application at this address, as its users' browsers see it.
    ///
    /// ```
    /// use portcullis::cookie::CookieScheme;
    ///
    /// assert_eq!(CookieScheme::of("https://app.example.com"), Ok(CookieScheme::Https));
    /// assert_eq!(CookieScheme::of("http://localhost:8000"), Ok(CookieScheme::Loopback));
    /// assert!(CookieScheme::of("http://app.example.com").is_err());
    /// ```
    ///
    /// # Errors
    /// When it is neither https nor http on a loopback address.
    pub fn of(public_url: &str) -> Result<Self, CookieError> {
        let uri: Option<Uri> = public_url.parse().ok();
        let host = uri.as_ref().and_then(Uri::host);
        match (uri.as_ref().and_then(Uri::scheme_str), host) {
            (Some("https"), Some(_)) => Ok(Self::Https),
            (Some("http"), Some(host)) if is_loopback(host) => Ok(Self::Loopback),
            _ => Err(CookieError::NotSecure(public_url.to_owned())),
        }
    }
}

/// `localhost`, names below it (RFC 6761, section 6.3), 127.0.0.0/8 and `::1`.
fn is_loopback(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// How one cookie is written and read: always `Path=/`, never `Domain`; `HttpOnly` and `SameSite=Lax` unless told.
///
/// ```
/// use std::time::Duration;
/// use portcullis::cookie::{Cookie, CookieScheme, SameSite};
///
/// let theme = Cookie::new("theme", CookieScheme::Https)?.max_age(Duration::from_secs(3600));
/// assert_eq!(
///     theme.set("dark")?.to_str(),
///     "__Host-theme=dark; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax"
/// );
///
/// let language = Cookie::new("language", CookieScheme::Https)?.same_site(SameSite::Strict)?.readable_by_scripts();
/// assert_eq!(language.set("en")?.to_str(), "__Host-language=en; Path=/; Secure; SameSite=Strict");
/// assert_eq!(language.clear().to_str(), "__Host-language=; Path=/; Max-Age=0; Secure; SameSite=Strict");
///
/// let headers = http::HeaderMap::from_iter([(http::header::COOKIE, "__Host-language=en".parse()?)]);
/// assert_eq!((language.name(), language.read(&headers)?), ("__Host-language", Some("en")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    name: String,
    scheme: CookieScheme,
    same_site: SameSite,
    max_age: Option<Duration>,
    http_only: bool,
}

impl Cookie {
    /// The cookie `name`, whose full name depends on the scheme. It lasts until the browser is closed, unless told.
    ///
    /// # Errors
    /// When no cookie can have this name.
    pub fn new(name: &str, scheme: CookieScheme) -> Result<Self, CookieError> {
        let has_prefix = name.starts_with("__");
        if has_prefix || !read::is_name(name.as_bytes()) {
            return Err(CookieError::Name(name.to_owned()));
        }
        Ok(Self {
            name: scheme.full_name(name),
            scheme,
            same_site: SameSite::default(),
            max_age: None,
            http_only: true,
        })
    }

    /// One with this very name that is sent, and lasts, like this one.
    pub(crate) fn beside(&self, name: String) -> Self {
        Self {
            name,
            http_only: true,
            ..self.clone()
        }
    }

    pub(crate) const fn scheme(&self) -> CookieScheme {
        self.scheme
    }

    /// Until the browser is closed.
    pub(crate) const fn until_closed(mut self) -> Self {
        self.max_age = None;
        self
    }

    /// When it is sent with requests that another site caused.
    ///
    /// # Errors
    /// [`SameSite::None`] without https.
    pub fn same_site(mut self, same_site: SameSite) -> Result<Self, CookieError> {
        if same_site == SameSite::None && self.scheme != CookieScheme::Https {
            return Err(CookieError::SameSite);
        }
        self.same_site = same_site;
        Ok(self)
    }

    /// For how long the browser keeps it, in whole seconds. Browsers cap it at 400 days.
    #[must_use]
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Lets scripts of the page read it. Never for what logs somebody in.
    #[must_use]
    pub const fn readable_by_scripts(mut self) -> Self {
        self.http_only = false;
        self
    }

    /// The full name, as it is on the wire.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value that came with a request.
    ///
    /// # Errors
    /// When several came and they differ.
    pub fn read<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a str>, DuplicateCookie> {
        Cookies::of(headers).get(&self.name)
    }

    /// Sets it: a part of an answer.
    ///
    /// # Errors
    /// When the value cannot be carried, or is too long. It is not encoded: that would be guessed back differently by
    /// each reader.
    pub fn set(&self, value: &str) -> Result<SetCookie, CookieError> {
        if !value.bytes().all(read::is_octet) {
            return Err(CookieError::Value(self.name.clone()));
        }
        if self.name.len() + value.len() > MOST {
            return Err(CookieError::TooLong(self.name.clone()));
        }
        Ok(self.write(value))
    }

    /// Sets it to one of our own tokens: short, and in base64url.
    pub(crate) fn write(&self, token: &str) -> SetCookie {
        self.line(token, self.max_age)
    }

    /// Makes the browser forget it: a part of an answer.
    pub fn clear(&self) -> SetCookie {
        self.line("", Some(Duration::ZERO))
    }

    /// Begins a session of an application's own: a fresh id of 256 bits, to be stored (hashed, best) and found again by
    /// [`Cookie::read`]. Call it at each login: an id that was there before may be known to somebody else (session
    /// fixation), so none is ever taken over.
    ///
    /// ```
    /// use axum::response::{IntoResponse, Redirect, Response};
    /// use portcullis::{cookie::{Cookie, CookieScheme}, core::rng::SystemRng};
    ///
    /// # fn store(_: &str) {}
    /// fn logged_in(session: &Cookie) -> Response {
    ///     let (id, set) = session.set_session(&SystemRng);
    ///     store(secrecy::ExposeSecret::expose_secret(&id));
    ///     (set, Redirect::to("/")).into_response()
    /// }
    /// fn logged_out(session: &Cookie) -> Response {
    ///     (session.clear_session(), Redirect::to("/")).into_response()
    /// }
    /// # let _ = (logged_in, logged_out);
    /// ```
    pub fn set_session(&self, rng: &dyn Rng) -> (SecretString, SetCookie) {
        let id = SecretString::from(URL_SAFE_NO_PAD.encode(rng::bytes::<32>(rng)));
        let set = self.write(id.expose_secret());
        (id, set)
    }

    /// Ends a session of an application's own in the browser. End it in the store, too.
    ///
    /// ```
    /// use portcullis::cookie::{Cookie, SetCookie};
    ///
    /// fn logged_out(session: &Cookie) -> (SetCookie, &'static str) { (session.clear_session(), "bye") }
    /// ```
    pub fn clear_session(&self) -> SetCookie {
        self.clear()
    }

    fn line(&self, value: &str, max_age: Option<Duration>) -> SetCookie {
        let mut text = format!("{}={value}; Path=/", self.name);
        if let Some(max_age) = max_age {
            // Writing to a string cannot fail.
            let _ = write!(text, "; Max-Age={}", max_age.as_secs());
        }
        if self.scheme == CookieScheme::Https {
            text.push_str("; Secure");
        }
        if self.http_only {
            text.push_str("; HttpOnly");
        }
        text.push_str(match self.same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        });
        SetCookie(text)
    }
}

/// A `Set-Cookie` line: a part of an answer, `(set, Json(body))`. Such an answer is `no-store` unless it says otherwise
/// before. Has no `Debug`: it holds a secret.
///
/// ```
/// use axum::response::{IntoResponse, Response};
/// use portcullis::cookie::{Cookie, CookieError, SetCookie};
///
/// fn dark(theme: &Cookie) -> Result<Response, CookieError> {
///     let set: SetCookie = theme.set("dark")?;
///     Ok((set, "dark now").into_response())
/// }
/// fn is_for_https(set: &SetCookie) -> bool { set.to_str().contains("; Secure") }
/// ```
#[derive(Clone)]
#[must_use = "make it a part of the answer"]
pub struct SetCookie(String);

impl SetCookie {
    /// The header's value.
    #[must_use]
    pub fn to_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn add_to(self, headers: &mut HeaderMap) {
        // Names and values are checked where they come in, so this cannot fail.
        if let Ok(mut value) = HeaderValue::try_from(self.0) {
            value.set_sensitive(true);
            headers.append(header::SET_COOKIE, value);
            headers
                .entry(header::CACHE_CONTROL)
                .or_insert(HeaderValue::from_static("no-store"));
        }
    }
}

impl IntoResponseParts for SetCookie {
    type Error = Infallible;

    fn into_response_parts(self, mut res: ResponseParts) -> Result<ResponseParts, Infallible> {
        self.add_to(res.headers_mut());
        Ok(res)
    }
}

impl IntoResponse for SetCookie {
    fn into_response(self) -> Response {
        (self, ()).into_response()
    }
}
