use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use portcullis_core::{audit::Actor, authority::Caller};

use super::Api;
use crate::{
    access::{Admitted, LocalUser},
    gate::Run,
    layers::{ClientAddress, RequestId, TrustedProxies},
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

/// From where a request came and which it is, and whether its address is known.
pub(super) fn caller_of(
    extensions: &Extensions,
    headers: &HeaderMap,
    proxies: &TrustedProxies,
) -> (Caller, bool) {
    let address = ClientAddress::of(extensions, headers, proxies);
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    let request_id = extensions.get::<RequestId>().map(ToString::to_string);
    (
        Caller::new(Some(address.0), agent, request_id),
        address.is_known(),
    )
}

/// On whose behalf a handler acts: the verified user where the route demands one. Its address is that of the
/// [`Edge`](crate::layers::Edge) around the router; without one, the other end of the connection.
///
/// ```
/// use std::sync::Arc;
///
/// use axum::extract::State;
/// use portcullis::{Allow, Problem, api::{Admin, ByCaller}, core::{authority::Authority, id::UserId}, input::Path};
///
/// /// The audit log then says who deleted them, and from where.
/// async fn delete(
///     _: Allow<Admin>,
///     State(authority): State<Arc<Authority>>,
///     ByCaller(caller): ByCaller,
///     Path(id): Path<UserId>,
/// ) -> Result<(), Problem> {
///     authority.delete_user(&caller, id).await?;
///     Ok(())
/// }
/// ```
pub struct ByCaller(pub Arc<Caller>);

impl<S: Send + Sync> FromRequestParts<S> for ByCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let caller = if let Some(caller) = parts.extensions.get::<Arc<Caller>>() {
            Arc::clone(caller)
        } else {
            // A handler of the application. Its address counts like any other, or it would have no limit.
            let proxies = TrustedProxies::default();
            let (caller, _) = caller_of(&parts.extensions, &parts.headers, &proxies);
            let caller = Arc::new(caller);
            parts.extensions.insert(Arc::clone(&caller));
            caller
        };
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
