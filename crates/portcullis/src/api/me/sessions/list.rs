use std::sync::Arc;

use axum::extract::State;
use portcullis_core::{authority::Authority, id::SessionId, session::SessionSummary};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{access::CurrentUser, api::documented::Unavailable, input::Json, problem::Problem};

/// One login on one device.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionResponse {
    /// Identifier: a UUIDv7.
    #[schema(format = "uuid")]
    id: String,
    /// Whether it is the one that asks.
    current: bool,
    /// Login time (RFC 3339).
    #[schema(format = "date-time")]
    created_at: String,
    /// Last refresh, or the login.
    #[schema(format = "date-time")]
    last_used_at: String,
    /// When it ends if it is not used again.
    #[schema(format = "date-time")]
    expires_at: String,
    /// Address of the login.
    #[schema(example = "192.0.2.1")]
    address: Option<String>,
    /// `User-Agent` of the login.
    agent: Option<String>,
}

impl SessionResponse {
    fn new(session: SessionSummary, current: SessionId) -> Self {
        Self {
            id: session.id.to_string(),
            current: session.id == current,
            created_at: session.created_at.to_string(),
            last_used_at: session.last_used_at.to_string(),
            expires_at: session.expires_at.to_string(),
            address: session.address.map(|address| address.to_string()),
            agent: session.agent,
        }
    }
}

/// My sessions
#[utoipa::path(
    get, path = "/me/sessions", tag = "me", operation_id = "my_sessions",
    responses((status = 200, description = "Sessions, newest first", body = Vec<SessionResponse>), Unavailable)
)]
pub(crate) async fn my_sessions(
    user: CurrentUser,
    State(authority): State<Arc<Authority>>,
) -> Result<Json<Vec<SessionResponse>>, Problem> {
    let sessions = authority.my_sessions(&user).await?;
    Ok(Json(
        sessions
            .into_iter()
            .map(|session| SessionResponse::new(session, user.session))
            .collect(),
    ))
}
