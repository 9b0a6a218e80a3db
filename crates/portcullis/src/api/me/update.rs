use std::sync::Arc;

use axum::extract::State;
use portcullis_core::authority::{Authority, ProfileChange};
use secrecy::SecretString;
use serde::{Deserialize, de::IgnoredAny};
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
    /// What `GET /me` shows beside them is not one's own to change. Said rather than passed over: whoever sends it believes
    /// that it will count.
    #[schema(ignore)]
    id: Option<IgnoredAny>,
    #[schema(ignore)]
    roles: Option<IgnoredAny>,
    #[schema(ignore)]
    scopes: Option<IgnoredAny>,
    #[schema(ignore)]
    status: Option<IgnoredAny>,
    #[schema(ignore)]
    created_at: Option<IgnoredAny>,
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
        let fixed = [
            ("id", self.id),
            ("roles", self.roles),
            ("scopes", self.scopes),
            ("status", self.status),
            ("created_at", self.created_at),
        ];
        for (field, _) in fixed.into_iter().filter(|(_, sent)| sent.is_some()) {
            check.refuse(
                field,
                "read_only",
                "not yours to change: an administrator sets roles and status by `PATCH /admin/users/{id}`, and the rest stays",
            );
        }
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
