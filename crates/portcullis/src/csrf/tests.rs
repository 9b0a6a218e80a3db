use axum::{
    Router,
    body::{self, Body},
    extract::Request,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, Method, StatusCode, header, request};
use portcullis_core::{key::BoundTokens, rng::SystemRng};
use serde_json::Value;
use tower::{Layer as _, ServiceExt as _};

use super::{BeforeLogin, Csrf, CsrfToken, NotAnOrigin};
use crate::{
    access::{CurrentUser, Public},
    cookie::{Cookie, CookieScheme, SameSite},
    gate::Gate,
    provider::{AuthError, AuthProvider, TokenSources},
    routing::{get, post},
};

#[derive(Clone, crate::Caller)]
struct User {
    id: String,
}

/// Believes each session to be its user's name.
struct Names;

impl AuthProvider for Names {
    type User = User;

    async fn authenticate(&self, parts: &request::Parts) -> Result<User, AuthError> {
        let credential = self.token_sources().read(parts)?;
        Ok(User {
            id: credential.token().to_owned(),
        })
    }

    fn token_sources(&self) -> TokenSources {
        TokenSources::default().cookie("__Host-session")
    }
}

async fn form(_: Public, token: CsrfToken, again: CsrfToken) -> String {
    assert_eq!(token.value(), again.value());
    token.value().to_owned()
}
async fn keep(_: CurrentUser<User>, body: String) -> String {
    body
}
async fn login(_: Public) -> &'static str {
    "in"
}

fn session() -> Cookie {
    Cookie::new("session", CookieScheme::Https).unwrap()
}

fn csrf() -> Csrf {
    let tokens = BoundTokens::from_secret(&"0".repeat(32).into()).unwrap();
    Csrf::new(tokens, session())
}

fn router() -> Router {
    Gate::new(Names)
        .route("/", get(form).post(keep).put(keep))
        .route("/login", get(form).post(login))
        .route("/hooks/{name}", post(login).put(login))
        .route("/hooks/{name}/more", post(login))
        .route("/socket", get(login))
        .csrf_by_layer()
        .into_router()
        .unwrap()
}

async fn send_to(csrf: Csrf, request: request::Builder, body: impl Into<Body>) -> Response {
    let request = request.header("host", "notes.example.com").body(body.into());
    let service = router().layer(csrf);
    service.oneshot(request.unwrap()).await.unwrap()
}

async fn send(request: request::Builder) -> Response {
    send_to(csrf(), request, "note").await
}

async fn status(request: request::Builder) -> u16 {
    send(request).await.status().as_u16()
}

async fn text(response: Response) -> String {
    let bytes = body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// `name=value` of each cookie that is set.
fn cookies(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::SET_COOKIE).iter();
    lines
        .map(|line| line.to_str().unwrap().split(';').next().unwrap().to_owned())
        .collect()
}

fn token_of(session: &str) -> String {
    csrf().begin(session).0.value().to_owned()
}

/// As ada's browser sends it from a page of ours.
fn from_ada(method: Method, token: &str) -> request::Builder {
    Request::builder()
        .method(method)
        .uri("/")
        .header("sec-fetch-site", "same-origin")
        .header("origin", "https://notes.example.com")
        .header("cookie", format!("__Host-session=ada; csrf_token={token}"))
}

fn form_of_ada(token: &str) -> request::Builder {
    from_ada(Method::POST, token).header("content-type", "application/x-www-form-urlencoded")
}

#[tokio::test]
async fn an_act_needs_the_token_of_its_session() {
    let token = token_of("ada");
    for method in [Method::POST, Method::PUT] {
        let good = send(from_ada(method.clone(), &token).header("x-csrf-token", &token)).await;
        assert_eq!(text(good).await, "note");
        let missing = send(from_ada(method, &token)).await;
        assert_eq!(missing.status(), StatusCode::FORBIDDEN);
        assert_eq!(missing.headers()["content-type"], "application/problem+json");
        let problem: Value = serde_json::from_str(&text(missing).await).unwrap();
        assert_eq!(problem["error"], "csrf_failed");
        assert!(problem["detail"].as_str().unwrap().contains("X-CSRF-Token"));
    }
    // Whether there is a handler at all is not told.
    assert_eq!(status(from_ada(Method::DELETE, &token)).await, 403);
}

