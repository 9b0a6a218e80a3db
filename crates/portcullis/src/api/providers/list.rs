use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::Public,
    api::{Api, documented::NotFound},
    input::Json,
    problem::Problem,
};

use super::sign_in;

/// A provider by which one can sign in.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderResponse {
    /// Its name in paths.
    #[schema(example = "google")]
    id: String,
    /// Its name for people.
    #[schema(example = "Google")]
    name: String,
    /// Where a sign-in by it begins: a link for a browser.
    #[schema(example = "/auth/providers/google/start")]
    start: String,
}

/// Providers
///
/// The providers by which one can sign in.
#[utoipa::path(
    get, path = "/auth/providers", tag = "providers", operation_id = "list_providers",
    responses((status = 200, description = "The providers", body = Vec<ProviderResponse>), NotFound)
)]
pub(crate) async fn list_providers(
    _: Public,
    State(api): State<Api>,
) -> Result<Json<Vec<ProviderResponse>>, Problem> {
    let providers = sign_in(&api)?.providers().map(|provider| ProviderResponse {
        id: provider.id().to_owned(),
        name: provider.name().to_owned(),
        start: format!("/auth/providers/{}/start", provider.id()),
    });
    Ok(Json(providers.collect()))
}
