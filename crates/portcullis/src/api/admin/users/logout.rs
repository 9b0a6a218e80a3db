use std::sync::Arc;

use axum::extract::State;
use portcullis_core::{authority::Authority, id::UserId, session::EndReason};

use crate::{
    access::Allow,
    api::{
        Admin, ByCaller,
        documented::{NotFound, ParameterErrors, Unavailable},
        responses::Done,
    },
    input::{Json, Path},
    problem::Problem,
};

/// Log a user out everywhere
#[utoipa::path(
    post, path = "/admin/users/{id}/logout", tag = "admin", operation_id = "logout_user",
    params(("id" = String, Path, description = "The user", format = "uuid")),
    responses((status = 200, description = "All sessions ended", body = Done), NotFound, ParameterErrors, Unavailable)
)]
pub(crate) async fn logout_user(
    _: Allow<Admin>,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    Path(id): Path<UserId>,
) -> Result<Json<Done>, Problem> {
    match authority.end_all(&caller, id, EndReason::Admin).await? {
        Some(_) => Ok(Json(Done::yes())),
        None => Err(Problem::not_found().detail("There is no such user.")),
    }
}
