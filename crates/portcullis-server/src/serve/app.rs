//! What the server answers: the API behind its edge.

use std::sync::Arc;

use axum::Router;
use portcullis::{
    api,
    layers::{Cors, EdgeConfig, ForwardedBy, TrustedProxies},
};
use portcullis_core::authority::Authority;

use super::ServeError;
use crate::config::Settings;

/// All routes.
pub(super) fn app(settings: &Settings, authority: Arc<Authority>) -> Result<Router, ServeError> {
    let cors = match settings.cors_origins.as_slice() {
        [] => None,
        origins => Some(Cors::new(origins, true)?),
    };
    let hsts = settings.tls.is_some() || authority.config().issuer.starts_with("https://");
    let edge = EdgeConfig {
        trusted_proxies: TrustedProxies::new(
            settings.http.trusted_proxies.clone(),
            ForwardedBy::XForwardedFor,
        ),
        cors,
        hsts,
        max_body: settings.http.max_body,
        timeout: settings.http.request_timeout,
    };
    Ok(api::router(authority, edge)?)
}