#[tokio::test]
async fn no_other_token_will_do() {
    let token = token_of("ada");
    let mallory = token_of("mallory");
    let login_page = send(Request::get("/login")).await;
    let before_login = text(login_page).await;
    let other_key = Csrf::new(BoundTokens::generate(&SystemRng), session());
    let forged = other_key.begin("ada").0;
    let shorter = &token[..token.len() - 1];
    for wrong in [
        &mallory,
        &before_login,
        forged.value(),
        shorter,
        "",
        "x",
        &"A".repeat(43),
    ] {
        // Even if it was planted as a cookie, too.
        let request = from_ada(Method::POST, wrong).header("x-csrf-token", wrong);
        assert_eq!(status(request).await, 403, "{wrong}");
        let form = send_to(csrf(), form_of_ada(wrong), format!("csrf_token={wrong}")).await;
        assert_eq!(form.status(), 403, "{wrong}");
    }
    // Only in the header, only in the cookie, or another good one than in the cookie.
    let without_cookie = Request::post("/")
        .header("cookie", "__Host-session=ada")
        .header("x-csrf-token", &token);
    assert_eq!(status(without_cookie).await, 403);
    assert_eq!(status(from_ada(Method::POST, &token)).await, 403);
    let another = from_ada(Method::POST, &token).header("x-csrf-token", token_of("ada"));
    assert_eq!(status(another).await, 403);
    // Without the session that it is bound to.
    let without_session = Request::post("/login")
        .header("cookie", format!("csrf_token={token}"))
        .header("x-csrf-token", &token)
        .header("origin", "https://notes.example.com");
    assert_eq!(status(without_session).await, 403);
}

#[tokio::test]
async fn cookie_garbage_hides_no_good_cookie() {
    let token = token_of("ada");
    let mallory = token_of("mallory");
    let pair = format!("csrf_token={token}");
    for line in [
        format!("csrf_token=junk; csrf_token={mallory}; {pair}; __Host-session=ada"),
        format!("__Host-session=ada; {pair}; csrf_token={mallory}; csrf_token="),
        format!("session=mallory; __Host-session=ada; =; ;; a b=1; {pair}"),
        format!("presession=x; __Host-presession=y; __Host-session=ada; {pair}"),
        format!("\u{2000}__Host-session=mallory; __Host-session=ada; {pair}"),
    ] {
        let request = Request::post("/")
            .header("cookie", line.as_bytes())
            .header("x-csrf-token", &token);
        assert_eq!(status(request).await, 200, "{line}");
    }
    let bytes = [&b"a=\xff\xfe; "[..], pair.as_bytes(), b"; __Host-session=ada"].concat();
    let request = Request::post("/")
        .header("cookie", bytes)
        .header("x-csrf-token", &token);
    assert_eq!(status(request).await, 200);
    // Which of two sessions is meant cannot be told.
    let two = format!("__Host-session=ada; __Host-session=mallory; {pair}");
    let request = Request::post("/")
        .header("cookie", two)
        .header("x-csrf-token", &token);
    assert_eq!(status(request).await, 403);
}

#[tokio::test]
async fn a_page_of_another_site_is_refused_though_it_has_the_token() {
    let token = token_of("ada");
    let from = |site: Option<&str>, origin: Option<&str>| {
        let mut request = Request::post("/")
            .header("cookie", format!("__Host-session=ada; csrf_token={token}"))
            .header("x-csrf-token", &token);
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        request
    };
    let (here, sibling) = ("https://notes.example.com", "https://evil.example.com");
    for (site, origin, expected) in [
        (Some("same-origin"), Some(here), 200),
        (Some("none"), None, 200),
        (None, Some(here), 200),
        (None, None, 200),
        (Some("cross-site"), Some("https://evil.example"), 403),
        (Some("cross-site"), None, 403),
        (Some("same-site"), Some(sibling), 403),
        (Some("same-site"), None, 403),
        (None, Some(sibling), 403),
        (None, Some("null"), 403),
        (None, Some("https://notes.example.com.evil.example"), 403),
        (None, Some("https://notes.example.com:8443"), 403),
    ] {
        assert_eq!(status(from(site, origin)).await, expected, "{site:?} {origin:?}");
    }
    let trusting = || csrf().trust_origin("https://app.example.com").unwrap();
    for (origin, expected) in [("https://app.example.com", 200), (sibling, 403)] {
        let response = send_to(trusting(), from(Some("same-site"), Some(origin)), "").await;
        assert_eq!(response.status(), expected, "{origin}");
    }
    // Trusted, but without a token all the same.
    let request = Request::post("/")
        .header("cookie", "__Host-session=ada")
        .header("origin", "https://app.example.com");
    assert_eq!(send_to(trusting(), request, "").await.status(), 403);
    for wrong in [
        "https://app.example.com/",
        "app.example.com",
        "*",
        "null",
        "https://App.example.com",
    ] {
        assert_eq!(
            csrf().trust_origin(wrong).unwrap_err(),
            NotAnOrigin(wrong.to_owned())
        );
    }
}

