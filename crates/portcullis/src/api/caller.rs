use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::{HeaderValue, StatusCode, header, request::Parts};
use portcullis_core::{audit::Actor, authority::Caller};

use super::Api;
use crate::{
    access::{Admitted, LocalUser},
    gate::Run,
    problem::{Problem, RateLimit},
};

/// Puts a [`Caller`] at the side of each request. On the answer: the `RateLimit` fields of what was decided about it, and
/// that nobody is to keep it, whatever else stands around the router.
pub(super) fn with_caller(run: Arc<Run<Api>>) -> Arc<Run<Api>> {
    Arc::new(move |mut request, api| {
        let caller = Arc::new(api.caller(&request));
        request.extensions_mut().insert(Arc::clone(&caller));
        let answer = run(request, api);
        Box::pin(async move {
            let mut response = answer.await;
            response
                .headers_mut()
                .entry(header::CACHE_CONTROL)
                .or_insert(HeaderValue::from_static("no-store"));
            // A refusal brings the fields of what refused it.
            if let Some(decision) = caller.limit()
                && response.status() != StatusCode::TOO_MANY_REQUESTS
            {
                RateLimit(*decision).write(response.headers_mut());
            }
            response
        })
    })
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
