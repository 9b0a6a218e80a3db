//! The endpoints inside an application: without an edge, below a prefix, beside routes and state of its own.

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
};
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use portcullis_core::{audit::Actor, store::AuditFilter};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::fresh;
use crate::{CurrentUser, Gate, Portcullis, Routes, openapi::Documentation};

const PASSWORD: &str = "correct horse 5 battery";

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

/// A request as it comes from the network, of a client at `address`.
async fn send(
    app: &Router,
    method: Method,
    path: &str,
    address: [u8; 4],
    token: &str,
    body: &Value,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request = request.header("x-forwarded-for", "198.51.100.9");
    let mut request = if body.is_null() {
        request.body(Body::empty()).unwrap()
    } else {
        request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap()
    };
    request
        .extensions_mut()
        .insert(ConnectInfo(SocketAddr::from((address, 4711))));
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    }
}

async fn post(app: &Router, path: &str, body: Value) -> Answer {
    send(app, Method::POST, path, [192, 0, 2, 1], "", &body).await
}

async fn read(app: &Router, path: &str, token: &str) -> Answer {
    send(app, Method::GET, path, [192, 0, 2, 1], token, &Value::Null).await
}

fn registration(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "name": "Ada"})
}

/// The endpoints below `/api` of a plain router, without an edge.
fn nested(auth: &Portcullis) -> Router {
    let gate = Gate::new(auth.clone()).merge(auth.routes());
    Router::new().nest("/api", gate.into_router().unwrap())
}

#[tokio::test]
async fn they_work_below_a_prefix_and_without_an_edge() {
    let (_folder, builder) = fresh();
    let auth = builder.build().await.unwrap();
    let app = nested(&auth);
    let registered = post(&app, "/api/auth/register", registration("ada@example.com")).await;
    assert_eq!(registered.status, 201, "{}", registered.body);
    // What else the edge would have said of tokens and limits.
    assert_eq!(registered.headers[header::CACHE_CONTROL], "no-store");
    assert!(
        registered.headers.contains_key("ratelimit"),
        "{:?}",
        registered.headers
    );
    let token = registered.body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(
        read(&app, "/api/me", &token).await.body["email"],
        "ada@example.com"
    );
    assert_eq!(read(&app, "/api/me", "").await.status, 401);

    for (left, status) in [(4, 401), (3, 401), (2, 401), (1, 401), (0, 401), (0, 429)] {
        let body = json!({"email": "bob@example.com", "password": "wrong horse 9 battery"});
        let answer = post(&app, "/api/auth/login", body).await;
        assert_eq!(answer.status, status);
        let state = answer.headers["ratelimit"].to_str().unwrap();
        assert!(state.contains(&format!("r={left}")), "{state}");
    }
    let events = auth.authority().audit(&AuditFilter::default()).await.unwrap();
    for event in events.iter().filter(|event| event.actor != Actor::System) {
        // Nobody listed a proxy, so nobody's word on addresses is believed.
        assert_eq!(event.address, Some([192, 0, 2, 1].into()), "{event:?}");
    }
    auth.shutdown().await;
}

#[tokio::test]
async fn the_word_of_a_listed_proxy_is_believed_without_an_edge_too() {
    let (_folder, builder) = fresh();
    let auth = builder.trusted_proxies(["192.0.2.0/24"]).build().await.unwrap();
    let app = nested(&auth);
    post(&app, "/api/auth/register", registration("ada@example.com")).await;
    let event = &auth.authority().audit(&AuditFilter::default()).await.unwrap()[0];
    assert_eq!(event.address, Some([198, 51, 100, 9].into()));
    auth.shutdown().await;
}

#[tokio::test]
async fn clients_of_which_nothing_is_known_share_one_limit() {
    let (_folder, builder) = fresh();
    let auth = builder.build().await.unwrap();
    let app = nested(&auth);
    let mut statuses = Vec::new();
    for number in 0..6 {
        let body = json!({"email": format!("u{number}@example.com"), "password": PASSWORD});
        let request = Request::post("/api/auth/login")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        statuses.push(app.clone().oneshot(request).await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
    auth.shutdown().await;
}

/// Lists articles
#[utoipa::path(get, path = "/articles", responses((status = 200, body = String)))]
async fn articles(user: CurrentUser, State(greeting): State<&'static str>) -> String {
    format!("{greeting} {}", user.user)
}

#[tokio::test]
async fn one_table_and_one_document_cover_the_application_and_its_accounts() {
    let (_folder, builder) = fresh();
    let auth = builder.build().await.unwrap();
    let gate: Gate<&'static str> = Gate::new(auth.clone())
        .nest("/api", auth.routes())
        .routes(crate::routes!(articles))
        .documented(Documentation::new("Blog", "1.0.0").token_url("/api/auth/login"));
    let table = gate.access_table().to_string();
    for row in [
        ["GET", "/articles", "authenticated"],
        ["POST", "/api/auth/login", "public"],
    ] {
        let is_there = |line: &str| line.split_whitespace().eq(row);
        assert!(table.lines().any(is_there), "{table}");
    }
    let app = gate.into_router().unwrap().with_state("Hello").layer(auth.edge());
    let document = read(&app, "/openapi.json", "").await.body;
    assert_eq!(document["info"]["title"], "Blog");
    for path in ["/articles", "/api/me", "/api/admin/users"] {
        assert!(document["paths"][path]["get"]["security"].is_array(), "{path}");
    }
    let registered = post(&app, "/api/auth/register", registration("ada@example.com")).await;
    let token = registered.body["access_token"].as_str().unwrap();
    let answer = read(&app, "/articles", token).await;
    assert_eq!(answer.status, 200);
    assert!(answer.headers.contains_key("x-request-id") && answer.headers.contains_key("x-frame-options"));
    auth.shutdown().await;
}

fn paths(routes: &Routes) -> Vec<String> {
    let table = routes.access_table();
    let mut paths: Vec<String> = table
        .rows()
        .iter()
        .map(|row| format!("{} {}", row.method, row.path))
        .collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn an_application_mounts_what_it_wants() {
    let (_folder, builder) = fresh();
    let auth = builder.build().await.unwrap();
    let some = auth.endpoints().login().refresh().logout().routes();
    let expected = [
        "POST /auth/login",
        "POST /auth/logout",
        "POST /auth/logout-all",
        "POST /auth/refresh",
    ];
    assert_eq!(paths(&some), expected);

    let all = paths(&auth.routes());
    let one_by_one = auth
        .endpoints()
        .register()
        .login()
        .refresh()
        .logout()
        .csrf()
        .verify()
        .me()
        .sessions()
        .admin()
        .keys()
        .health()
        .routes();
    assert_eq!(paths(&one_by_one), all);
    let (admin, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|path| path.contains(" /admin"));
    assert_eq!(paths(&auth.endpoints().all_but_admin().routes()), others);
    assert_eq!(paths(&auth.endpoints().admin().routes()), admin);

    // What was not mounted is not there.
    let app = Gate::new(auth.clone()).merge(some).into_router().unwrap();
    let answer = post(&app, "/auth/register", registration("ada@example.com")).await;
    assert_eq!(answer.status, 404);
    auth.shutdown().await;
}