#[tokio::test]
async fn safe_methods_and_bearer_tokens_pass() {
    for method in ["GET", "HEAD", "OPTIONS"] {
        let request = Request::builder()
            .method(method)
            .uri("/login")
            .header("cookie", "__Host-session=ada")
            .header("sec-fetch-site", "cross-site");
        assert_ne!(status(request).await, 403, "{method}");
    }
    let with = |authorization: &[&str]| {
        let mut request = Request::post("/")
            .header("cookie", "__Host-session=ada")
            .header("sec-fetch-site", "cross-site");
        for value in authorization {
            request = request.header("authorization", *value);
        }
        request
    };
    assert_eq!(status(with(&["Bearer ada"])).await, 200);
    assert_eq!(status(with(&["bearer ada"])).await, 200);
    // Browsers send passwords by themselves.
    for not_alone in [
        &["Basic YTpi"][..],
        &["Negotiate a"],
        &["Bearer"],
        &[""],
        &["Bearer a", "Basic YTpi"],
    ] {
        assert_eq!(status(with(not_alone)).await, 403, "{not_alone:?}");
    }
}

#[tokio::test]
async fn a_websocket_by_cookie_begins_on_a_page_of_ours() {
    let upgrade = |origin: Option<&str>, protocol: Option<&str>| {
        let mut request = Request::get("/socket")
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("cookie", "__Host-session=ada");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        if let Some(protocol) = protocol {
            request = request.header("sec-websocket-protocol", protocol);
        }
        request
    };
    for (origin, protocol, expected) in [
        (Some("https://notes.example.com"), None, 200),
        (None, None, 200),
        (Some("https://evil.example"), None, 403),
        (Some("https://evil.example"), Some("chat"), 403),
        (Some("https://evil.example"), Some("bearer, token"), 403),
        (Some("https://notes.example.com"), Some("bearer, token"), 200),
    ] {
        assert_eq!(
            status(upgrade(origin, protocol)).await,
            expected,
            "{origin:?} {protocol:?}"
        );
    }
    let mut without_cookie = upgrade(Some("https://evil.example"), Some("bearer, token"));
    without_cookie.headers_mut().unwrap().remove("cookie");
    assert_eq!(
        status(without_cookie).await,
        200,
        "all that it can do, it does by its token"
    );
}

#[tokio::test]
async fn a_form_brings_it_in_a_field_and_arrives_whole() {
    let token = token_of("ada");
    let field = format!("note=a%20b&csrf_token={token}");
    let response = send_to(csrf(), form_of_ada(&token), field.clone()).await;
    assert_eq!(text(response).await, field);
    for body in [
        "note=a".to_owned(),
        format!("csrf_token={token}&csrf_token={token}"),
        "csrf_token=".to_owned(),
        "csrf_token=%ff".to_owned(),
    ] {
        assert_eq!(
            send_to(csrf(), form_of_ada(&token), body.clone()).await.status(),
            403,
            "{body}"
        );
    }
    for kind in [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
    ] {
        let request = from_ada(Method::POST, &token).header("content-type", kind);
        let response = send_to(csrf(), request, format!("csrf_token={token}")).await;
        assert_eq!(response.status(), 403, "{kind}");
    }
}

