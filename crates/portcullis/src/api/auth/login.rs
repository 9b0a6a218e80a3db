use std::sync::Arc;

use axum::extract::State;
use portcullis_core::{
    authority::{Authority, LoginRequest},
    password::Password,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    access::Public,
    api::{
        ByCaller, TokenPairResponse,
        documented::{BodyErrors, Limited, NotLoggedIn},
    },
    input::{Body, Check, Json, Valid, Validate, password_form},
    problem::Problem,
};

/// A login as JSON.
#[derive(Deserialize, ToSchema)]
pub(crate) struct LoginBody {
    /// Email.
    #[serde(alias = "username")]
    #[schema(example = "user@example.com")]
    email: String,
    /// Password.
    #[schema(format = "password", example = "secret123", value_type = String)]
    password: SecretString,
    /// Scopes to narrow the session to, separated by spaces; none asks for all.
    scope: Option<String>,
    /// The `device_token` of an earlier login on this device.
    #[schema(value_type = Option<String>)]
    device_token: Option<SecretString>,
}

/// A login as the password form of OAuth2 (RFC 6749, section 4.3.2).
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the form; `LoginBody` reads both")]
pub(crate) struct PasswordForm {
    /// Always `password`, if sent.
    #[schema(example = "password")]
    grant_type: Option<String>,
    /// Email.
    #[schema(example = "user@example.com")]
    username: String,
    /// Password.
    #[schema(format = "password", example = "secret123")]
    password: String,
    /// Scopes to narrow the session to, separated by spaces; none asks for all.
    scope: Option<String>,
    /// The `device_token` of an earlier login on this device.
    device_token: Option<String>,
}

impl Validate for LoginBody {
    type Valid = LoginRequest;

    fn validate(self, check: &mut Check) -> Option<LoginRequest> {
        let scopes = password_form::scopes(check, self.scope.as_deref())?;
        Some(LoginRequest {
            identifier: self.email,
            password: Password::new(self.password.expose_secret()),
            scopes: Some(scopes).filter(|scopes| !scopes.is_empty()),
            device: self.device_token,
        })
    }
}

/// Log in
///
/// By the password form of OAuth2 (`username`, `password`) or JSON (`email`, `password`). An unknown email, a wrong
/// password and a disabled account get the same answer.
#[utoipa::path(
    post, path = "/auth/login", tag = "auth", operation_id = "login",
    request_body(content(
        (PasswordForm = "application/x-www-form-urlencoded"),
        (LoginBody = "application/json"),
    )),
    responses(
        (status = 200, description = "Logged in", body = TokenPairResponse),
        NotLoggedIn, BodyErrors, Limited,
    )
)]
pub(crate) async fn login(
    _: Public,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    Valid(request): Valid<Body<LoginBody>>,
) -> Result<Json<TokenPairResponse>, Problem> {
    Ok(Json(authority.login(&caller, request).await?.into()))
}
