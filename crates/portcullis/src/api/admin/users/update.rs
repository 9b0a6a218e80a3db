use std::sync::Arc;

use axum::extract::State;
use portcullis_core::{
    authority::{AdminUserChange, Authority},
    id::UserId,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::create::roles;
use crate::{
    access::Allow,
    api::{
        Admin, ByCaller, UserResponse,
        documented::{BodyErrors, Conflict, NotFound, Unavailable},
    },
    input::{Check, Json, Path, Valid, Validate},
    problem::Problem,
};

/// What to change of a user.
#[derive(Deserialize, ToSchema)]
pub(crate) struct UpdateUserRequest {
    /// New name.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// New roles, all of them.
    roles: Option<Vec<String>>,
    /// `active` or `disabled`.
    status: Option<String>,
}

impl Validate for UpdateUserRequest {
    type Valid = AdminUserChange;

    fn validate(self, check: &mut Check) -> Option<AdminUserChange> {
        let name = check.parse_optional("name", self.name.as_deref());
        let roles = roles(check, self.roles);
        let status = check.parse_optional("status", self.status.as_deref());
        Some(AdminUserChange {
            name: name?,
            roles: roles?,
            status: status?,
        })
    }
}

/// Change a user
///
/// New roles void the user's access tokens at once: a refresh brings the new roles. Disabling ends the sessions too.
#[utoipa::path(
    patch, path = "/admin/users/{id}", tag = "admin", operation_id = "update_user",
    params(("id" = String, Path, description = "The user", format = "uuid")),
    request_body = UpdateUserRequest,
    responses((status = 200, description = "The user as it is now", body = UserResponse), NotFound, Conflict, BodyErrors, Unavailable)
)]
pub(crate) async fn update_user(
    _: Allow<Admin>,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    Path(id): Path<UserId>,
    Valid(change): Valid<Json<UpdateUserRequest>>,
) -> Result<Json<UserResponse>, Problem> {
    let user = authority.change_user(&caller, id, change).await?;
    Ok(Json(UserResponse::from(&user)))
}
