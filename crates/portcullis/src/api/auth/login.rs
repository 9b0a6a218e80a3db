use std::sync::Arc;

use axum::{extract::State, response::Response};
use portcullis_core::authority::{Authority, LoginRequest};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    access::Public,
    api::{
        ByCaller, LoginAnswer,
        browser::Visit,
        documented::{BodyErrors, Forged, Limited, NotLoggedIn},
        typed,
    },
    input::{Body, Check, Valid, Validate, password_form},
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
    /// `true` asks for cookies in the place of tokens: for pages.
    #[serde(default)]
    cookies: bool,
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
    /// `true` asks for cookies in the place of tokens: for pages.
    cookies: Option<bool>,
}

pub(crate) struct Login {
    request: LoginRequest,
    cookies: bool,
}

impl Validate for LoginBody {
    type Valid = Login;

    fn validate(self, check: &mut Check) -> Option<Login> {
        let scopes = password_form::scopes(check, self.scope.as_deref())?;
        let identifier = typed::identifier(check, "email", self.email);
        let password = typed::password(check, "password", &self.password);
        Some(Login {
            request: LoginRequest {
                identifier: identifier?,
                password: password?,
                scopes: Some(scopes).filter(|scopes| !scopes.is_empty()),
                device: self.device_token,
            },
            cookies: self.cookies,
        })
    }
}

/// Log in
///
/// By the password form of OAuth2 (`username`, `password`) or JSON (`email`, `password`). An unknown email, a wrong
/// password and a disabled account get the same answer.
///
/// With `cookies: true` the tokens come as cookies that scripts cannot read, and the body has a CSRF token instead. A
/// session that the browser had before ends.
#[utoipa::path(
    post, path = "/auth/login", tag = "auth", operation_id = "login",
    request_body(content(
        (PasswordForm = "application/x-www-form-urlencoded"),
        (LoginBody = "application/json"),
    )),
    responses(
        (status = 200, description = "Logged in", body = LoginAnswer),
        NotLoggedIn, Forged, BodyErrors, Limited,
    )
)]
pub(crate) async fn login(
    _: Public,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    visit: Visit,
    Valid(login): Valid<Body<LoginBody>>,
) -> Result<Response, Problem> {
    let Login { mut request, cookies } = login;
    visit.check(cookies)?;
    request.device = request.device.or_else(|| visit.device_token());
    let pair = authority.login(&caller, request).await?;
    visit.begin(&authority, &caller, pair, cookies).await
}
