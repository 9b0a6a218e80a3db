use std::sync::Arc;

use axum::extract::State;
use portcullis_core::{access::Role, authority::Authority};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::Allow,
    api::{Admin, documented::Unavailable},
    input::Json,
    problem::Problem,
};

/// A named set of scopes.
///
/// ```
/// use portcullis::{api::RoleResponse, core::access::Role, input::Json};
///
/// fn answer(role: &Role) -> Json<RoleResponse> { Json(role.into()) }
/// ```
#[derive(Serialize, ToSchema)]
#[schema(description = "A named set of scopes.")]
pub struct RoleResponse {
    /// Name.
    #[schema(example = "editor")]
    name: String,
    /// What it is for.
    description: String,
    /// Scopes of its own.
    scopes: Vec<String>,
    /// Roles whose scopes it has too.
    implies: Vec<String>,
}

impl From<&Role> for RoleResponse {
    fn from(role: &Role) -> Self {
        Self {
            name: role.name.to_string(),
            description: role.description.to_string(),
            scopes: role.scopes.iter().map(ToString::to_string).collect(),
            implies: role.implies.iter().map(ToString::to_string).collect(),
        }
    }
}

/// List roles
#[utoipa::path(
    get, path = "/admin/roles", tag = "admin", operation_id = "list_roles",
    responses((status = 200, description = "All roles by name", body = Vec<RoleResponse>), Unavailable)
)]
pub(crate) async fn list_roles(
    _: Allow<Admin>,
    State(authority): State<Arc<Authority>>,
) -> Result<Json<Vec<RoleResponse>>, Problem> {
    Ok(Json(
        authority.roles().await?.roles().map(RoleResponse::from).collect(),
    ))
}
