use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::sign_in;
use crate::{
    access::CurrentUser,
    api::{
        Api, ByCaller,
        browser::Visit,
        documented::{NotFound, Unavailable},
    },
    input::{Json, Path},
    problem::Problem,
};

/// That the caller is logged out, and where the session at the provider ends.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedOutResponse {
    /// Where to send the browser; none where the provider does not offer it.
    location: Option<String>,
}

/// Log out here and at a provider
///
/// Ends the session of the caller, and tells where to send the browser so that the one at the provider ends, too (OpenID Connect
/// RP-Initiated Logout). It comes back to `/login`.
#[utoipa::path(
    post, path = "/auth/providers/{id}/sign-out", tag = "providers", operation_id = "sign_out_at_provider",
    params(("id" = String, Path, description = "The provider", example = "keycloak")),
    responses((status = 200, description = "Logged out here", body = SignedOutResponse), NotFound, Unavailable)
)]
pub(crate) async fn sign_out_at_provider(
    user: CurrentUser,
    State(api): State<Api>,
    ByCaller(caller): ByCaller,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let sign_in = sign_in(&api)?;
    let back = format!("{}/login", sign_in.public_url());
    let location = sign_in.sign_out_url(&id, &back).await;
    api.authority().logout(&caller, &user).await?;
    Ok(visit.forget(Json(SignedOutResponse { location })).into_response())
}
