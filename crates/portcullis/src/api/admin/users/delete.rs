use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use portcullis_core::{authority::Authority, id::UserId};

use crate::{
    access::Allow,
    api::{
        Admin, ByCaller,
        documented::{Conflict, NotFound, ParameterErrors, Unavailable},
    },
    input::Path,
    problem::Problem,
};

/// Delete a user
///
/// Deletes the user and all sessions; the tokens are void at once.
#[utoipa::path(
    delete, path = "/admin/users/{id}", tag = "admin", operation_id = "delete_user",
    params(("id" = String, Path, description = "The user", format = "uuid")),
    responses((status = 204, description = "Deleted"), NotFound, Conflict, ParameterErrors, Unavailable)
)]
pub(crate) async fn delete_user(
    _: Allow<Admin>,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    Path(id): Path<UserId>,
) -> Result<StatusCode, Problem> {
    authority.delete_user(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
