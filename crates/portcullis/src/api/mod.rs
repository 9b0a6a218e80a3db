//! The JSON API of a Portcullis: one endpoint, one file.

mod admin;
mod auth;
mod browser;
mod caller;
mod documentation;
mod documented;
mod endpoints;
#[cfg(feature = "issuer")]
mod identities;
mod me;
#[cfg(feature = "issuer")]
mod pages;
mod problems;
#[cfg(feature = "issuer")]
mod providers;
mod responses;
mod scopes;
mod state;
mod typed;
mod well_known;

use http::request::Parts;
use utoipa::openapi::OpenApi;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use self::state::SignInParts;
pub use self::{
    admin::{AuditResponse, RoleResponse},
    browser::Browser,
    caller::ByCaller,
    documentation::documentation,
    endpoints::Endpoints,
    responses::{CookieSessionResponse, LoginAnswer, TokenPairResponse, UserResponse},
    scopes::{Admin, Me},
    state::Api,
};
use crate::{
    access::LocalUser,
    cookie::CookieScheme,
    gate::{AccessTable, Gate},
    provider::{AuthError, AuthProvider, TokenSources},
};

/// Who may call what: what a running server enforces, without one.
///
/// ```
/// assert!(portcullis::api::access_table().to_string().contains("POST    /auth/login"));
/// ```
pub fn access_table() -> AccessTable {
    alone().access_table()
}

/// The OpenAPI document: what a running server gives at `/openapi.json`, without one.
///
/// ```
/// let document = portcullis::api::openapi().unwrap();
/// assert!(document.paths.paths.contains_key("/auth/login"));
/// ```
pub fn openapi() -> Option<OpenApi> {
    alone().openapi()
}

/// All endpoints behind a gate where nobody will call.
fn alone() -> Gate<Api> {
    Gate::new(Nobody)
        .merge(endpoints::all())
        .documented(documentation())
}

/// The beginning of the names of the server's cookies, unless told.
///
/// ```
/// assert_eq!(portcullis::api::COOKIE_NAME, "portcullis");
/// ```
pub const COOKIE_NAME: &str = "portcullis";

/// Stands where nobody will call. It knows no one, and says so as something that failed.
struct Nobody;

impl AuthProvider for Nobody {
    type User = LocalUser;

    async fn authenticate(&self, _: &Parts) -> Result<LocalUser, AuthError> {
        Err(AuthError::unavailable())
    }

    fn token_sources(&self) -> TokenSources {
        TokenSources::default().cookie(CookieScheme::Https.full_name(&format!("{COOKIE_NAME}-access")))
    }
}

#[cfg(test)]
mod tests;
