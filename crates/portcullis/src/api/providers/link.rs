use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Purpose, Refused, own_path, sign_in};
use crate::{
    access::CurrentUser,
    api::{
        Api, ByCaller,
        documented::{BodyErrors, NotFound, Unavailable},
    },
    input::{Body, Check, Json, Path, Valid, Validate},
    problem::Problem,
};

/// Where to go afterwards.
#[derive(Deserialize, ToSchema)]
pub(crate) struct LinkBody {
    /// A path; `/account` unless told.
    #[schema(example = "/account")]
    return_to: Option<String>,
}

impl Validate for LinkBody {
    type Valid = String;

    fn validate(self, check: &mut Check) -> Option<String> {
        let path = self.return_to.as_deref().unwrap_or("/account");
        if own_path(path).is_none() {
            check.refuse("return_to", "value", "a path of this host, such as /account");
        }
        own_path(path).map(str::to_owned)
    }
}

/// Where to send the browser.
#[derive(Serialize, ToSchema)]
pub(crate) struct LocationResponse {
    /// A URL.
    pub(crate) location: String,
}

/// Link an account at a provider
///
/// Begins a sign-in that ties the account at the provider to the caller. It must end in this browser, with this login.
#[utoipa::path(
    post, path = "/auth/providers/{id}/link", tag = "providers", operation_id = "link_provider",
    params(("id" = String, Path, description = "The provider", example = "google")),
    request_body(content = LinkBody, content_type = "application/json"),
    responses(
        (status = 200, description = "Send the browser there", body = LocationResponse),
        NotFound, BodyErrors, Unavailable,
    )
)]
pub(crate) async fn link_provider(
    user: CurrentUser,
    State(api): State<Api>,
    ByCaller(caller): ByCaller,
    Path(id): Path<String>,
    Valid(return_to): Valid<Body<LinkBody>>,
) -> Result<Response, Problem> {
    let may = api.authority().may_change_identities(&user).await;
    if let Err(refused) = may.map_err(Refused::from) {
        refused.note(api.authority(), &caller, &id);
        return Err(refused.into());
    }
    let purpose = Purpose::Link {
        user: user.user,
        session_epoch: user.session_epoch,
        return_to,
    };
    match sign_in(&api)?.begin(&id, &purpose).await {
        Ok((cookie, location)) => Ok((cookie, Json(LocationResponse { location })).into_response()),
        Err(failure) => {
            let refused = Refused::from(failure);
            refused.note(api.authority(), &caller, &id);
            Err(refused.into())
        }
    }
}
