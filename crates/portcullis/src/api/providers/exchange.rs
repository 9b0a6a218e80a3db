use std::{sync::Arc, time::Duration};

use axum::extract::State;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis_core::authority::{Authority, Identified};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use super::Refused;
use crate::{
    access::Public,
    api::{
        ByCaller, TokenPairResponse,
        documented::{BodyErrors, Limited},
    },
    input::{Body, Json},
    problem::Problem,
};

/// For how long a code is good: it is exchanged at once.
pub(super) const LIFETIME: Duration = Duration::from_secs(60);
pub(super) const KIND: &str = "sign-in code";

/// What a code stands for.
#[derive(Serialize, Deserialize)]
pub(super) struct Code {
    pub(super) identified: Identified,
    pub(super) challenge: String,
}

/// A one-time code of a sign-in.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ExchangeRequest {
    /// The code that came to the `redirect_uri`.
    #[schema(value_type = String)]
    code: SecretString,
    /// The verifier of the `code_challenge` with which the sign-in was begun (RFC 7636, section 4.1).
    #[schema(value_type = String)]
    code_verifier: SecretString,
}

fn refuse() -> Problem {
    Problem::bad_request("The code is wrong, too old, or was used: sign in again.")
        .member("error", "invalid_grant")
}

/// Exchange a code
///
/// Gives a token pair for the one-time code in which a sign-in ended. A code is good for a minute, for one use, and only with the
/// verifier of whoever began the sign-in.
#[utoipa::path(
    post, path = "/auth/providers/token", tag = "providers", operation_id = "exchange_code",
    request_body(content(
        (ExchangeRequest = "application/json"),
        (ExchangeRequest = "application/x-www-form-urlencoded"),
    )),
    responses((status = 200, description = "Signed in", body = TokenPairResponse), BodyErrors, Limited)
)]
pub(crate) async fn exchange_code(
    _: Public,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    Body(request): Body<ExchangeRequest>,
) -> Result<Json<TokenPairResponse>, Problem> {
    authority.limit_sign_in(&caller).await?;
    let now = authority.clock().now();
    let ticket = authority
        .tickets()
        .open::<Code>(KIND, request.code.expose_secret(), now)
        .ok_or_else(refuse)?;
    // Used up whatever the verifier is: who guesses has one try.
    if !authority.spend(ticket.once).await? {
        return Err(refuse());
    }
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(request.code_verifier.expose_secret()));
    if !bool::from(challenge.as_bytes().ct_eq(ticket.content.challenge.as_bytes())) {
        return Err(refuse());
    }
    let pair = authority.sign_in(&caller, ticket.content.identified).await;
    Ok(Json(pair.map_err(Refused::from)?.into()))
}
