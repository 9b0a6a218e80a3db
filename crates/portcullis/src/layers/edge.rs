use std::{
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{extract::Request, response::Response};
use futures_util::future::BoxFuture;
use http::{Method, header};
use portcullis_core::{
    clock::{Clock, SystemClock},
    metrics::Metrics,
    rng::{Rng, SystemRng},
};
use tower::{Layer, Service};
use tower_http::cors::Cors as CorsService;
use tracing::{Instrument, field::Empty};

use super::{
    Cors, TrustedProxies, address, headers,
    request_id::{self, RequestIds, X_REQUEST_ID},
    shelter::{Places, Shelter},
    trace_context::{Traces, Tracing},
};
use crate::{
    gate::MatchedRoute,
    traffic::{self, Traffic},
};

/// How the edge behaves.
///
/// ```
/// use std::{sync::Arc, time::Duration};
///
/// use portcullis::{core::{clock::SystemClock, rng::SystemRng}, layers::{Edge, EdgeConfig}};
///
/// let config = EdgeConfig { timeout: Duration::from_secs(5), ..EdgeConfig::default() };
/// let router = axum::Router::<()>::new().layer(Edge::new(config, Arc::new(SystemClock), &SystemRng));
/// # drop(router);
/// ```
#[derive(Clone, Debug)]
pub struct EdgeConfig {
    /// Whose word on addresses and request ids is believed. None by default.
    pub trusted_proxies: TrustedProxies,
    /// Which other origins may call from a browser. None by default.
    pub cors: Option<Cors>,
    /// Tell browsers to come by TLS only (RFC 6797): under TLS, or when the issuer is https.
    pub hsts: bool,
    /// Largest body in bytes. 64 KiB by default.
    pub max_body: usize,
    /// Longest time until an answer begins. 30 s by default.
    pub timeout: Duration,
    /// Requests under way at a time; more get 503 at once. 10,000 by default. Together with `max_body` this bounds what
    /// clients can make the process hold.
    pub max_requests: usize,
    /// Which requests have a span that is exported: off by default.
    pub traces: Traces,
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self {
            trusted_proxies: TrustedProxies::default(),
            cors: None,
            hsts: false,
            max_body: 64 * 1024,
            timeout: Duration::from_secs(30),
            max_requests: 10_000,
            traces: Traces::Off,
        }
    }
}

struct Shared {
    trusted_proxies: TrustedProxies,
    hsts: bool,
    clock: Arc<dyn Clock>,
    ids: RequestIds,
    traffic: Traffic,
    tracing: Tracing,
}

/// Wraps the whole router. See [`crate::layers`].
///
/// ```
/// use portcullis::layers::Edge;
///
/// let router = axum::Router::<()>::new().layer(Edge::default());
/// # drop(router);
/// ```
#[derive(Clone)]
pub struct Edge {
    shared: Arc<Shared>,
    cors: Option<Cors>,
    max_body: usize,
    timeout: Duration,
    places: Places,
}

impl Edge {
    /// An edge that takes time from `clock`, and once some randomness from `rng`.
    #[must_use]
    pub fn new(config: EdgeConfig, clock: Arc<dyn Clock>, rng: &dyn Rng) -> Self {
        Self {
            shared: Arc::new(Shared {
                trusted_proxies: config.trusted_proxies,
                hsts: config.hsts,
                clock,
                ids: RequestIds::new(rng),
                traffic: Traffic::new(),
                tracing: Tracing::new(config.traces, rng),
            }),
            cors: config.cors,
            max_body: config.max_body,
            timeout: config.timeout,
            places: Places::new(config.max_requests),
        }
    }

