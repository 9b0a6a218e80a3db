use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use portcullis_core::authority::Authority;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Public;

/// Public keys (RFC 7517, section 5).
#[derive(Serialize, ToSchema)]
pub(crate) struct JwkSet {
    /// The keys: the active one, the next one, and those of which a token can still be valid.
    #[schema(value_type = Vec<Object>)]
    keys: Vec<serde_json::Value>,
}

/// Public keys
///
/// With these any JWT library verifies access tokens. Empty where a shared secret is configured.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "keys", operation_id = "jwks",
    responses(
        (status = 200, description = "Keys", body = JwkSet, content_type = "application/jwk-set+json"),
        (status = 304, description = "As the client knows them (`If-None-Match`)"),
    )
)]
pub(crate) async fn jwks(_: Public, State(authority): State<Arc<Authority>>, headers: HeaderMap) -> Response {
    let ring = authority.keys().ring().current();
    let mut answer = HeaderMap::new();
    // Short enough that a rotated key is known everywhere before it signs, long enough to spare the server.
    answer.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    );
    if let Ok(etag) = HeaderValue::try_from(ring.etag()) {
        answer.insert(header::ETAG, etag);
    }
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == ring.etag().as_bytes());
    if known {
        return (StatusCode::NOT_MODIFIED, answer).into_response();
    }
    answer.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/jwk-set+json"),
    );
    (answer, ring.jwks().to_vec()).into_response()
}
