use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::StatusCode;
use portcullis_core::{authority::Authority, password::Password};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    access::CurrentUser,
    api::{
        ByCaller,
        browser::Visit,
        documented::{BodyErrors, Conflict, Limited},
        typed,
    },
    input::{Check, Json, Valid, Validate},
    problem::Problem,
};

/// The password that confirms it.
#[derive(Deserialize, ToSchema)]
pub(crate) struct DeleteMeRequest {
    /// The current password.
    #[schema(format = "password", value_type = String)]
    password: SecretString,
}

impl Validate for DeleteMeRequest {
    type Valid = Password;

    fn validate(self, check: &mut Check) -> Option<Password> {
        typed::password(check, "password", &self.password)
    }
}

/// Delete the account
///
/// Deletes the user and all sessions. Cannot be undone.
#[utoipa::path(
    delete, path = "/me", tag = "me", operation_id = "delete_me",
    request_body = DeleteMeRequest,
    responses((status = 204, description = "Deleted"), Conflict, BodyErrors, Limited)
)]
pub(crate) async fn delete_me(
    user: CurrentUser,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    visit: Visit,
    Valid(password): Valid<Json<DeleteMeRequest>>,
) -> Result<Response, Problem> {
    authority.delete_account(&caller, &user, password).await?;
    Ok(visit.forget(StatusCode::NO_CONTENT))
}
