use std::sync::Arc;

use axum::extract::State;
use portcullis_core::{authority::Authority, id::IdentityId, identity::Identity};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{access::CurrentUser, api::documented::Unavailable, input::Json, problem::Problem};

/// An account at a provider that is linked.
#[derive(Serialize, ToSchema)]
pub(crate) struct IdentityResponse {
    /// Identifier of the link.
    #[schema(value_type = String, format = "uuid")]
    id: IdentityId,
    /// The provider's name here.
    #[schema(example = "google")]
    provider: String,
    /// The provider (`iss`).
    #[schema(example = "https://accounts.google.com")]
    issuer: String,
    /// The email that it stated last.
    email: Option<String>,
    /// When it was linked.
    #[schema(format = "date-time")]
    linked_at: String,
    /// The last sign-in by it.
    #[schema(format = "date-time")]
    used_at: String,
}

impl From<Identity> for IdentityResponse {
    fn from(identity: Identity) -> Self {
        Self {
            id: identity.id,
            provider: identity.provider,
            issuer: identity.issuer,
            email: identity.email.map(String::from),
            linked_at: identity.linked_at.to_string(),
            used_at: identity.used_at.to_string(),
        }
    }
}

/// My accounts at providers
#[utoipa::path(
    get, path = "/me/identities", tag = "providers", operation_id = "my_identities",
    responses((status = 200, description = "The accounts", body = Vec<IdentityResponse>), Unavailable)
)]
pub(crate) async fn my_identities(
    user: CurrentUser,
    State(authority): State<Arc<Authority>>,
) -> Result<Json<Vec<IdentityResponse>>, Problem> {
    let identities = authority.identities(user.user).await?;
    Ok(Json(identities.into_iter().map(Into::into).collect()))
}
