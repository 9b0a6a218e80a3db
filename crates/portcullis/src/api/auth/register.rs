use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::StatusCode;
use portcullis_core::{
    authority::{Authority, Registration},
    password::{Password, PasswordPolicy},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    access::Public,
    api::{
        ByCaller, LoginAnswer,
        browser::Visit,
        documented::{BodyErrors, Conflict, Limited},
    },
    input::{Check, Json, Place},
    problem::{Problem, ProblemBody},
};

/// Who wants to register.
#[derive(Deserialize, ToSchema)]
pub(crate) struct RegisterRequest {
    /// Email: unique in any case.
    #[schema(example = "user@example.com", max_length = 254)]
    email: String,
    /// Password, counted in Unicode code points.
    #[schema(format = "password", example = "secret123", min_length = 8, max_length = 128, value_type = String)]
    password: SecretString,
    /// Name shown to others.
    #[schema(example = "Ada Lovelace", min_length = 1, max_length = 100)]
    name: String,
    /// `true` asks for cookies in the place of tokens, as at a login.
    #[serde(default)]
    cookies: bool,
}

impl RegisterRequest {
    /// All that is wrong at once; what the password has to do with the person is looked at later.
    fn validate(self, policy: &PasswordPolicy) -> Result<Registration, Problem> {
        let mut check = Check::new(Place::Body);
        let email = check.parse("email", &self.email);
        let name = check.parse("name", &self.name);
        let password = Password::new(self.password.expose_secret());
        if let Err(refusal) = policy.check_length(&password) {
            check.refuse("password", "password", refusal);
        }
        let registration = email.zip(name).map(|(email, name)| Registration {
            email,
            password,
            name,
        });
        check.finish(registration)
    }
}

/// Register
///
/// Adds a user with the default role and logs them in. That an email is taken is said openly; requests are limited by
/// address.
#[utoipa::path(
    post, path = "/auth/register", tag = "auth", operation_id = "register",
    request_body = RegisterRequest,
    responses(
        (status = 201, description = "Registered and logged in", body = LoginAnswer),
        (status = 403, description = "Registration is closed", body = ProblemBody, content_type = "application/problem+json"),
        Conflict, BodyErrors, Limited,
    )
)]
pub(crate) async fn register(
    _: Public,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    visit: Visit,
    Json(request): Json<RegisterRequest>,
) -> Result<(StatusCode, Response), Problem> {
    let cookies = request.cookies;
    visit.check(cookies)?;
    let registration = request.validate(&authority.config().password)?;
    let (_, pair) = authority.register(&caller, registration).await?;
    let answer = visit.begin(&authority, &caller, pair, cookies).await?;
    Ok((StatusCode::CREATED, answer))
}
