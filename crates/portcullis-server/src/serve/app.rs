//! The seam to the rest of Portcullis: what the server answers.

use axum::{Router, routing::get};

/// All routes.
pub(super) fn app() -> Router {
    Router::new().route("/healthz", get(async || "ok"))
}
