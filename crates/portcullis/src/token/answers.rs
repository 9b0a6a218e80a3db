//! What tokens and their errors look like on the wire.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::header;
use portcullis_core::token::{TokenError, typed::EncodeError};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::Issued;
use crate::{problem::Problem, provider::AuthError};

/// 401 `invalid_token` (RFC 6750, section 3.1).
impl From<TokenError> for AuthError {
    fn from(error: TokenError) -> Self {
        Self::invalid(error.to_string())
    }
}

/// 401 `invalid_token` (RFC 6750, section 3.1), for tokens that come otherwise than by a provider.
impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        AuthError::from(error).into()
    }
}

/// 500: what the application wanted to state is its own affair.
impl From<EncodeError> for Problem {
    fn from(error: EncodeError) -> Self {
        Self::internal(&error)
    }
}

/// An access token, as OAuth2 gives it out (RFC 6749, section 5.1).
#[derive(Serialize, ToSchema)]
#[schema(as = AccessToken)]
struct Wire<'a> {
    /// For `Authorization: Bearer`.
    access_token: &'a str,
    /// Always `bearer`.
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// Seconds for which it is valid.
    #[schema(example = 900)]
    expires_in: u64,
}

/// 200 with the token as OAuth2 gives it out (RFC 6749, section 5.1), which nobody may cache: what a login answers.
///
/// ```
/// use portcullis::{Problem, token::{Issued, NoCustom, Tokens}};
///
/// fn log_in(tokens: &Tokens) -> Result<Issued, Problem> {
///     Ok(tokens.encode("alice", NoCustom {})?)
/// }
/// ```
impl<C> IntoResponse for Issued<C> {
    fn into_response(self) -> Response {
        let lifetime = self.claims.expires_at.since(self.claims.issued_at);
        let body = Json(Wire {
            access_token: self.token.expose_secret(),
            token_type: "bearer",
            expires_in: lifetime.as_secs(),
        });
        ([(header::CACHE_CONTROL, "no-store")], body).into_response()
    }
}

impl<C> PartialSchema for Issued<C> {
    fn schema() -> RefOr<Schema> {
        Wire::schema()
    }
}

impl<C> ToSchema for Issued<C> {
    fn name() -> std::borrow::Cow<'static, str> {
        Wire::name()
    }
}
