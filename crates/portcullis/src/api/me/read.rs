use std::sync::Arc;

use axum::extract::State;
use portcullis_core::authority::Authority;

use crate::{
    access::CurrentUser,
    api::{UserResponse, documented::Unavailable, problems::REALM},
    input::Json,
    problem::{Challenge, Problem},
};

/// Who am I
#[utoipa::path(
    get, path = "/me", tag = "me", operation_id = "me",
    responses((status = 200, description = "The caller", body = UserResponse), Unavailable)
)]
pub(crate) async fn me(
    user: CurrentUser,
    State(authority): State<Arc<Authority>>,
) -> Result<Json<UserResponse>, Problem> {
    let profile = authority.me(&user).await?;
    // Deleted between the check of the token and now.
    let gone = || Problem::unauthorized(&Challenge::new(REALM).invalid_token("The token was revoked"));
    Ok(Json(UserResponse::from(&*profile.ok_or_else(gone)?)))
}
