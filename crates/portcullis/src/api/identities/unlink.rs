use axum::extract::State;
use http::StatusCode;
use portcullis_core::{authority::IdentityError, id::IdentityId, store::IdentityActError};

use crate::{
    access::CurrentUser,
    api::{
        Api, ByCaller,
        documented::{Conflict, NotFound, ParameterErrors, Unavailable},
        providers::{Refused, sign_in},
    },
    input::Path,
    problem::Problem,
};

/// Unlink an account at a provider
///
/// The sessions that began by it end. The last way in is not unlinked.
#[utoipa::path(
    delete, path = "/me/identities/{id}", tag = "providers", operation_id = "unlink_identity",
    params(("id" = String, Path, description = "The link", format = "uuid")),
    responses((status = 204, description = "Unlinked"), NotFound, Conflict, ParameterErrors, Unavailable)
)]
pub(crate) async fn unlink_identity(
    user: CurrentUser,
    State(api): State<Api>,
    ByCaller(caller): ByCaller,
    Path(identity): Path<IdentityId>,
) -> Result<StatusCode, Problem> {
    let usable = sign_in(&api)?
        .providers()
        .map(|provider| provider.issuer_name().to_owned())
        .collect();
    match api
        .authority()
        .unlink_identity(&caller, &user, identity, usable)
        .await
    {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(IdentityError::Act(IdentityActError::NotFound)) => {
            Err(Problem::not_found().detail("There is no such linked account."))
        }
        Err(error) => Err(Refused::from(error).into()),
    }
}