    /// Has the requests that come through this edge counted by `metrics`.
    ///
    /// ```
    /// use portcullis::{core::metrics::Metrics, layers::Edge};
    ///
    /// let (edge, metrics) = (Edge::default(), Metrics::new());
    /// edge.tell(&metrics);
    /// ```
    pub fn tell(&self, metrics: &Metrics) {
        let (shared, places) = (Arc::clone(&self.shared), self.places.clone());
        metrics.collect(move |scrape| {
            shared.traffic.tell(scrape);
            scrape.gauge(
                "portcullis_http_requests_under_way",
                "Requests that are not answered yet.",
                |series| series.put(&[], places.taken()),
            );
        });
    }
}

/// The default configuration, with the clock and the randomness of the machine.
///
/// ```
/// use axum::{Router, routing::get};
/// use portcullis::layers::Edge;
///
/// let app: Router = Router::new().route("/", get(async || "hello")).layer(Edge::default());
/// ```
impl Default for Edge {
    fn default() -> Self {
        Self::new(EdgeConfig::default(), Arc::new(SystemClock), &SystemRng)
    }
}

impl<S: Clone> Layer<S> for Edge {
    type Service = EdgeService<S>;

    fn layer(&self, inner: S) -> EdgeService<S> {
        let shelter = Shelter {
            inner,
            places: self.places.clone(),
            max_body: self.max_body,
            timeout: self.timeout,
        };
        EdgeService {
            shared: Arc::clone(&self.shared),
            cors: self.cors.as_ref().map(|cors| cors.0.layer(shelter.clone())),
            plain: shelter,
        }
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").finish_non_exhaustive()
    }
}

/// What [`Edge`] makes of a router.
///
/// ```
/// use portcullis::layers::{Edge, EdgeService};
/// use tower::Layer;
///
/// let service: EdgeService<axum::Router> = Edge::default().layer(axum::Router::new());
/// # drop(service);
/// ```
#[derive(Clone)]
pub struct EdgeService<S> {
    shared: Arc<Shared>,
    cors: Option<CorsService<Shelter<S>>>,
    plain: Shelter<S>,
}

impl<S> fmt::Debug for EdgeService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeService").finish_non_exhaustive()
    }
}

impl<S> Service<Request> for EdgeService<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.plain.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        let started = shared.clock.monotonic();
        let peer = address::peer(request.extensions());
        let trusted = peer.is_some_and(|peer| shared.trusted_proxies.contains(peer));
        let id = request_id::assign(&shared.ids, shared.clock.as_ref(), request.headers(), trusted);
        let address = address::resolve(peer, request.headers(), &shared.trusted_proxies);
        let method = request.method().clone();
        request.extensions_mut().insert(id.clone());
        request.extensions_mut().insert(address);
        let matched = MatchedRoute::default();
        request.extensions_mut().insert(matched.clone());

        let trace = shared.tracing.of(request.headers(), trusted);
        let span =
            tracing::info_span!("request", id = %id, trace_id = Empty, span_id = Empty, parent_id = Empty);
        if let Some(trace) = trace {
            trace.record(&span);
        }
        let answer = match &mut self.cors {
            // An OPTIONS that is no preflight belongs to the router.
            Some(cors) if !is_bare_options(&request) => {
                futures_util::future::Either::Left(cors.call(request))
            }
            _ => futures_util::future::Either::Right(self.plain.call(request)),
        };
        Box::pin(
            async move {
                let mut response = answer.await?;
                response.headers_mut().insert(X_REQUEST_ID, id.to_header());
                headers::apply(response.headers_mut(), shared.hsts);
                let took = shared.clock.monotonic().saturating_sub(started);
                shared
                    .traffic
                    .count(matched.traffic(), &method, response.status(), took);
                tracing::info!(
                    method = traffic::name_of(&method),
                    route = matched.path().unwrap_or("-"),
                    status = response.status().as_u16(),
                    duration_us = micros(took),
                    address = %address.0,
                    "answered"
                );
                Ok(response)
            }
            .instrument(span),
        )
    }
}

fn is_bare_options(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && !request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// As a number that every log format can hold: 128 bits become text.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
