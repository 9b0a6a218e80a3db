use std::sync::Arc;

use axum::extract::State;
use portcullis_core::authority::Authority;
use secrecy::ExposeSecret as _;

use super::refresh::RefreshRequest;
use crate::{
    access::CurrentUser,
    api::{
        ByCaller,
        documented::{BodyErrors, Limited, NotLoggedIn},
        problems::REALM,
        responses::Done,
    },
    input::{Body, Json},
    problem::{Challenge, Problem},
};

/// Log out
///
/// Ends the session of the access token, or of the refresh token in the body. Its access and refresh tokens are void
/// at once.
#[utoipa::path(
    post, path = "/auth/logout", tag = "auth", operation_id = "logout",
    request_body(content(
        (RefreshRequest = "application/json"),
        (RefreshRequest = "application/x-www-form-urlencoded"),
    ), description = "Only where no access token is sent"),
    responses(
        (status = 200, description = "Logged out", body = Done),
        NotLoggedIn, BodyErrors, Limited,
    )
)]
pub(crate) async fn logout(
    user: Option<CurrentUser>,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    body: Option<Body<RefreshRequest>>,
) -> Result<Json<Done>, Problem> {
    match (user, body) {
        (Some(user), _) => authority.logout(&caller, &user).await?,
        (None, Some(Body(request))) => {
            authority
                .logout_by_refresh_token(&caller, request.refresh_token.expose_secret())
                .await?;
        }
        (None, None) => {
            return Err(Problem::unauthorized(&Challenge::new(REALM))
                .detail("Send the access token, or the refresh token in the body."));
        }
    }
    Ok(Json(Done::yes()))
}
