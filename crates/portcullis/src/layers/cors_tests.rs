//! CORS around an application behind a gate: a page must be able to read why it was refused.

use std::sync::Arc;

use axum::{Router, body::Body, extract::Request, response::Response};
use http::{Method, request::Parts};
use portcullis_core::{clock::MovableClock, key::BoundTokens, rng::SystemRng};
use tower::{Layer as _, ServiceExt as _};

use super::{Cors, Edge, EdgeConfig};
use crate::{
    access::{Allow, CurrentUser, Public},
    cookie::{Cookie, CookieScheme},
    csrf::Csrf,
    gate::Gate,
    provider::{AuthError, AuthProvider, TokenSources},
    rate_limit::Limit,
    routing::get,
};

crate::scopes! { Write = "write": "Write"; }

#[derive(Clone, crate::Caller)]
struct User {
    id: String,
    scopes: Vec<String>,
}

struct Anybody;

impl AuthProvider for Anybody {
    type User = User;

    async fn authenticate(&self, parts: &Parts) -> Result<User, AuthError> {
        let sources = TokenSources::default().cookie("__Host-session");
        match sources.read(parts)?.token() {
            "down" => Err(AuthError::unavailable()),
            id => Ok(User {
                id: id.to_owned(),
                scopes: Vec::new(),
            }),
        }
    }
}

const PAGE: &str = "https://app.example.com";

/// The application, behind CORS of each kind.
fn applications() -> [Router; 2] {
    async fn public(_: Public) {}
    async fn me(user: CurrentUser<User>) -> String {
        user.0.id
    }
    async fn write(_: Allow<Write, User>) {}
    let router = || {
        let limit = Limit::new(crate::rate!("1/day")).clock(Arc::new(MovableClock::default()));
        let session = Cookie::new("session", CookieScheme::Https).unwrap();
        let csrf = Csrf::new(BoundTokens::generate(&SystemRng), session);
        Gate::new(Anybody)
            .route("/public", get(public).post(public).rate_limit(limit))
            .route("/me", get(me).post(me))
            .route("/write", get(write))
            .into_router()
            .unwrap()
            .layer(csrf.trust_origin(PAGE).unwrap())
    };
    let cors = Cors::new(&[PAGE], true).unwrap();
    let edge = EdgeConfig {
        cors: Some(cors.clone()),
        ..EdgeConfig::default()
    };
    let edge = Edge::new(edge, Arc::new(MovableClock::default()), &SystemRng);
    let edged = edge.layer(router());
    [router().layer(cors), Router::new().fallback_service(edged)]
}

async fn send(app: &Router, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    app.clone().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn a_page_can_read_why_it_was_refused() {
    let bearer = ("authorization", "Bearer ada");
    let down = ("authorization", "Bearer down");
    let cookie = ("cookie", "__Host-session=ada");
    for app in applications() {
        for (method, path, headers, expected) in [
            (Method::GET, "/public", &[][..], 200),
            (Method::GET, "/public", &[], 429),
            (Method::GET, "/me", &[], 401),
            (Method::GET, "/write", &[bearer], 403),
            (Method::GET, "/me", &[down], 503),
            (Method::GET, "/me", &[cookie], 200),
            (Method::POST, "/me", &[cookie], 403),
            (Method::PUT, "/me", &[bearer], 405),
            (Method::GET, "/nothing", &[], 404),
        ] {
            let from_page = [headers, &[("origin", PAGE)]].concat();
            let response = send(&app, method.clone(), path, &from_page).await;
            assert_eq!(response.status(), expected, "{method} {path}");
            let headers = response.headers();
            assert_eq!(headers["access-control-allow-origin"], PAGE, "{method} {path}");
            assert_eq!(headers["access-control-allow-credentials"], "true");
            let exposed = headers["access-control-expose-headers"].to_str().unwrap();
            for name in ["www-authenticate", "retry-after", "ratelimit", "ratelimit-policy"] {
                assert!(exposed.split(',').any(|exposed| exposed == name), "{name}");
            }
            let vary = headers["vary"].to_str().unwrap();
            assert!(vary.contains("origin"), "{vary}");

            let from_other = [("origin", "https://evil.example")];
            let response = send(&app, method, path, &from_other).await;
            assert!(!response.headers().contains_key("access-control-allow-origin"));
        }
    }
}

#[tokio::test]
async fn a_page_may_send_its_token_and_what_protects_its_acts() {
    for app in applications() {
        let asks = [
            ("origin", PAGE),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "authorization,content-type,x-csrf-token",
            ),
        ];
        for path in ["/me", "/write", "/public"] {
            let response = send(&app, Method::OPTIONS, path, &asks).await;
            assert_eq!(response.status(), 200, "{path}");
            let headers = response.headers();
            assert_eq!(headers["access-control-allow-origin"], PAGE);
            let allowed = headers["access-control-allow-headers"].to_str().unwrap();
            for name in ["authorization", "content-type", "x-csrf-token"] {
                assert!(allowed.contains(name), "{allowed}");
            }
            let methods = headers["access-control-allow-methods"].to_str().unwrap();
            assert!(
                methods.contains("DELETE") && methods.contains("PATCH"),
                "{methods}"
            );
        }
    }
}

#[test]
fn a_configuration_that_cannot_be_meant_is_refused_at_start() {
    let read = |text: &str| serde_json::from_str::<Cors>(text).map_err(|error| error.to_string());
    assert!(read(r#"{"origins": ["https://app.example.com"], "credentials": true}"#).is_ok());
    assert!(read(r#"{"origins": ["*"]}"#).is_ok());
    for (text, why) in [
        (
            r#"{"origins": ["*"], "credentials": true}"#,
            "with credentials would let any page act",
        ),
        (
            r#"{"origins": ["*", "https://a.example"]}"#,
            "makes all others pointless",
        ),
        (r#"{"origins": ["https://a.example/"]}"#, "is not an origin"),
        (r#"{"origins": ["null"]}"#, "is not an origin"),
        (
            r#"{"origins": ["https://a.example"], "credential": true}"#,
            "unknown field",
        ),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}
