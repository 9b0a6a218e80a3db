use std::sync::Arc;

use axum::extract::State;
use portcullis_core::authority::{Authority, ProfileChange};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    access::CurrentUser,
    api::{
        ByCaller, UserResponse,
        documented::{BodyErrors, Conflict, Limited},
        typed,
    },
    input::{Check, Json, Valid, Validate},
    problem::Problem,
};

/// What to change of the account.
#[derive(Deserialize, ToSchema)]
pub(crate) struct UpdateMeRequest {
    /// New name.
    #[schema(example = "Ada King", min_length = 1, max_length = 100)]
    name: Option<String>,
    /// New email; needs `password`.
    #[schema(example = "ada@example.com", max_length = 254)]
    email: Option<String>,
    /// The current password, if the email is to change.
    #[schema(format = "password", value_type = Option<String>)]
    password: Option<SecretString>,
}

impl Validate for UpdateMeRequest {
    type Valid = ProfileChange;

    fn validate(self, check: &mut Check) -> Option<ProfileChange> {
        let name = check.parse_optional("name", self.name.as_deref());
        let email = check.parse_optional("email", self.email.as_deref());
        if self.email.is_some() && self.password.is_none() {
            check.refuse("password", "missing", "required to change the email");
        }
        let password = match &self.password {
            Some(password) => typed::password(check, "password", password).map(Some),
            None => Some(None),
        };
        Some(ProfileChange {
            name: name?,
            email: email?,
            password: password?,
        })
    }
}

/// Change name or email
#[utoipa::path(
    patch, path = "/me", tag = "me", operation_id = "update_me",
    request_body = UpdateMeRequest,
    responses((status = 200, description = "The account as it is now", body = UserResponse), Conflict, BodyErrors, Limited)
)]
pub(crate) async fn update_me(
    user: CurrentUser,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    Valid(change): Valid<Json<UpdateMeRequest>>,
) -> Result<Json<UserResponse>, Problem> {
    let changed = authority.change_profile(&caller, &user, change).await?;
    Ok(Json(UserResponse::from(&changed)))
}
