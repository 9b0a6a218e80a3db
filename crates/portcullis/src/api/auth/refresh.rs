use std::sync::Arc;

use axum::extract::State;
use portcullis_core::authority::Authority;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    access::Public,
    api::{
        ByCaller, TokenPairResponse,
        documented::{BodyErrors, Limited, NotLoggedIn},
    },
    input::{Body, Json},
    problem::Problem,
};

/// A refresh token.
#[derive(Deserialize, ToSchema)]
pub(crate) struct RefreshRequest {
    /// The refresh token of the last pair.
    #[schema(value_type = String, example = "ptr_..")]
    pub(crate) refresh_token: SecretString,
}

/// Refresh
///
/// Gives a new pair for a refresh token, which is spent by it. Sending the same token again within 10 seconds gives the
/// same successor: a lost answer costs nothing. Later it counts as theft, and the session ends.
#[utoipa::path(
    post, path = "/auth/refresh", tag = "auth", operation_id = "refresh",
    request_body(content(
        (RefreshRequest = "application/json"),
        (RefreshRequest = "application/x-www-form-urlencoded"),
    )),
    responses(
        (status = 200, description = "A new pair", body = TokenPairResponse),
        NotLoggedIn, BodyErrors, Limited,
    )
)]
pub(crate) async fn refresh(
    _: Public,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    Body(request): Body<RefreshRequest>,
) -> Result<Json<TokenPairResponse>, Problem> {
    Ok(Json(
        authority
            .refresh(&caller, request.refresh_token.expose_secret())
            .await?
            .into(),
    ))
}
