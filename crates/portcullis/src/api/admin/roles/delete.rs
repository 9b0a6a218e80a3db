use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use portcullis_core::{access::RoleName, authority::Authority};

use crate::{
    access::Allow,
    api::{
        Admin, ByCaller,
        documented::{Conflict, NotFound, ParameterErrors, Unavailable},
    },
    input::Path,
    problem::Problem,
};

/// Delete a role
///
/// Users lose it, other roles imply it no more; every access token that carries it is void at once.
#[utoipa::path(
    delete, path = "/admin/roles/{name}", tag = "admin", operation_id = "delete_role",
    params(("name" = String, Path, description = "The role", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:/-]+$")),
    responses((status = 204, description = "Deleted"), NotFound, Conflict, ParameterErrors, Unavailable)
)]
pub(crate) async fn delete_role(
    _: Allow<Admin>,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    Path(name): Path<RoleName>,
) -> Result<StatusCode, Problem> {
    authority.delete_role(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
