use std::sync::Arc;

use axum::{extract::State, response::Response};
use portcullis_core::authority::Authority;

use crate::{
    access::CurrentUser,
    api::{ByCaller, browser::Visit, documented::Unavailable, responses::Done},
    input::Json,
    problem::Problem,
};

/// Log out everywhere
///
/// Ends all sessions of the user, this one too.
#[utoipa::path(
    post, path = "/auth/logout-all", tag = "auth", operation_id = "logout_all",
    responses((status = 200, description = "Logged out everywhere", body = Done), Unavailable)
)]
pub(crate) async fn logout_all(
    user: CurrentUser,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    visit: Visit,
) -> Result<Response, Problem> {
    authority.logout_everywhere(&caller, &user).await?;
    Ok(visit.forget(Json(Done::yes())))
}
