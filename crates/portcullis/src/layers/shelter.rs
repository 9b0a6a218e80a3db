use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{DefaultBodyLimit, Request},
    response::{IntoResponse, Response},
};
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use tower::Service;

use crate::{input::too_large, problem::Problem};

/// Bodies up to so many times the limit are read to their end before they are refused.
const DRAINED: u64 = 4;
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// How many requests may be under way: connections do not tell, since one of HTTP/2 carries many.
#[derive(Clone, Debug)]
pub(super) struct Places {
    taken: Arc<AtomicUsize>,
    most: usize,
}

/// Held by one request until it is answered.
struct Place(Arc<AtomicUsize>);

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self {
            taken: Arc::default(),
            most,
        }
    }

    /// How many are under way.
    pub(super) fn taken(&self) -> f64 {
        let taken = self.taken.load(Ordering::Relaxed);
        u32::try_from(taken).unwrap_or(u32::MAX).into()
    }

    fn take(&self) -> Option<Place> {
        // Counted first, so that of two who come for the last place only one gets it; given back by dropping.
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(&self.taken));
        (before < self.most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bounds what requests may cost: their number, the size of a body, time; and keeps a panic from closing the connection.
#[derive(Clone, Debug)]
pub(super) struct Shelter<S> {
    pub(super) inner: S,
    pub(super) places: Places,
    pub(super) max_body: usize,
    pub(super) timeout: Duration,
}

impl<S> Service<Request> for Shelter<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (max_body, timeout) = (self.max_body, self.timeout);
        let Some(place) = self.places.take() else {
            return Box::pin(async { Ok(Problem::unavailable(Duration::from_secs(1)).into_response()) });
        };
        if let Some(length) = declared_length(&request).filter(|length| *length > max_body as u64) {
            let waits = request.headers().contains_key(header::EXPECT);
            let rest = (!waits && length <= DRAINED * max_body as u64).then(|| request.into_body());
            return Box::pin(async move {
                if let Some(rest) = rest {
                    // Whoever sends too slowly loses the answer, not our time.
                    let _ = tokio::time::timeout(timeout.min(DRAIN_TIME), drain(rest)).await;
                }
                drop(place);
                Ok(too_large().into_response())
            });
        }
        // Two parties that each believe another one would see two different requests (RFC 9112, section 3.2).
        if request.headers().get_all(header::HOST).iter().nth(1).is_some() {
            let refused = Problem::bad_request("Send one Host header.")
                .header(header::CONNECTION, HeaderValue::from_static("close"));
            return Box::pin(async { Ok(refused.into_response()) });
        }
        let mut request = request.map(|body| Body::new(Limited::new(body, max_body)));
        DefaultBodyLimit::disable().apply(&mut request);
        let answer = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Box::pin(async move {
            let _place = place;
            Ok(match tokio::time::timeout(timeout, answer).await {
                Ok(Ok(Ok(response))) => response,
                Ok(Err(_)) => {
                    // The panic hook has written where and why.
                    tracing::error!("a request panicked");
                    Problem::new(StatusCode::INTERNAL_SERVER_ERROR)
                        .detail("Something failed on our side. The request id tells the operator what.")
                        .into_response()
                }
                Err(_) => {
                    tracing::warn!(timeout = ?timeout, "a request took too long");
                    Problem::unavailable(Duration::from_secs(1)).into_response()
                }
            })
        })
    }
}

/// Reads to the end and keeps nothing: a connection that is closed with something unread is reset, and the client may
/// lose the answer that was on its way.
async fn drain(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}

fn declared_length(request: &Request) -> Option<u64> {
    request
        .headers()
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
