//! What the server answers: the API behind its layers.

use std::sync::Arc;

use axum::{Router, middleware};
use portcullis::{api, gate::GateError};
use portcullis_core::authority::Authority;

use crate::config::Settings;

/// All routes.
pub(super) fn app(_settings: &Settings, authority: Arc<Authority>) -> Result<Router, GateError> {
    let router = api::gate(authority).into_router()?;
    Ok(router.layer(middleware::from_fn(api::with_caller)))
}
