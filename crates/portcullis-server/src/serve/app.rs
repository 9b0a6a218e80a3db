//! What the server answers: the API behind its edge.

use axum::Router;
use portcullis::{Gate, Portcullis, api, gate::GateError};

/// All routes.
pub(super) fn app(portcullis: &Portcullis) -> Result<Router, GateError> {
    let router = Gate::new(portcullis.clone())
        .merge(portcullis.routes())
        .documented(api::documentation())
        .into_router()?;
    Ok(router.layer(portcullis.edge()))
}
