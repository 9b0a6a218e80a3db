use std::sync::Arc;

use axum::{extract::State, response::Response};
use portcullis_core::authority::{Authority, RefreshError};
use secrecy::ExposeSecret;

use super::refresh::RefreshRequest;
use crate::{
    access::CurrentUser,
    api::{
        ByCaller,
        browser::Visit,
        documented::{BodyErrors, Limited, NotLoggedIn},
        problems::REALM,
        responses::Done,
    },
    input::{Body, Json},
    problem::{Challenge, Problem},
};

/// Log out
///
/// Ends the session of the access token, or of the refresh token in the body or the cookie. Its access and refresh tokens
/// are void at once.
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
    visit: Visit,
    body: Option<Body<RefreshRequest>>,
) -> Result<Response, Problem> {
    if let Some(user) = user {
        authority.logout(&caller, &user).await?;
        return Ok(visit.forget(Json(Done::yes())));
    }
    let sent = body.map(|Body(request)| request.refresh_token);
    let Some(token) = sent
        .as_ref()
        .map(ExposeSecret::expose_secret)
        .or(visit.refresh_token())
    else {
        return Err(Problem::unauthorized(&Challenge::new(REALM))
            .detail("Send the access token, or the refresh token in the body."));
    };
    match authority.logout_by_refresh_token(&caller, token).await {
        Ok(()) => Ok(visit.forget(Json(Done::yes()))),
        // Whoever tried to log out by cookie had better not keep it.
        Err(RefreshError::Invalid) if sent.is_none() => {
            Ok(visit.forget(Problem::from(RefreshError::Invalid)))
        }
        Err(error) => Err(error.into()),
    }
}
