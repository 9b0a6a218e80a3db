use std::sync::Arc;

use axum::{extract::State, response::Response};
use portcullis_core::{
    authority::{AccountError, Authority},
    password::Password,
};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    access::CurrentUser,
    api::{
        ByCaller, LoginAnswer,
        browser::Visit,
        documented::{BodyErrors, Conflict, Limited},
        problems::wrong_password,
        typed,
    },
    input::{Check, Json, Valid, Validate},
    problem::Problem,
};

/// The current password and the new one.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ChangePasswordRequest {
    /// The current password.
    #[schema(format = "password", value_type = String)]
    current_password: SecretString,
    /// The new one.
    #[schema(format = "password", min_length = 8, max_length = 128, value_type = String)]
    new_password: SecretString,
}

pub(crate) struct ChangePassword {
    current: Password,
    new: Password,
}

impl Validate for ChangePasswordRequest {
    type Valid = ChangePassword;

    fn validate(self, check: &mut Check) -> Option<ChangePassword> {
        let current = typed::password(check, "current_password", &self.current_password);
        let new = typed::password(check, "new_password", &self.new_password);
        Some(ChangePassword {
            current: current?,
            new: new?,
        })
    }
}

/// Change the password
///
/// Every earlier access token is void, all other sessions end; this one goes on with the new pair, in cookies if it came
/// by cookie.
#[utoipa::path(
    post, path = "/me/password", tag = "me", operation_id = "change_password",
    request_body = ChangePasswordRequest,
    responses((status = 200, description = "A new pair for this session", body = LoginAnswer), Conflict, BodyErrors, Limited)
)]
pub(crate) async fn change_password(
    user: CurrentUser,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    visit: Visit,
    Valid(passwords): Valid<Json<ChangePasswordRequest>>,
) -> Result<Response, Problem> {
    let ChangePassword { current, new } = passwords;
    match authority.change_password(&caller, &user, current, new).await {
        Ok(pair) => visit.grant(pair, visit.by_cookie()),
        Err(AccountError::WrongPassword) => Err(wrong_password("current_password")),
        Err(error) => Err(error.into()),
    }
}
