use std::{collections::BTreeSet, sync::Arc};

use axum::extract::State;
use http::StatusCode;
use portcullis_core::{
    access::{Role, RoleDescription, RoleName, Scope},
    authority::Authority,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::list::RoleResponse;
use crate::{
    access::Allow,
    api::{
        Admin, ByCaller,
        documented::{BodyErrors, Conflict, Unavailable},
    },
    input::{Check, Json, Path, Valid, Validate},
    problem::Problem,
};

/// What a role is.
#[derive(Deserialize, ToSchema)]
pub(crate) struct PutRoleRequest {
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 200)]
    description: String,
    /// Scopes of its own.
    #[serde(default)]
    scopes: Vec<String>,
    /// Roles whose scopes it has too.
    #[serde(default)]
    implies: Vec<String>,
}

/// A role without its name, which stands in the path.
pub(crate) struct Definition {
    description: RoleDescription,
    scopes: BTreeSet<Scope>,
    implies: BTreeSet<RoleName>,
}

impl Validate for PutRoleRequest {
    type Valid = Definition;

    fn validate(self, check: &mut Check) -> Option<Definition> {
        let description = check.parse("description", &self.description);
        let scopes = check.take("scopes", self.scopes.iter().map(|scope| scope.parse()).collect());
        let implies = check.take("implies", self.implies.iter().map(|role| role.parse()).collect());
        if self.scopes.len() > 100 {
            check.refuse("scopes", "length", "at most 100 scopes");
        }
        if self.implies.len() > 100 {
            check.refuse("implies", "length", "at most 100 implied roles");
        }
        Some(Definition {
            description: description?,
            scopes: scopes?,
            implies: implies?,
        })
    }
}

/// Add or replace a role
///
/// Every access token that carries the role is void at once: a refresh brings what it has now.
#[utoipa::path(
    put, path = "/admin/roles/{name}", tag = "admin", operation_id = "put_role",
    params(("name" = String, Path, description = "The role", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:/-]+$")),
    request_body = PutRoleRequest,
    responses(
        (status = 200, description = "Replaced", body = RoleResponse),
        (status = 201, description = "Added", body = RoleResponse),
        Conflict, BodyErrors, Unavailable,
    )
)]
pub(crate) async fn put_role(
    _: Allow<Admin>,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    Path(name): Path<RoleName>,
    Valid(definition): Valid<Json<PutRoleRequest>>,
) -> Result<(StatusCode, Json<RoleResponse>), Problem> {
    let Definition {
        description,
        scopes,
        implies,
    } = definition;
    let role = Role {
        name,
        description,
        scopes,
        implies,
    };
    let response = RoleResponse::from(&role);
    let new = authority.put_role(&caller, role).await?;
    Ok((
        if new { StatusCode::CREATED } else { StatusCode::OK },
        Json(response),
    ))
}
