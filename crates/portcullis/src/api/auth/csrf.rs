use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::Public,
    api::{Api, documented::NotFound},
    cookie::SetCookies,
    input::Json,
    problem::Problem,
};

/// A token against forged requests.
#[derive(Serialize, ToSchema)]
pub(crate) struct CsrfTokenResponse {
    /// To be sent as `X-CSRF-Token` with everything but GET.
    csrf_token: String,
}

/// CSRF token
///
/// For pages that log in by cookie: the token of the browser's session, for the header `X-CSRF-Token`. Pages of the same
/// origin find it in the cookie `csrf_token`, too.
#[utoipa::path(
    get, path = "/auth/csrf", tag = "auth", operation_id = "csrf_token",
    responses((status = 200, description = "The token", body = CsrfTokenResponse), NotFound)
)]
pub(crate) async fn csrf_token(
    _: Public,
    State(api): State<Api>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Some(browser) = api.browser() else {
        return Err(Problem::not_found().detail("Logins by cookie are not offered here."));
    };
    let (token, cookies) = browser.csrf().give(&headers)?;
    let csrf_token = token.value().to_owned();
    Ok((SetCookies::from(cookies), Json(CsrfTokenResponse { csrf_token })).into_response())
}
