use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Request},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header, request::Parts};
use portcullis_core::{audit::Actor, authority::Caller};

use crate::{
    access::{Admitted, LocalUser},
    layers::{ClientAddress, RequestId},
    problem::{Problem, RateLimit},
};

/// Puts a [`Caller`] at the side of each request, and the `RateLimit` fields of what was decided about it on the answer.
pub(super) async fn with_caller(mut request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    let address = extensions.get::<ClientAddress>().map(|address| address.0);
    let request_id = extensions.get::<RequestId>().map(ToString::to_string);
    let agent = request
        .headers()
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    let caller = Arc::new(Caller::new(address, agent, request_id));
    request.extensions_mut().insert(caller.clone());
    let response = next.run(request).await;
    match caller.limit() {
        // A refusal brings the fields of what refused it.
        Some(decision) if response.status() != StatusCode::TOO_MANY_REQUESTS => {
            (RateLimit(*decision), response).into_response()
        }
        _ => response,
    }
}

/// On whose behalf a handler acts: the verified user where the route demands one.
pub struct ByCaller(pub Arc<Caller>);

impl<S: Send + Sync> FromRequestParts<S> for ByCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let caller = parts
            .extensions
            .get::<Arc<Caller>>()
            .cloned()
            .unwrap_or_else(|| Arc::new(Caller::new(None, None, None)));
        if let Some(verified) = parts
            .extensions
            .get::<Admitted<LocalUser>>()
            .and_then(|admitted| admitted.user.as_ref())
        {
            caller.identify(Actor::User(verified.user));
        }
        Ok(Self(caller))
    }
}
