use std::sync::Arc;

use axum::extract::State;
use portcullis_core::authority::Authority;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{access::Public, api::documented::Unavailable, input::Json, problem::Problem};

/// How it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

const OK: Health = Health { status: "ok" };

/// Is it alive
///
/// Answers as long as the process does.
#[utoipa::path(
    get, path = "/healthz", tag = "health", operation_id = "healthz",
    responses((status = 200, description = "Alive", body = Health))
)]
pub(crate) async fn healthz(_: Public) -> Json<Health> {
    Json(OK)
}

/// Is it ready
///
/// Answers 200 while the database answers, revocations are known up to date, and the clock of this node is within 2 s of the
/// database's. Otherwise 503, and `error` is `stale`, `database`, `clock` or `stopping`.
#[utoipa::path(
    get, path = "/readyz", tag = "health", operation_id = "readyz",
    responses((status = 200, description = "Ready", body = Health), Unavailable)
)]
pub(crate) async fn readyz(
    _: Public,
    State(authority): State<Arc<Authority>>,
) -> Result<Json<Health>, Problem> {
    authority.ready().await?;
    Ok(Json(OK))
}
