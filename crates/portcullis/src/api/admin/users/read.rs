use std::sync::Arc;

use axum::extract::State;
use portcullis_core::{authority::Authority, id::UserId};

use crate::{
    access::Allow,
    api::{
        Admin, UserResponse,
        documented::{NotFound, ParameterErrors, Unavailable},
    },
    input::{Json, Path},
    problem::Problem,
};

/// Read a user
#[utoipa::path(
    get, path = "/admin/users/{id}", tag = "admin", operation_id = "read_user",
    params(("id" = String, Path, description = "The user", format = "uuid")),
    responses((status = 200, description = "The user", body = UserResponse), NotFound, ParameterErrors, Unavailable)
)]
pub(crate) async fn read_user(
    _: Allow<Admin>,
    State(authority): State<Arc<Authority>>,
    Path(id): Path<UserId>,
) -> Result<Json<UserResponse>, Problem> {
    let user = authority.user(id).await?;
    let user = user.ok_or_else(|| Problem::not_found().detail("There is no such user."))?;
    Ok(Json(UserResponse::from(&user)))
}
