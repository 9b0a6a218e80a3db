use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
};
use http::{HeaderMap, StatusCode, request::Parts};
use portcullis_core::clock::MovableClock;
use tower::ServiceExt as _;

use super::{Limit, Rate};
use crate::{
    access::{Allow, Caller, CurrentUser, Public},
    gate::{Gate, Routes},
    provider::{AuthError, AuthProvider, bearer},
    routing::{get, post},
};

#[derive(Clone, crate::Caller)]
struct User {
    id: String,
    scopes: Vec<String>,
}

crate::scopes! { Write = "write": "Write"; }

/// Believes each token to be its user's name; `writer..` may write.
struct Names;

impl AuthProvider for Names {
    type User = User;

    async fn authenticate(&self, parts: &Parts) -> Result<User, AuthError> {
        match bearer(parts)?.expose() {
            "junk" => Err(AuthError::invalid("unknown")),
            name => Ok(User {
                id: name.to_owned(),
                scopes: if name.starts_with("writer") {
                    vec!["write".to_owned()]
                } else {
                    Vec::new()
                },
            }),
        }
    }
}

async fn public(_: Public) -> &'static str {
    "ok"
}
async fn known(user: CurrentUser<User>) -> String {
    user.0.id
}
async fn writing(_: Allow<Write, User>) {}

struct App {
    router: Router,
    clock: Arc<MovableClock>,
}

impl App {
    fn new(build: impl FnOnce(&dyn Fn(Rate) -> Limit) -> Routes<(), User>) -> Self {
        let clock = Arc::new(MovableClock::default());
        let limit = |rate| Limit::new(rate).clock(clock.clone());
        let router = Gate::new(Names).merge(build(&limit)).into_router().unwrap();
        Self { router, clock }
    }

