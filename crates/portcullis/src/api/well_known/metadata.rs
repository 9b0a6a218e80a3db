use std::sync::Arc;

use axum::{extract::State, response::IntoResponse};
use http::{HeaderValue, header};
use portcullis_core::authority::{Authority, check_issuer};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{access::Public, api::documented::NotFound, input::Json, problem::Problem};

/// What verifiers need to know of us (RFC 8414, section 2).
#[derive(Serialize, ToSchema)]
pub(crate) struct IssuerMetadata {
    /// The `iss` of our tokens.
    #[schema(format = "uri")]
    issuer: String,
    /// Where our public keys are.
    #[schema(format = "uri")]
    jwks_uri: String,
    /// None: people log in by `/auth/login`, not by the endpoints of OAuth.
    response_types_supported: [&'static str; 0],
    /// None, likewise.
    grant_types_supported: [&'static str; 0],
}

/// About this issuer
///
/// From here libraries that know nothing but the issuer's URL find the keys to verify our access tokens with (RFC 8414). 404
/// where the issuer is a plain name.
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "keys", operation_id = "issuer_metadata",
    responses((status = 200, description = "About this issuer", body = IssuerMetadata), NotFound)
)]
pub(crate) async fn issuer_metadata(
    _: Public,
    State(authority): State<Arc<Authority>>,
) -> Result<impl IntoResponse, Problem> {
    let issuer = &authority.config().issuer;
    if check_issuer(issuer).is_some() {
        return Err(Problem::not_found());
    }
    let metadata = IssuerMetadata {
        jwks_uri: format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')),
        issuer: issuer.clone(),
        response_types_supported: [],
        grant_types_supported: [],
    };
    let keep = HeaderValue::from_static("public, max-age=300");
    Ok(([(header::CACHE_CONTROL, keep)], Json(metadata)))
}
