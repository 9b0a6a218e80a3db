//! One handler behind a guard and the same handler bare, for what the guard adds.
#![allow(clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::sync::Arc;

use axum::{Router, body::Body, extract::Request, response::Response};
use futures_util::FutureExt as _;
use portcullis::{
    Allow, Gate,
    api::Me,
    core::{clock::SystemClock, rng::SystemRng},
    layers::{Edge, EdgeConfig},
    provider,
    routing::get,
};
use portcullis_testkit::{
    people::Member,
    server::{Engine, Local, configuration},
};
use tower::Service as _;

/// Both behind the same edge, and a token that the guard knows.
pub(crate) struct Pair {
    pub(crate) bare: Router,
    pub(crate) guarded: Router,
    token: String,
    _server: Local,
}

impl Pair {
    /// With a server whose lease is held by its own reader of the feed.
    pub(crate) async fn new() -> Self {
        let server = Local::start(Engine::Sqlite, Arc::new(SystemClock), configuration()).await;
        let token = Member::register(&server.client(), "ada")
            .await
            .tokens
            .access_token;
        let gate = Gate::new(provider::Local::new(Arc::clone(&server.authority)));
        let guarded = gate
            .route("/", get(async |_: Allow<Me>| "ok"))
            .into_router()
            .expect("one route");
        // A handler that has something, as nearly all do: axum clones it for each request, which is free only of one that
        // has nothing.
        let shared = Arc::new("ok");
        let bare = Router::new().route("/", axum::routing::get(async move || *shared));
        let edge = Edge::new(EdgeConfig::default(), Arc::new(SystemClock), &SystemRng);
        let this = Self {
            bare: bare.layer(edge.clone()),
            guarded: guarded.layer(edge),
            token,
            _server: server,
        };
        let first = answer(&mut this.guarded.clone(), this.request());
        assert_eq!(first.status(), 200, "the token is good, and known from now on");
        // The first request of a route makes room for its counts.
        let first = answer(&mut this.bare.clone(), this.request());
        assert_eq!(first.status(), 200);
        this
    }

    /// A request with the token.
    pub(crate) fn request(&self) -> Request {
        Request::get("/")
            .header("authorization", format!("Bearer {}", self.token))
            .body(Body::empty())
            .expect("a request")
    }
}

/// The answer, which is there at once: nothing has to be waited for.
pub(crate) fn answer(router: &mut Router, request: Request) -> Response {
    router
        .call(request)
        .now_or_never()
        .expect("no waiting")
        .expect("infallible")
}
