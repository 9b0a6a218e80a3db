use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use portcullis_core::{authority::Authority, id::SessionId};

use crate::{
    access::CurrentUser,
    api::{
        ByCaller,
        documented::{NotFound, ParameterErrors, Unavailable},
    },
    input::Path,
    problem::Problem,
};

/// End a session
///
/// Ends one of the caller's sessions. Its tokens are void at once.
#[utoipa::path(
    delete, path = "/me/sessions/{id}", tag = "me", operation_id = "end_my_session",
    params(("id" = String, Path, description = "The session", format = "uuid")),
    responses((status = 204, description = "Ended"), NotFound, ParameterErrors, Unavailable)
)]
pub(crate) async fn end_my_session(
    user: CurrentUser,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    Path(session): Path<SessionId>,
) -> Result<StatusCode, Problem> {
    if authority.end_my_session(&caller, &user, session).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found().detail("There is no such session."))
    }
}
