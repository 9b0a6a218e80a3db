//! The JSON API of a Portcullis: one endpoint, one file.

mod admin;
mod auth;
mod caller;
mod documentation;
mod documented;
mod me;
mod problems;
mod responses;
mod scopes;
mod well_known;

use std::sync::Arc;

use axum::{Router, middleware};
use http::request::Parts;
use portcullis_core::authority::Authority;
use utoipa::openapi::OpenApi;

use self::caller::with_caller;
pub use self::{
    caller::ByCaller,
    responses::{TokenPairResponse, UserResponse},
    scopes::{Admin, Me},
};
use crate::{
    access::LocalUser,
    gate::{AccessTable, Gate, GateError, Routes},
    layers::{Edge, EdgeConfig},
    provider::{AuthError, AuthProvider, Local},
    routes,
};

/// All endpoints.
pub fn routes() -> Routes<Arc<Authority>> {
    Routes::new()
        .routes(routes!(
            auth::register::register,
            auth::login::login,
            auth::refresh::refresh,
            auth::logout::logout,
            auth::logout_all::logout_all,
        ))
        .routes(routes!(
            me::read::me,
            me::update::update_me,
            me::delete::delete_me,
            me::password::change_password,
            me::sessions::list::my_sessions,
            me::sessions::end::end_my_session,
        ))
        .routes(routes!(
            admin::users::list::list_users,
            admin::users::create::create_user,
            admin::users::read::read_user,
            admin::users::update::update_user,
            admin::users::delete::delete_user,
            admin::users::logout::logout_user,
        ))
        .routes(routes!(
            admin::roles::list::list_roles,
            admin::roles::put::put_role,
            admin::roles::delete::delete_role,
            admin::audit::list_audit,
        ))
        .routes(routes!(
            well_known::jwks::jwks,
            well_known::health::healthz,
            well_known::health::readyz,
        ))
}

/// The endpoints behind a gate that believes what `authority` believes.
pub fn gate(authority: Arc<Authority>) -> Gate {
    behind(Local::new(authority.clone()), routes().with_state(authority))
}

/// Who may call what: what a running server enforces, without one.
pub fn access_table() -> AccessTable {
    behind(Nobody, routes()).access_table()
}

/// The OpenAPI document: what a running server gives at `/openapi.json`, without one.
pub fn openapi() -> Option<OpenApi> {
    behind(Nobody, routes()).openapi()
}

fn behind<S: Clone + Send + Sync + 'static>(
    provider: impl AuthProvider<User = LocalUser>,
    routes: Routes<S>,
) -> Gate<S> {
    Gate::new(provider)
        .merge(routes)
        .documented(documentation::documentation())
}

/// Stands where nobody will call. It knows no one, and says so as something that failed.
struct Nobody;

impl AuthProvider for Nobody {
    type User = LocalUser;

    async fn authenticate(&self, _: &Parts) -> Result<LocalUser, AuthError> {
        Err(AuthError::unavailable())
    }
}

/// The whole API: the endpoints behind their gate, and everything that goes through one edge.
///
/// # Errors
/// When two routes are in each other's way.
pub fn router(authority: Arc<Authority>, edge: EdgeConfig) -> Result<Router, GateError> {
    let edge = Edge::new(edge, authority.clock().clone(), &**authority.rng());
    let router = gate(authority).into_router()?;
    Ok(router.layer(middleware::from_fn(with_caller)).layer(edge))
}

#[cfg(test)]
mod tests;
