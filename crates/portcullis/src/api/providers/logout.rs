use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use portcullis_core::store::ProviderSessions;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Refused, sign_in};
use crate::{
    access::Public,
    api::{
        Api, ByCaller,
        documented::{BodyErrors, Limited, NotFound},
    },
    input::{Form, Path},
    problem::Problem,
    sign_in::SignInFailure,
};

/// A logout token (OpenID Connect Back-Channel Logout, section 2.5).
#[derive(Deserialize, ToSchema)]
pub(crate) struct LogoutForm {
    /// The token.
    #[schema(value_type = String)]
    logout_token: SecretString,
}

/// Back-channel logout
///
/// Where a provider says that a session there ended: the sessions here that began by it end, and their tokens are void at once.
#[utoipa::path(
    post, path = "/auth/providers/{id}/logout", tag = "providers", operation_id = "provider_logout",
    params(("id" = String, Path, description = "The provider", example = "keycloak")),
    request_body(content = LogoutForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "Ended"), NotFound, BodyErrors, Limited)
)]
pub(crate) async fn provider_logout(
    _: Public,
    State(api): State<Api>,
    ByCaller(caller): ByCaller,
    Path(id): Path<String>,
    Form(form): Form<LogoutForm>,
) -> Result<Response, Problem> {
    let (sign_in, authority) = (sign_in(&api)?, api.authority());
    let Some(provider) = sign_in.providers().find(|provider| provider.id() == id) else {
        return Err(Problem::not_found().detail("There is no such provider."));
    };
    let token = match sign_in.logout_token(&id, form.logout_token.expose_secret()).await {
        Ok(token) => token,
        Err(failure @ (SignInFailure::Unavailable(_) | SignInFailure::TryLater(_))) => {
            return Err(Refused::from(failure).into());
        }
        Err(failure) => {
            // Each refusal is kept: strangers have no more of them than logins.
            authority.limit_sign_in(&caller).await?;
            let refused = Refused::from(failure);
            refused.note(authority, &caller, &id);
            // With the members that OAuth errors have (section 2.8).
            return Err(Problem::bad_request("The logout token is refused.")
                .member("error", "invalid_request")
                .member("error_description", refused.reason().0));
        }
    };
    let which = ProviderSessions {
        issuer: provider.issuer_name().to_owned(),
        subject: token.subject,
        session: token.session,
    };
    authority.end_provider_sessions(&caller, which).await?;
    Ok(StatusCode::OK.into_response())
}
