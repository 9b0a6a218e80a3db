use std::{convert::Infallible, time::Duration};

use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use portcullis_core::{authority::TokenPair, device::DEVICE_TOKEN_LIFETIME};
use secrecy::ExposeSecret as _;

use super::{Cookie, CookieError, CookieScheme, SameSite, SetCookie};

/// The cookies of a Portcullis session: access token, refresh token, and the device token by which this browser is
/// known at the next login. All are out of reach of scripts.
///
/// The refresh token is sent to all paths too: `__Host-` demands `Path=/`, and is worth more
/// (`docs/decisions/0090`).
///
/// ```
/// use portcullis::{cookie::{CookieScheme, SameSite, SessionCookies}, provider::TokenSources};
///
/// let cookies = SessionCookies::new("app", CookieScheme::of("https://app.example.com")?)?.same_site(SameSite::Strict)?;
/// assert_eq!(cookies.access().name(), "__Host-app-access");
/// assert_eq!([cookies.refresh().name(), cookies.device().name()], ["__Host-app-refresh", "__Host-app-device"]);
/// let sources = TokenSources::default().cookie(cookies.access().name().to_owned());
/// # drop(sources);
/// # Ok::<(), portcullis::cookie::CookieError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCookies {
    access: Cookie,
    refresh: Cookie,
    device: Cookie,
}

impl SessionCookies {
    /// Cookies whose names begin with `name`.
    ///
    /// # Errors
    /// When no cookie can have this name.
    pub fn new(name: &str, scheme: CookieScheme) -> Result<Self, CookieError> {
        let cookie = |kind: &str| Cookie::new(&format!("{name}-{kind}"), scheme);
        Ok(Self {
            access: cookie("access")?,
            refresh: cookie("refresh")?,
            device: cookie("device")?.max_age(DEVICE_TOKEN_LIFETIME),
        })
    }

    /// When they are sent with requests that another site caused.
    ///
    /// # Errors
    /// [`SameSite::None`] without https.
    pub fn same_site(self, same_site: SameSite) -> Result<Self, CookieError> {
        Ok(Self {
            access: self.access.same_site(same_site)?,
            refresh: self.refresh.same_site(same_site)?,
            device: self.device.same_site(same_site)?,
        })
    }

    /// The cookie of the access token.
    #[must_use]
    pub const fn access(&self) -> &Cookie {
        &self.access
    }

    /// The cookie of the refresh token.
    #[must_use]
    pub const fn refresh(&self) -> &Cookie {
        &self.refresh
    }

    /// The cookie of the device token.
    #[must_use]
    pub const fn device(&self) -> &Cookie {
        &self.device
    }

    /// Sets them after a login or a refresh: a part of the answer. Each lasts as long as its token.
    ///
    /// ```
    /// use portcullis::{cookie::{CookieError, SessionCookies, SetCookies}, core::authority::TokenPair};
    ///
    /// fn logged_in(cookies: &SessionCookies, pair: &TokenPair) -> Result<(SetCookies, &'static str), CookieError> {
    ///     Ok((cookies.set_session(pair)?, "logged in"))
    /// }
    /// ```
    ///
    /// # Errors
    /// When the access token is too long for a cookie.
    pub fn set_session(&self, pair: &TokenPair) -> Result<SetCookies, CookieError> {
        let set = |cookie: &Cookie, secret: &secrecy::SecretString, age: Duration| {
            cookie.clone().max_age(age).set(secret.expose_secret())
        };
        Ok(SetCookies(vec![
            set(&self.access, pair.access.secret(), pair.expires_in)?,
            set(&self.refresh, pair.refresh.secret(), pair.session_expires_in)?,
            self.device.set(pair.device.secret().expose_secret())?,
        ]))
    }

    /// Makes the browser forget the session, after a logout: a part of the answer. The device stays known: that opens
    /// nothing, and keeps strangers from locking its owner out.
    ///
    /// ```
    /// use portcullis::cookie::{SessionCookies, SetCookies};
    ///
    /// fn logged_out(cookies: &SessionCookies) -> (SetCookies, &'static str) { (cookies.clear_session(), "bye") }
    /// ```
    pub fn clear_session(&self) -> SetCookies {
        SetCookies(vec![self.access.clear(), self.refresh.clear()])
    }
}

/// Several `Set-Cookie` lines: a part of an answer. Has no `Debug`: it holds secrets.
///
/// ```
/// use axum::response::{IntoResponse, Response};
/// use portcullis::cookie::{Cookie, CookieError, SetCookies};
///
/// fn both(theme: &Cookie, language: &Cookie) -> Result<Response, CookieError> {
///     Ok((SetCookies::from([theme.set("dark")?, language.set("en")?]), "set").into_response())
/// }
/// fn three(both: SetCookies, font: &Cookie) -> Result<SetCookies, CookieError> { Ok(both.and(font.set("large")?)) }
/// ```
#[derive(Clone)]
#[must_use = "make it a part of the answer"]
pub struct SetCookies(Vec<SetCookie>);

impl SetCookies {
    /// And one more.
    pub fn and(mut self, more: SetCookie) -> Self {
        self.0.push(more);
        self
    }
}

impl<T: Into<Vec<SetCookie>>> From<T> for SetCookies {
    fn from(cookies: T) -> Self {
        Self(cookies.into())
    }
}

impl IntoResponseParts for SetCookies {
    type Error = Infallible;

    fn into_response_parts(self, mut res: ResponseParts) -> Result<ResponseParts, Infallible> {
        for cookie in self.0 {
            cookie.add_to(res.headers_mut());
        }
        Ok(res)
    }
}

impl IntoResponse for SetCookies {
    fn into_response(self) -> Response {
        (self, ()).into_response()
    }
}
