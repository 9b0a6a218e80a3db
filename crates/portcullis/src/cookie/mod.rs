//! Cookies: read strictly ([`Cookies`]), written so that nobody else can set or read them ([`Cookie`]), and those of a
//! Portcullis session ([`SessionCookies`]).
//!
//! A browser sends cookies whoever made the page. Routes that act on them need [`crate::csrf`].
//!
//! ```
//! use axum::response::{IntoResponse, Response};
//! use portcullis::{
//!     cookie::{CookieError, SessionCookies},
//!     core::authority::TokenPair,
//! };
//!
//! fn logged_in(cookies: &SessionCookies, pair: &TokenPair) -> Result<Response, CookieError> {
//!     Ok((cookies.set_session(pair)?, "Welcome").into_response())
//! }
//! fn logged_out(cookies: &SessionCookies) -> Response {
//!     (cookies.clear_session(), "Bye").into_response()
//! }
//! # let _ = (logged_in, logged_out);
//! ```

mod read;
mod session;
mod write;

pub use self::{
    read::{Cookies, DuplicateCookie},
    session::{SessionCookies, SetCookies},
    write::{Cookie, CookieError, CookieScheme, SameSite, SetCookie},
};

#[cfg(test)]
mod tests;