#[tokio::test]
async fn a_form_is_read_within_bounds_and_only_for_whom_it_can_help() {
    let token = token_of("ada");
    let small = || csrf().max_form(100);
    let fits = format!("csrf_token={token}&{}", "a".repeat(100 - 12 - token.len()));
    assert_eq!(fits.len(), 100);
    assert_eq!(
        send_to(small(), form_of_ada(&token), fits.clone()).await.status(),
        200
    );
    let refused = send_to(small(), form_of_ada(&token), format!("{fits}a")).await;
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);

    let untouched = || {
        Body::from_stream(futures_util::stream::poll_fn(
            |_| -> std::task::Poll<Option<Result<Vec<u8>, std::io::Error>>> { panic!("the body was read") },
        ))
    };
    for request in [
        form_of_ada("junk"),
        form_of_ada(&token_of("mallory")),
        form_of_ada(&token).header("x-csrf-token", "junk"),
        from_ada(Method::POST, &token),
        Request::post("/")
            .header("sec-fetch-site", "cross-site")
            .header("content-type", "application/x-www-form-urlencoded"),
    ] {
        assert_eq!(send_to(csrf(), request, untouched()).await.status(), 403);
    }
}

#[tokio::test]
async fn before_login_it_is_bound_to_the_browser() {
    let page = send(Request::get("/login")).await;
    assert_eq!(page.headers()[header::CACHE_CONTROL], "no-store");
    let [token, pre_session] = &cookies(page.headers())[..] else {
        panic!("two cookies");
    };
    assert!(token.starts_with("csrf_token="), "{token}");
    assert!(pre_session.starts_with("__Host-presession="), "{pre_session}");
    let value = text(page).await;
    assert_eq!(*token, format!("csrf_token={value}"));

    let login = |cookie: &str| {
        Request::post("/login")
            .header("origin", "https://notes.example.com")
            .header("x-csrf-token", &value)
            .header("cookie", cookie)
    };
    assert_eq!(status(login(&format!("{token}; {pre_session}"))).await, 200);
    assert_eq!(status(login(token)).await, 403);
    assert_eq!(
        status(login(&format!("{token}; __Host-presession=other"))).await,
        403
    );
    // Nor does a session that happens to be called like the pre-session make it good.
    let same = pre_session.replace("presession", "session");
    assert_eq!(status(login(&format!("{token}; {same}"))).await, 403);

    // Browsers always say where they come from; who does not, and has no cookie, is none.
    assert_eq!(status(Request::post("/login")).await, 200);
    assert_eq!(status(Request::post("/")).await, 401);
    for (name, value) in [
        ("origin", "https://notes.example.com"),
        ("sec-fetch-site", "same-origin"),
        ("cookie", "__Host-presession=x"),
    ] {
        assert_eq!(
            status(Request::post("/login").header(name, value)).await,
            403,
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_api_may_ask_only_where_a_login_comes_from() {
    let api = || csrf().before_login(BeforeLogin::Origin);
    let login = |name: &'static str, value: &'static str| Request::post("/login").header(name, value);
    for (request, expected) in [
        (login("origin", "https://notes.example.com"), 200),
        (login("cookie", "a=b"), 200),
        (login("origin", "https://evil.example"), 403),
        (login("sec-fetch-site", "cross-site"), 403),
        // With a session, its token is asked for as ever.
        (login("cookie", "__Host-session=ada"), 403),
    ] {
        assert_eq!(send_to(api(), request, "").await.status(), expected);
    }
}

#[tokio::test]
async fn a_token_stays_until_the_session_changes() {
    let read = |cookie: String| Request::get("/").header("cookie", cookie);
    let first = send(read("__Host-session=ada".to_owned())).await;
    let [cookie] = &cookies(first.headers())[..] else {
        panic!("the token alone");
    };
    let again = send(read(format!("csrf_token=junk; {cookie}; __Host-session=ada"))).await;
    assert_eq!(cookies(again.headers()), [""; 0]);
    assert_eq!(again.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(format!("csrf_token={}", text(again).await), *cookie);
    let other = send(read(format!("{cookie}; __Host-session=bob"))).await;
    let [others] = &cookies(other.headers())[..] else {
        panic!("the token alone");
    };
    assert_ne!(others, cookie);
    // Pages without a token stay as they are.
    let none = send(Request::get("/socket")).await;
    assert_eq!(cookies(none.headers()), [""; 0]);
    assert!(!none.headers().contains_key(header::CACHE_CONTROL));
}

#[test]
fn the_cookies_of_a_login_are_sent_like_that_of_the_session() {
    let session = session().same_site(SameSite::Strict).unwrap();
    let session = session.max_age(std::time::Duration::from_secs(60));
    let csrf = Csrf::new(BoundTokens::generate(&SystemRng), session);
    let (token, cookies) = csrf.begin("ada");
    assert_eq!(
        token.field(),
        format!(
            r#"<input type="hidden" name="csrf_token" value="{}">"#,
            token.value()
        )
    );
    let response = cookies.into_response();
    let lines: Vec<&str> = response
        .headers()
        .get_all(header::SET_COOKIE)
        .iter()
        .map(|line| line.to_str().unwrap())
        .collect();
    let set = format!(
        "csrf_token={}; Path=/; Max-Age=60; Secure; SameSite=Strict",
        token.value()
    );
    let cleared = "__Host-presession=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict";
    assert_eq!(lines, [&set, cleared]);
}

#[tokio::test]
async fn only_the_very_route_is_exempt() {
    let exempting = || csrf().exempt(Method::POST, "/hooks/{name}");
    for (method, path, expected) in [
        ("POST", "/hooks/github", 200),
        ("POST", "/hooks/%67ithub", 200),
        ("PUT", "/hooks/github", 403),
        ("POST", "/hooks/github/more", 403),
        ("POST", "/login", 403),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("cookie", "__Host-session=ada")
            .header("sec-fetch-site", "cross-site");
        let response = send_to(exempting(), request, "").await;
        assert_eq!(response.status(), expected, "{method} {path}");
    }
    // The pattern, not a path that it would match.
    let request = Request::post("/hooks/github").header("cookie", "__Host-session=ada");
    let response = send_to(csrf().exempt(Method::POST, "/hooks/github"), request, "").await;
    assert_eq!(response.status(), 403);
    // Around the whole router no route is known yet, so none is exempt.
    let request = Request::post("/hooks/github").header("cookie", "__Host-session=ada");
    let service = exempting().layer(router());
    let response = service.oneshot(request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.unwrap().status(), 403);
}

#[tokio::test]
async fn tests_can_switch_it_off() {
    let request = Request::post("/")
        .header("cookie", "__Host-session=ada")
        .header("sec-fetch-site", "cross-site");
    assert_eq!(send_to(csrf().off_for_tests(), request, "").await.status(), 200);
}

#[tokio::test]
async fn a_page_that_asks_for_a_token_without_the_layer_fails() {
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

mod at_a_gate {
    //! The same behind the guards.

    use super::*;
    use crate::{
        gate::{GateError, Routes},
        routing::any,
    };

    fn gate(csrf: &Csrf) -> Router {
        let own = Routes::new()
            .route("/own", post(login))
            .refusing_forged(|run| run);
        Gate::new(Names)
            .merge(own)
            .route("/", get(form).post(keep))
            .route("/hooks/{name}", post(login))
            .nest("/below", Routes::new().route("/hooks/{name}", post(login)))
            .fallback(async |_: Public| "anything")
            .csrf(csrf)
            .route("/later", any(login))
            .into_router()
            .unwrap()
    }

    async fn send(request: request::Builder, body: impl Into<Body>) -> Response {
        let csrf = csrf().exempt(Method::POST, "/hooks/{name}");
        let request = request.header("host", "notes.example.com").body(body.into());
        gate(&csrf).oneshot(request.unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn who_is_nobody_learns_that_first() {
        let nobody = Request::post("/").header("sec-fetch-site", "cross-site");
        assert_eq!(send(nobody, "").await.status(), 401);
        let token = token_of("ada");
        assert_eq!(send(from_ada(Method::POST, &token), "").await.status(), 403);
        let good = from_ada(Method::POST, &token).header("x-csrf-token", &token);
        assert_eq!(text(send(good, "note").await).await, "note");
        let field = format!("csrf_token={token}");
        assert_eq!(text(send(form_of_ada(&token), field.clone()).await).await, field);
        let bearer = Request::post("/").header("authorization", "Bearer ada");
        assert_eq!(send(bearer, "").await.status(), 200);
    }

    #[tokio::test]
    async fn pages_get_their_token() {
        let page = send(Request::get("/"), "").await;
        assert_eq!(cookies(page.headers()).len(), 2);
        let token = cookies(page.headers()).remove(0);
        assert_eq!(token, format!("csrf_token={}", text(page).await));
    }

    #[test]
    fn a_gate_that_was_not_told_is_not_built_where_a_cookie_says_who_calls() {
        let gate = || {
            Gate::new(Names)
                .route("/", get(login).post(login))
                .route("/notes", post(keep))
        };
        let text = gate().into_router().unwrap_err().to_string();
        for part in [
            "POST /notes (",
            "tests::keep",
            "csrf/tests.rs:",
            "`.csrf(&csrf)`",
            "`.csrf_by_layer()`",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        for told in [gate().csrf_by_layer(), gate().csrf(&csrf())] {
            assert!(told.into_router().is_ok());
        }
        // A WebSocket begins with a GET, and what comes later or elsewhere is not forgotten.
        let later: [Gate<(), User>; 3] = [
            gate().csrf(&csrf()).route("/me", get(keep)),
            gate().csrf(&csrf()).fallback(keep),
            gate()
                .csrf(&csrf())
                .service::<CurrentUser<User>, _>("/files", Router::new()),
        ];
        for gate in later {
            let error = gate.into_router().unwrap_err();
            assert!(matches!(error, GateError::Forgeable { .. }), "{error}");
        }
        // Nobody is asked who they are.
        let open = Gate::<(), User>::new(Names).route("/", post(login));
        assert!(open.into_router().is_ok());
    }

    /// Reads a cookie, and does not say so.
    struct Silent;

    impl AuthProvider for Silent {
        type User = User;

        async fn authenticate(&self, parts: &request::Parts) -> Result<User, AuthError> {
            Names.authenticate(parts).await
        }
    }

    #[tokio::test]
    async fn where_nobody_said_that_a_cookie_is_read_pages_of_others_are_refused() {
        let gate = || Gate::new(Silent).route("/", get(keep).post(keep));
        let app = gate().into_router().unwrap();
        let send = async |app: &Router, request: request::Builder| {
            let request = request.header("host", "notes.example.com").body(Body::empty());
            app.clone()
                .oneshot(request.unwrap())
                .await
                .unwrap()
                .status()
                .as_u16()
        };
        let by_cookie = |method: Method| {
            Request::builder()
                .method(method)
                .uri("/")
                .header("cookie", "__Host-session=ada")
        };
        let from = |origin: &str| by_cookie(Method::POST).header("origin", origin);
        assert_eq!(send(&app, from("https://evil.example")).await, 403);
        assert_eq!(send(&app, from("https://notes.example.com")).await, 200);
        assert_eq!(send(&app, by_cookie(Method::POST)).await, 200, "no browser");
        let cross_site = |request: request::Builder| request.header("sec-fetch-site", "cross-site");
        assert_eq!(send(&app, cross_site(by_cookie(Method::POST))).await, 403);
        assert_eq!(send(&app, cross_site(by_cookie(Method::GET))).await, 200);
        let upgrade = by_cookie(Method::GET)
            .header("upgrade", "websocket")
            .header("connection", "upgrade");
        assert_eq!(send(&app, cross_site(upgrade)).await, 403);
        let bearer = Request::post("/").header("authorization", "Bearer ada");
        assert_eq!(send(&app, cross_site(bearer)).await, 200);
        // Who is nobody learns that first.
        assert_eq!(
            send(&app, cross_site(Request::post("/").header("cookie", "a=b"))).await,
            401
        );
        // A layer may trust other origins.
        let told = gate().csrf_by_layer().into_router().unwrap();
        assert_eq!(send(&told, from("https://evil.example")).await, 200);
    }

    #[tokio::test]
    async fn each_route_so_far_is_protected_once() {
        let forged = |path: &str| {
            Request::post(path)
                .header("cookie", "__Host-session=ada")
                .header("sec-fetch-site", "cross-site")
        };
        for (path, expected) in [
            ("/", 403),
            ("/below/hooks/a", 403),
            ("/nowhere", 403),
            ("/hooks/a", 200),
            // It looks after itself, and the last one came too late.
            ("/own", 200),
            ("/later", 200),
        ] {
            assert_eq!(send(forged(path), "").await.status(), expected, "{path}");
        }
    }
}
