use std::sync::Arc;

use axum::{extract::State, response::Response};
use portcullis_core::authority::{Authority, RefreshError};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    access::Public,
    api::{
        ByCaller, LoginAnswer,
        browser::Visit,
        documented::{BodyErrors, Forged, Limited, NotLoggedIn},
        problems::REALM,
    },
    input::Body,
    problem::{Challenge, Problem},
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
///
/// Without a body, the cookie of a login by cookie is taken, and the new pair comes in cookies too.
#[utoipa::path(
    post, path = "/auth/refresh", tag = "auth", operation_id = "refresh",
    request_body(content(
        (RefreshRequest = "application/json"),
        (RefreshRequest = "application/x-www-form-urlencoded"),
    ), description = "Only where the refresh token is not in a cookie"),
    responses(
        (status = 200, description = "A new pair", body = LoginAnswer),
        NotLoggedIn, Forged, BodyErrors, Limited,
    )
)]
pub(crate) async fn refresh(
    _: Public,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    visit: Visit,
    body: Option<Body<RefreshRequest>>,
) -> Result<Response, Problem> {
    if let Some(Body(request)) = body {
        let token = request.refresh_token.expose_secret();
        return visit.grant(authority.refresh(&caller, token).await?, false);
    }
    let Some(token) = visit.refresh_token() else {
        return Err(
            Problem::unauthorized(&Challenge::new(REALM)).detail("Send the refresh token in the body.")
        );
    };
    match authority.refresh(&caller, token).await {
        Ok(pair) => visit.grant(pair, true),
        Err(RefreshError::Invalid) => Ok(visit.forget(Problem::from(RefreshError::Invalid))),
        Err(error) => Err(error.into()),
    }
}
