use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{self, Body, Bytes},
    extract::{ConnectInfo, Request},
    response::Response,
    routing::{get, post},
};
use futures_util::StreamExt as _;
use http::{HeaderMap, StatusCode, header};
use portcullis_core::{clock::MovableClock, rng::SystemRng};
use tower::{Layer, Service, ServiceExt};

use super::{ClientAddress, Cors, CorsError, Edge, EdgeConfig, ForwardedBy, RequestId, TrustedProxies};
use crate::{input::Json, problem::Problem};

fn router() -> Router {
    Router::new()
        .route("/id", get(async |id: RequestId| id.to_string()))
        .route(
            "/address",
            get(async |address: ClientAddress| address.0.to_string()),
        )
        .route("/echo", post(async |body: Bytes| body.len().to_string()))
        .route(
            "/json",
            post(async |Json(body): Json<serde_json::Value>| Json(body)),
        )
        .route(
            "/panic",
            get(async || -> &'static str { panic!("the secret is 42") }),
        )
        .route("/forever", get(std::future::pending::<&'static str>))
        .route("/denied", get(async || Problem::new(StatusCode::UNAUTHORIZED)))
        .route(
            "/cached",
            get(async || ([(header::CACHE_CONTROL, "public, max-age=60")], "keys")),
        )
}

fn config() -> EdgeConfig {
    EdgeConfig {
        trusted_proxies: proxies(ForwardedBy::XForwardedFor),
        max_body: 100,
        ..EdgeConfig::default()
    }
}

fn proxies(header: ForwardedBy) -> TrustedProxies {
    let networks = ["10.0.0.0/8", "2001:db8:1::/48"].map(|network| network.parse().unwrap());
    TrustedProxies::new(networks.to_vec(), header)
}

async fn send_to(config: EdgeConfig, peer: &str, request: http::request::Builder, body: Body) -> Response {
    let edge = Edge::new(config, Arc::new(MovableClock::default()), &SystemRng);
    let mut request = request.body(body).unwrap();
    request
        .extensions_mut()
        .insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
    edge.layer(router()).oneshot(request).await.unwrap()
}

async fn send(peer: &str, request: http::request::Builder) -> Response {
    send_to(config(), peer, request, Body::empty()).await
}

async fn text(response: Response) -> String {
    String::from_utf8(
        body::to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap()
            .to_vec(),
    )
    .unwrap()
}

const STRANGER: &str = "192.0.2.7";
const PROXY: &str = "10.1.2.3";

/// Peer, header lines, client.
type Case<'a> = (&'a str, &'a [(&'static str, &'a str)], &'a str);

#[tokio::test]
async fn each_answer_has_a_request_id_that_its_handler_knows() {
    let response = send(STRANGER, Request::get("/id")).await;
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 7);
    assert_eq!(text(response).await, id);
}

#[test]
fn request_ids_do_not_repeat() {
    let ids = super::request_id::RequestIds::new(&SystemRng);
    let now = portcullis_core::clock::Timestamp::from_unix_seconds(1);
    let made: std::collections::HashSet<String> = (0..1000).map(|_| ids.next(now).to_string()).collect();
    assert_eq!(made.len(), 1000);
}

#[tokio::test]
async fn a_request_id_is_taken_from_trusted_proxies_only_and_only_if_it_is_one() {
    let with = |id: &str| Request::get("/id").header("x-request-id", id);
    assert_eq!(text(send(PROXY, with("abc-1.2_3")).await).await, "abc-1.2_3");
    assert_ne!(text(send(STRANGER, with("abc-1.2_3")).await).await, "abc-1.2_3");
    for bad in ["", "a b", "a\"b", "<script>", &"a".repeat(65)] {
        assert_eq!(text(send(PROXY, with(bad)).await).await.len(), 36, "{bad}");
    }
}

#[test]
fn the_client_is_found_from_the_right_and_strangers_are_not_believed() {
    let x_forwarded_for = proxies(ForwardedBy::XForwardedFor);
    let forwarded = proxies(ForwardedBy::Forwarded);
    let find = |proxies: &TrustedProxies, peer: &str, lines: &[(&'static str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    };
    let xff = "x-forwarded-for";
    let cases: &[Case<'_>] = &[
        (STRANGER, &[(xff, "1.1.1.1")], STRANGER),
        (PROXY, &[], PROXY),
        (PROXY, &[(xff, "1.1.1.1")], "1.1.1.1"),
        (PROXY, &[(xff, "6.6.6.6, 1.1.1.1")], "1.1.1.1"),
        (PROXY, &[(xff, "6.6.6.6, 1.1.1.1, 10.9.9.9")], "1.1.1.1"),
        (PROXY, &[(xff, "6.6.6.6"), (xff, "1.1.1.1")], "1.1.1.1"),
        (PROXY, &[(xff, "10.0.0.1, 10.0.0.2")], "10.0.0.1"),
        (PROXY, &[(xff, "1.1.1.1, junk")], PROXY),
        (PROXY, &[(xff, "1.1.1.1, ")], PROXY),
        (PROXY, &[(xff, "1.1.1.1:443")], "1.1.1.1"),
        (PROXY, &[(xff, "[2001:db8::1]:443")], "2001:db8::1"),
        (PROXY, &[(xff, "2001:db8::1")], "2001:db8::1"),
        (PROXY, &[(xff, "::ffff:1.1.1.1")], "1.1.1.1"),
        ("::ffff:10.1.2.3", &[(xff, "1.1.1.1")], "1.1.1.1"),
        ("2001:db8:1::5", &[(xff, "1.1.1.1")], "1.1.1.1"),
        (
            PROXY,
            &[("forwarded", "for=6.6.6.6"), (xff, "1.1.1.1")],
            "1.1.1.1",
        ),
        (PROXY, &[("forwarded", "for=6.6.6.6")], PROXY),
    ];
    for (peer, lines, expected) in cases {
        assert_eq!(find(&x_forwarded_for, peer, lines), *expected, "{peer} {lines:?}");
    }
    let cases: &[Case<'_>] = &[
        (
            PROXY,
            &[(
                "forwarded",
                "for=6.6.6.6, proto=https;For=\"[2001:db8::9]:80\";by=_x",
            )],
            "2001:db8::9",
        ),
        (PROXY, &[("forwarded", "for=6.6.6.6, for=_hidden")], PROXY),
        (PROXY, &[("forwarded", "for=unknown")], PROXY),
        (PROXY, &[(xff, "1.1.1.1")], PROXY),
    ];
    for (peer, lines, expected) in cases {
        assert_eq!(find(&forwarded, peer, lines), *expected, "{peer} {lines:?}");
    }
}

#[tokio::test]
async fn handlers_get_the_address_and_unknown_ones_share_one() {
    let request = Request::get("/address").header("x-forwarded-for", "1.1.1.1");
    assert_eq!(text(send(PROXY, request).await).await, "1.1.1.1");
    let edge = Edge::new(config(), Arc::new(MovableClock::default()), &SystemRng);
    let request = Request::get("/address").header("x-forwarded-for", "1.1.1.1");
    let response = edge
        .layer(router())
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let address: IpAddr = text(response).await.parse().unwrap();
    assert!(address.is_unspecified());
}

#[tokio::test(start_paused = true)]
async fn every_answer_has_the_security_headers() {
    for (path, status) in [
        ("/id", 200),
        ("/nothing", 404),
        ("/denied", 401),
        ("/panic", 500),
        ("/forever", 503),
    ] {
        let response = send(STRANGER, Request::get(path)).await;
        assert_eq!(response.status(), status, "{path}");
        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(
            headers["content-security-policy"],
            "default-src 'none'; frame-ancestors 'none'"
        );
        assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
        assert_eq!(headers["cache-control"], "no-store");
        assert!(headers.contains_key("x-request-id"));
        assert!(!headers.contains_key("strict-transport-security"));
    }
    let cached = send(STRANGER, Request::get("/cached")).await;
    assert_eq!(cached.headers()["cache-control"], "public, max-age=60");
    let tls = EdgeConfig {
        hsts: true,
        ..config()
    };
    let response = send_to(tls, STRANGER, Request::get("/nothing"), Body::empty()).await;
    assert!(
        response.headers()["strict-transport-security"]
            .to_str()
            .unwrap()
            .starts_with("max-age=")
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_and_a_timeout_are_problems_without_details() {
    let panic = send(STRANGER, Request::get("/panic")).await;
    assert_eq!(panic.headers()["content-type"], "application/problem+json");
    assert!(!text(panic).await.contains("42"));
    let slow = send(STRANGER, Request::get("/forever")).await;
    assert_eq!(slow.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(slow.headers()["retry-after"], "1");
}

#[tokio::test]
async fn two_hosts_are_two_meanings() {
    let response = send(
        STRANGER,
        Request::get("/id").header("host", "a").header("host", "a"),
    )
    .await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(response.headers()[header::CONNECTION], "close");
    let response = send(STRANGER, Request::get("/id").header("host", "a")).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_413_whether_or_not_it_says_so() {
    let fits = Body::from(vec![b'a'; 100]);
    assert_eq!(
        send_to(config(), STRANGER, Request::post("/echo"), fits)
            .await
            .status(),
        StatusCode::OK
    );

    let polled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&polled);
    let long = futures_util::stream::repeat_with(move || {
        count.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::io::Error>(vec![b' '; 30])
    })
    .take(1000);
    let request = Request::post("/json").header("content-type", "application/json");
    let response = send_to(config(), STRANGER, request, Body::from_stream(long)).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(polled.load(Ordering::SeqCst) <= 5);

    let unread = Body::from_stream(futures_util::stream::poll_fn(
        |_| -> std::task::Poll<Option<Result<Vec<u8>, std::io::Error>>> { panic!("the body was read") },
    ));
    let request = Request::post("/json").header("content-length", "401");
    let response = send_to(config(), STRANGER, request, unread).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
}

fn with_cors() -> EdgeConfig {
    EdgeConfig {
        cors: Some(Cors::new(&["https://app.example.com"], true).unwrap()),
        ..config()
    }
}

#[tokio::test]
async fn a_preflight_needs_no_login_and_strangers_get_no_permission() {
    let preflight = |origin: &str| {
        Request::options("/denied")
            .header("origin", origin)
            .header("access-control-request-method", "PATCH")
            .header("access-control-request-headers", "authorization")
    };
    let response = send_to(
        with_cors(),
        STRANGER,
        preflight("https://app.example.com"),
        Body::empty(),
    )
    .await;
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-origin"], "https://app.example.com");
    assert_eq!(headers["access-control-allow-credentials"], "true");
    assert_eq!(
        headers["access-control-allow-methods"],
        "GET,POST,PUT,PATCH,DELETE"
    );
    assert_eq!(
        headers["access-control-allow-headers"],
        "authorization,content-type,x-csrf-token"
    );
    assert!(headers.contains_key("x-request-id") && headers.contains_key("x-content-type-options"));

    for origin in [
        "https://evil.example",
        "https://app.example.com.evil.example",
        "null",
        "http://app.example.com",
    ] {
        let response = send_to(with_cors(), STRANGER, preflight(origin), Body::empty()).await;
        assert!(
            !response.headers().contains_key("access-control-allow-origin"),
            "{origin}"
        );
    }
    let bare = send_to(with_cors(), STRANGER, Request::options("/denied"), Body::empty()).await;
    assert_eq!(bare.status(), StatusCode::METHOD_NOT_ALLOWED);
    let off = send(STRANGER, preflight("https://app.example.com")).await;
    assert_eq!(off.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(!off.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test(start_paused = true)]
async fn refusals_carry_the_cors_headers_too() {
    for path in ["/id", "/denied", "/nothing", "/panic", "/forever"] {
        let request = Request::get(path).header("origin", "https://app.example.com");
        let response = send_to(with_cors(), STRANGER, request, Body::empty()).await;
        assert_eq!(
            response.headers()["access-control-allow-origin"],
            "https://app.example.com",
            "{path}"
        );
        let exposed = response.headers()["access-control-expose-headers"]
            .to_str()
            .unwrap();
        for name in [
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "www-authenticate",
            "x-request-id",
        ] {
            assert!(
                exposed.split(',').any(|exposed| exposed == name),
                "{name} in {exposed}"
            );
        }
        assert!(response.headers()["vary"].to_str().unwrap().contains("origin"));
    }
}

#[test]
fn cors_that_cannot_be_meant_is_refused() {
    assert_eq!(
        Cors::new(&["*"], true).unwrap_err(),
        CorsError::AnyWithCredentials
    );
    assert!(Cors::new(&["*"], false).is_ok());
    assert_eq!(
        Cors::new(&["*", "https://a.example"], false).unwrap_err(),
        CorsError::AnyAmongOthers
    );
    assert_eq!(
        Cors::new(&["https://a.example", "*"], true).unwrap_err(),
        CorsError::AnyAmongOthers
    );
    for bad in [
        "https://a.example/",
        "a.example",
        "https://A.example",
        "https://a.example:443",
        "http://a.example:80",
        "ftp://a.example",
        "https://u@a.example",
        "https://*.example",
        "null",
        "",
        "https://",
    ] {
        assert_eq!(
            Cors::new(&[bad], true).unwrap_err(),
            CorsError::NotAnOrigin(bad.to_owned()),
            "{bad}"
        );
    }
    assert!(
        Cors::new(
            &[
                "http://localhost:3000",
                "https://a.example:8443",
                "http://[::1]:3000"
            ],
            true
        )
        .is_ok()
    );
    assert!(Cors::new(&[] as &[&str], true).is_ok());
}

#[tokio::test]
async fn a_connection_can_be_used_again_after_a_panic() {
    let edge = Edge::new(config(), Arc::new(MovableClock::default()), &SystemRng);
    let mut service = edge.layer(router());
    for (path, status) in [("/panic", 500), ("/id", 200)] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(
            service
                .ready()
                .await
                .unwrap()
                .call(request)
                .await
                .unwrap()
                .status(),
            status
        );
    }
}

#[test]
fn the_default_limits_are_what_the_documentation_says() {
    let config = EdgeConfig::default();
    assert_eq!(
        (config.max_body, config.timeout, config.max_requests),
        (65_536, Duration::from_secs(30), 10_000)
    );
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_the_most_are_refused_and_give_their_places_back() {
    let most = EdgeConfig {
        max_requests: 2,
        ..config()
    };
    let service = Edge::new(most, Arc::new(MovableClock::default()), &SystemRng).layer(router());
    let ask = |path| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        service.clone().oneshot(request)
    };
    let (first, second) = (tokio::spawn(ask("/forever")), tokio::spawn(ask("/forever")));
    tokio::task::yield_now().await;
    for _ in 0..3 {
        let refused = ask("/id").await.unwrap();
        assert_eq!(refused.status(), 503);
        assert_eq!(refused.headers()["retry-after"], "1");
        assert!(refused.headers().contains_key("x-request-id"));
    }
    // One client goes away, the other is answered (its time is over), one handler fails.
    first.abort();
    assert!(first.await.is_err());
    assert_eq!(ask("/id").await.unwrap().status(), 200);
    assert_eq!(second.await.unwrap().unwrap().status(), 503);
    for _ in 0..3 {
        assert_eq!(ask("/panic").await.unwrap().status(), 500);
    }
    assert_eq!(ask("/id").await.unwrap().status(), 200);
}