    async fn send(&self, request: http::request::Builder, from: &str) -> Response {
        let mut request: Request = request.body(Body::empty()).unwrap();
        let peer = SocketAddr::new(from.parse().unwrap(), 4711);
        request.extensions_mut().insert(ConnectInfo(peer));
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn get(&self, path: &str, token: Option<&str>, from: &str) -> u16 {
        let mut request = Request::get(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.send(request, from).await.status().as_u16()
    }
}

fn fields(headers: &HeaderMap) -> [Option<&str>; 3] {
    ["ratelimit-policy", "ratelimit", "retry-after"]
        .map(|name| headers.get(name).map(|value| value.to_str().unwrap()))
}

const HERE: &str = "192.0.2.1";
const THERE: &str = "192.0.2.2";

#[tokio::test]
async fn over_the_limit_is_a_429_that_says_when_to_come_back() {
    let app = App::new(|limit| {
        Routes::new().route(
            "/a",
            get(public).rate_limit(limit(rate!("2/minute")).named("search")),
        )
    });
    let first = app.send(Request::get("/a"), HERE).await;
    assert_eq!(first.status(), StatusCode::OK);
    let policy = Some("\"search\";q=2;w=60");
    assert_eq!(
        fields(first.headers()),
        [policy, Some("\"search\";r=1;t=60"), None]
    );
    app.clock.advance(Duration::from_secs(20));
    assert_eq!(app.get("/a", None, HERE).await, 200);
    let refused = app.send(Request::get("/a"), HERE).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        fields(refused.headers()),
        [policy, Some("\"search\";r=0;t=40"), Some("40")]
    );
    assert_eq!(refused.headers()["content-type"], "application/problem+json");

    app.clock.advance(Duration::from_secs(40));
    assert_eq!(app.get("/a", None, HERE).await, 200);
    assert_eq!(app.get("/a", None, HERE).await, 429);
}

#[tokio::test]
async fn an_address_is_an_ipv4_or_a_64_of_ipv6() {
    let app = App::new(|limit| Routes::new().route("/a", get(public).rate_limit(limit(rate!("1/minute")))));
    for (from, status) in [
        (HERE, 200),
        (HERE, 429),
        (THERE, 200),
        ("::ffff:192.0.2.1", 429),
        ("2001:db8::1", 200),
        ("2001:db8::2:3:4:5", 429),
        ("2001:db8:0:1::1", 200),
    ] {
        assert_eq!(app.get("/a", None, from).await, status, "{from}");
    }
    // Not by what a stranger writes.
    let spoofed = Request::get("/a").header("x-forwarded-for", "198.51.100.1");
    assert_eq!(app.send(spoofed, HERE).await.status(), 429);
}

#[tokio::test]
async fn whose_address_is_not_known_shares_one_limit() {
    let app = App::new(|limit| Routes::new().route("/a", get(public).rate_limit(limit(rate!("1/minute")))));
    for status in [200, 429] {
        let request = Request::get("/a").body(Body::empty()).unwrap();
        let response = app.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn the_limit_of_an_address_stands_before_the_guard() {
    let app = App::new(|limit| Routes::new().route("/a", get(known).rate_limit(limit(rate!("2/minute")))));
    assert_eq!(app.get("/a", Some("junk"), HERE).await, 401);
    assert_eq!(app.get("/a", None, HERE).await, 401);
    // Guessing on is refused before anything is looked up, and so is a good token.
    assert_eq!(app.get("/a", Some("junk"), HERE).await, 429);
    assert_eq!(app.get("/a", Some("ada"), HERE).await, 429);
    assert_eq!(app.get("/a", Some("ada"), THERE).await, 200);
}

#[tokio::test]
async fn the_limit_of_a_user_stands_behind_it() {
    let app = App::new(|limit| {
        Routes::new().route("/a", get(writing).rate_limit(limit(rate!("1/minute")).by_user()))
    });
    for (token, from, status) in [
        (None, HERE, 401),
        (Some("ada"), HERE, 403),
        (Some("ada"), HERE, 403),
        (Some("writer-1"), HERE, 200),
        (Some("writer-1"), THERE, 429),
        (Some("ada"), HERE, 403),
        (None, HERE, 401),
        (Some("writer-2"), HERE, 200),
    ] {
        assert_eq!(app.get("/a", token, from).await, status, "{token:?} {from}");
    }
}

#[tokio::test]
async fn where_nobody_is_logged_in_a_limit_by_user_counts_the_address() {
    async fn maybe(user: Option<CurrentUser<User>>) -> String {
        user.map(|user| Caller::id(&user.0)).unwrap_or_default()
    }
    let app = App::new(|limit| {
        Routes::new()
            .route(
                "/maybe",
                get(maybe).rate_limit(limit(rate!("1/minute")).by_user()),
            )
            .route(
                "/public",
                get(public).rate_limit(limit(rate!("1/minute")).by_user()),
            )
    });
    for (path, token, status) in [
        ("/maybe", None, 200),
        ("/maybe", None, 429),
        ("/maybe", Some("ada"), 200),
        ("/maybe", Some("ada"), 429),
        ("/public", Some("ada"), 200),
        ("/public", Some("bob"), 429),
    ] {
        assert_eq!(app.get(path, token, HERE).await, status, "{path} {token:?}");
    }
    assert_eq!(app.get("/public", None, THERE).await, 200);
}

#[tokio::test]
async fn a_function_may_say_who_counts_as_one() {
    let by_tenant =
        |limit: Limit| limit.by(|parts| Some(parts.headers.get("x-tenant")?.to_str().ok()?.to_owned()));
    let app = App::new(|limit| {
        Routes::new().route("/a", get(public).rate_limit(by_tenant(limit(rate!("1/minute")))))
    });
    let tenant = |name: &'static str| Request::get("/a").header("x-tenant", name);
    assert_eq!(app.send(tenant("a"), HERE).await.status(), 200);
    assert_eq!(app.send(tenant("a"), THERE).await.status(), 429);
    assert_eq!(app.send(tenant("b"), HERE).await.status(), 200);
    assert_eq!(app.get("/a", None, HERE).await, 200);
    assert_eq!(app.get("/a", None, HERE).await, 429);
}

#[tokio::test]
async fn routes_count_for_themselves_unless_they_share_a_limit() {
    let app = App::new(|limit| {
        let shared = limit(rate!("1/minute"));
        Routes::new()
            .route("/a", get(public).rate_limit(limit(rate!("1/minute"))))
            .route("/b", get(public).rate_limit(limit(rate!("1/minute"))))
            .route("/c", get(public).post(public).rate_limit(shared.clone()))
            .route("/d", get(public).rate_limit(shared))
            .route(
                "/e",
                get(public).rate_limit(limit(rate!("1/minute"))).post(public),
            )
    });
    assert_eq!(app.get("/a", None, HERE).await, 200);
    assert_eq!(app.get("/b", None, HERE).await, 200);
    assert_eq!(app.get("/c", None, HERE).await, 200);
    assert_eq!(app.get("/d", None, HERE).await, 429);
    assert_eq!(app.send(Request::post("/c"), HERE).await.status(), 429);
    assert_eq!(app.get("/e", None, HERE).await, 200);
    let post = app.send(Request::post("/e"), HERE).await;
    assert_eq!(
        (post.status(), fields(post.headers())),
        (StatusCode::OK, [None; 3])
    );
    // HEAD is served by the same route.
    assert_eq!(app.send(Request::head("/e"), HERE).await.status(), 429);
}

#[tokio::test]
async fn of_several_limits_all_must_allow() {
    let app = App::new(|limit| {
        Routes::new()
            .route("/a", post(known).rate_limit(limit(rate!("3/hour")).named("hour")))
            .route("/b", get(public))
            .rate_limit(limit(rate!("1/second")).named("second"))
    });
    let send = || app.send(Request::post("/a").header("authorization", "Bearer ada"), HERE);
    let second = Duration::from_secs(1);
    for _ in 0..5 {
        let _ = send().await;
    }
    // Who is refused by the second has used up nothing of the hour.
    for status in [200, 200, 429] {
        app.clock.advance(second);
        let response = send().await;
        assert_eq!(response.status(), status, "{:?}", fields(response.headers()));
    }
    app.clock.advance(second);
    assert_eq!(app.get("/b", None, HERE).await, 200);
    assert_eq!(app.get("/b", None, HERE).await, 429);
}

#[tokio::test]
async fn the_fields_tell_of_the_limit_that_leaves_least() {
    for (minute, hour, told) in [
        (rate!("10/minute"), rate!("3/hour"), "\"hour\";"),
        (rate!("2/minute"), rate!("30/hour"), "\"minute\";"),
    ] {
        let app = App::new(|limit| {
            let route = get(public)
                .rate_limit(limit(minute).named("minute"))
                .rate_limit(limit(hour).named("hour"));
            Routes::new().route("/a", route)
        });
        let answer = app.send(Request::get("/a"), HERE).await;
        let state = answer.headers()["ratelimit"].to_str().unwrap();
        assert!(state.starts_with(told), "{state}");
    }
}

#[test]
fn the_document_tells_of_the_limit() {
    let routes = Routes::<(), User>::new()
        .route("/a", get(public).rate_limit(rate!("1/day")))
        .route("/b", get(public));
    let gate = Gate::new(Names).merge(routes);
    let gate = gate.documented(crate::openapi::Documentation::new("A", "1"));
    let document = serde_json::to_value(gate.openapi().unwrap()).unwrap();
    let responses = |path: &str| &document["paths"][path]["get"]["responses"];
    assert!(responses("/a")["429"]["headers"]["Retry-After"].is_object());
    assert!(responses("/b")["429"].is_null());
}
