use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    body::{self, Body},
    extract::{FromRequestParts, Request, State},
    response::Response,
};
use http::{Method, StatusCode, header, request::Parts};
use portcullis_core::{
    access::Principal,
    clock::Timestamp,
    id::{SessionId, TokenId, UserId},
    token::VerifiedToken,
};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use super::{Gate, GateError, Routes};
use crate::{
    access::{AllOf, Allow, AnyOf, CurrentUser, LocalUser, NamedPermission, Permission, Public, Requirement},
    input::Json,
    problem::Problem,
    provider::{AuthError, AuthProvider, bearer},
    routing::{delete, get, post},
};

crate::scopes! {
    /// Reading.
    Read = "tasks:read": "Read tasks";
    Write = "tasks:write": "Write tasks";
}

crate::roles! {
    enum Role {
        /// Runs the place.
        Admin = "admin",
        Editor = "editor",
        Publisher = "publisher",
        Viewer = "viewer": "Reads",
    }
    Admin > Editor > Viewer;
    Admin > Publisher;
}

fn principal(roles: &[&str], scopes: &[&str]) -> LocalUser {
    let principal = Principal {
        user: UserId::from_uuid(Uuid::from_u128(1)),
        session: SessionId::from_uuid(Uuid::from_u128(2)),
        token: TokenId::from_uuid(Uuid::from_u128(3)),
        roles: roles.iter().map(|name| name.parse().unwrap()).collect(),
        scopes: scopes.iter().map(|name| name.parse().unwrap()).collect(),
        issued_at: Timestamp::from_unix_seconds(0),
        expires_at: Timestamp::from_unix_seconds(900),
        token_epoch: 0,
        session_epoch: 0,
        roles_epoch: 0,
        narrowed: false,
    };
    LocalUser::detached(Arc::new(VerifiedToken {
        principal: Arc::new(principal),
        kid: "1".into(),
    }))
}

/// Tokens in a map; three that stand for a backend's moods.
struct InMemory(HashMap<&'static str, LocalUser>);

impl InMemory {
    fn new() -> Self {
        Self(HashMap::from([
            ("nobody", principal(&[], &[])),
            ("viewer", principal(&["viewer"], &["tasks:read"])),
            (
                "editor",
                principal(&["editor", "viewer"], &["tasks:read", "tasks:write"]),
            ),
            (
                "admin",
                principal(&["admin", "editor", "publisher", "viewer"], &[]),
            ),
        ]))
    }
}

impl InMemory {
    fn who(&self, parts: &Parts) -> Result<LocalUser, AuthError> {
        match bearer(parts)?.expose() {
            "down" => Err(AuthError::unavailable()),
            "banned" => Err(AuthError::denied("This account is closed.")),
            token => self
                .0
                .get(token)
                .cloned()
                .ok_or_else(|| AuthError::invalid("unknown token")),
        }
    }
}

impl AuthProvider for InMemory {
    type User = LocalUser;

    async fn authenticate(&self, parts: &Parts) -> Result<Self::User, AuthError> {
        self.who(parts)
    }
}

/// The same without waiting, as our own provider is where it knows a token already.
struct AtOnce(InMemory);

impl AuthProvider for AtOnce {
    type User = LocalUser;

    async fn authenticate(&self, _: &Parts) -> Result<Self::User, AuthError> {
        panic!("it was asked twice")
    }

    fn authenticate_now(&self, parts: &Parts) -> Option<Result<Self::User, AuthError>> {
        Some(self.0.who(parts))
    }
}

async fn public(_: Public) -> &'static str {
    "public"
}

async fn optional(user: Option<CurrentUser>) -> &'static str {
    if user.is_some() { "somebody" } else { "nobody" }
}

async fn me(user: CurrentUser) -> String {
    user.user.to_string()
}

async fn admin(_: Allow<Admin>) -> &'static str {
    "admin"
}

async fn write(
    author: Allow<AnyOf<(Publisher, Write)>>,
    State(name): State<&'static str>,
    Json(body): Json<Value>,
) -> String {
    format!("{name} {} {body}", author.roles.len())
}

async fn both(_: Allow<AllOf<(Viewer, Read)>>) {}

fn gate() -> Gate<&'static str> {
    gate_of(InMemory::new())
}

fn gate_of(provider: impl AuthProvider<User = LocalUser>) -> Gate<&'static str> {
    Gate::new(provider)
        .route("/public", get(public))
        .route("/optional", get(optional))
        .route("/me", get(me))
        .nest(
            "/admin",
            Routes::new()
                .route("/", get(admin).delete(both))
                .route("/stats", get(public))
                .demanding::<Allow<Admin>>(),
        )
        .merge(Routes::new().route("/tasks", post(write)))
}

fn app() -> Router {
    gate().with_state("state").into_router().unwrap()
}

/// By a provider that waits, and by one that does not.
fn apps() -> [Router; 2] {
    let at_once = gate_of(AtOnce(InMemory::new()));
    [app(), at_once.with_state("state").into_router().unwrap()]
}

async fn call(method: &str, path: &str, token: Option<&str>) -> Response {
    call_at(app(), method, path, token).await
}

async fn call_at(app: Router, method: &str, path: &str, token: Option<&str>) -> Response {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    app.oneshot(request.body(Body::from("{}")).unwrap())
        .await
        .unwrap()
}

async fn status(method: &str, path: &str, token: Option<&str>) -> u16 {
    call(method, path, token).await.status().as_u16()
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

fn challenge(response: &Response) -> &str {
    response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap()
}

#[test]
fn the_table_says_who_may_call_what() {
    insta::assert_snapshot!(gate().access_table(), @"
    GET     /admin        role admin
    DELETE  /admin        all of (role admin, all of (role viewer, scope tasks:read))
    GET     /admin/stats  role admin
    GET     /me           authenticated
    GET     /optional     public, login optional
    GET     /public       public
    POST    /tasks        any of (role publisher, scope tasks:write)
    ");
    assert_eq!(
        serde_json::to_value(gate().access_table()).unwrap()[4],
        json!({"method": "GET", "path": "/optional", "access": "public", "credentials": "optional"})
    );
}

#[tokio::test]
async fn what_the_table_says_is_enforced() {
    // Each row of the table, as each kind of caller.
    let callers = [
        None,
        Some("junk"),
        Some("nobody"),
        Some("viewer"),
        Some("editor"),
        Some("admin"),
        Some("down"),
    ];
    let expected = [
        ("GET", "/public", [200, 200, 200, 200, 200, 200, 200]),
        ("GET", "/optional", [200, 401, 200, 200, 200, 200, 503]),
        ("GET", "/me", [401, 401, 200, 200, 200, 200, 503]),
        ("GET", "/admin", [401, 401, 403, 403, 403, 200, 503]),
        ("DELETE", "/admin", [401, 401, 403, 403, 403, 403, 503]),
        ("GET", "/admin/stats", [401, 401, 403, 403, 403, 200, 503]),
        ("POST", "/tasks", [401, 401, 403, 403, 200, 200, 503]),
    ];
    assert_eq!(expected.len(), gate().access_table().rows().len());
    for (method, path, statuses) in expected {
        for (caller, expected) in callers.into_iter().zip(statuses) {
            for (number, app) in apps().into_iter().enumerate() {
                let answer = call_at(app, method, path, caller).await;
                assert_eq!(
                    answer.status(),
                    StatusCode::from_u16(expected).unwrap(),
                    "{method} {path} as {caller:?}, {number}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_handler_gets_who_calls() {
    assert_eq!(
        text(call("GET", "/me", Some("nobody")).await).await,
        Uuid::from_u128(1).to_string()
    );
    assert_eq!(text(call("GET", "/optional", None).await).await, "nobody");
    assert_eq!(
        text(call("GET", "/optional", Some("nobody")).await).await,
        "somebody"
    );
    assert_eq!(
        text(call("POST", "/tasks", Some("editor")).await).await,
        "state 2 {}"
    );
}

#[tokio::test]
async fn a_public_route_ignores_credentials_of_any_kind() {
    for headers in [
        vec!["Bearer junk"],
        vec!["Bearer a", "Bearer b"],
        vec!["Basic YTpi"],
        vec![""],
    ] {
        let mut request = Request::get("/public?access_token=x");
        for value in &headers {
            request = request.header(header::AUTHORIZATION, *value);
        }
        let response = app().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{headers:?}");
    }
}

#[tokio::test]
async fn a_401_says_why_only_when_a_token_came() {
    let bare = call("POST", "/tasks", None).await;
    assert_eq!(
        challenge(&bare),
        r#"Bearer realm="portcullis", scope="tasks:write""#
    );
    let bad = call("GET", "/me", Some("junk")).await;
    assert_eq!(
        challenge(&bad),
        r#"Bearer realm="portcullis", error="invalid_token", error_description="unknown token""#
    );
    assert_eq!(bad.headers()[header::CONTENT_TYPE], "application/problem+json");

    let basic = Request::get("/optional")
        .header(header::AUTHORIZATION, "Basic YTpi")
        .body(Body::empty())
        .unwrap();
    let basic = app().oneshot(basic).await.unwrap();
    assert_eq!(basic.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(challenge(&basic), r#"Bearer realm="portcullis""#);
}

#[tokio::test]
async fn a_403_says_what_is_needed_and_what_there_is() {
    let response = call("POST", "/tasks", Some("viewer")).await;
    assert_eq!(
        challenge(&response),
        r#"Bearer realm="portcullis", error="insufficient_scope", scope="tasks:write""#
    );
    let body: Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(body["required_roles"], json!(["publisher"]));
    assert_eq!(body["required_scopes"], json!(["tasks:write"]));
    assert_eq!(body["current_roles"], json!(["viewer"]));
    assert_eq!(body["error"], "insufficient_scope");
}

#[tokio::test]
async fn the_kinds_of_refusal_stay_apart() {
    let banned = call("GET", "/me", Some("banned")).await;
    assert_eq!(banned.status(), StatusCode::FORBIDDEN);
    assert!(text(banned).await.contains("This account is closed."));
    let down = call("GET", "/me", Some("down")).await;
    assert_eq!(down.headers()[header::RETRY_AFTER], "1");
    let query = Request::get("/me?access_token=x").header(header::AUTHORIZATION, "Bearer admin");
    let query = app().oneshot(query.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(query.status(), StatusCode::BAD_REQUEST);
    assert_eq!(status("GET", "/me?access_token=admin", None).await, 401);
}

#[tokio::test]
async fn access_is_decided_before_the_body_is_read() {
    for (caller, expected) in [(None, 401), (Some("viewer"), 403), (Some("down"), 503)] {
        for app in apps() {
            let stream = futures_util::stream::poll_fn(
                |_| -> std::task::Poll<Option<Result<Vec<u8>, std::io::Error>>> {
                    panic!("the body was read")
                },
            );
            let mut request = Request::post("/tasks").header(header::CONTENT_TYPE, "application/json");
            if let Some(token) = caller {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            let request = request.body(Body::from_stream(stream)).unwrap();
            assert_eq!(
                app.oneshot(request).await.unwrap().status(),
                expected,
                "{caller:?}"
            );
        }
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let missing = call("GET", "/nothing", Some("junk")).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        missing.headers()[header::CONTENT_TYPE],
        "application/problem+json"
    );
    let wrong = call("PUT", "/admin", None).await;
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.headers()[header::CONTENT_TYPE], "application/problem+json");
    let allow = wrong.headers()[header::ALLOW].to_str().unwrap();
    assert!(
        allow.contains("GET") && allow.contains("DELETE") && !allow.contains("POST"),
        "{allow}"
    );
    assert_eq!(status("HEAD", "/me", None).await, 401);
    assert_eq!(status("HEAD", "/public", None).await, 200);
}

#[tokio::test]
async fn access_that_nobody_checked_is_never_believed() {
    async fn second(_: Public, _: Allow<Admin>) {}
    async fn other(_: CurrentUser, _: State<&'static str>, _: Allow<Admin>) {}
    async fn optional(_: Option<CurrentUser>, _: CurrentUser) {}
    async fn hidden(_: Public, _: Option<CurrentUser>) {}
    for (route, argument) in [
        (get(second), "Allow<"),
        (get(other), "Allow<"),
        (get(optional), "CurrentUser"),
        (get(hidden), "CurrentUser"),
    ] {
        let error = Gate::new(InMemory::new())
            .route("/", route)
            .into_router()
            .unwrap_err();
        assert!(
            matches!(error, GateError::TooLate { argument: found, .. } if found.contains(argument)),
            "{error}"
        );
    }
    let outside = Router::new().route("/outside", axum::routing::get(me));
    let request = Request::get("/outside").header(header::AUTHORIZATION, "Bearer admin");
    let response = outside
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn what_the_first_argument_demanded_is_no_answer_to_what_another_one_hides() {
    struct Hides;

    impl<S: Send + Sync> FromRequestParts<S> for Hides {
        type Rejection = Problem;
        async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
            <Allow<Admin>>::from_request_parts(parts, state)
                .await
                .map(|_| Self)
        }
    }

    let app = Gate::<()>::new(InMemory::new())
        .route("/", get(async |_: CurrentUser, _: Hides| "in"))
        .into_router()
        .unwrap();
    for caller in ["nobody", "admin"] {
        let answer = call_at(app.clone(), "GET", "/", Some(caller)).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR, "{caller}");
    }
}

#[test]
fn two_routes_in_each_others_way_are_named() {
    let twice = Gate::<()>::new(InMemory::new())
        .route("/a", get(public))
        .merge(Routes::new().route("/a", get(me)));
    let error = twice.into_router().unwrap_err().to_string();
    assert!(
        error.starts_with("GET /a is given twice: `portcullis::gate::tests::public` at"),
        "{error}"
    );
    assert!(error.contains("`portcullis::gate::tests::me` at"), "{error}");
    assert!(error.matches("tests.rs:").count() == 2, "{error}");

    let shape = Gate::<()>::new(InMemory::new())
        .route("/a/{id}/{y}", get(public))
        .route("/a/{name}/{z}", delete(public))
        .into_router();
    assert!(matches!(shape, Err(GateError::Ambiguous { .. })));

    for path in [
        "a", "", "/:id", "/*rest", "/{", "/{}", "/}{a", "/x{a}", "/{*a}/b", "/{*}",
    ] {
        let refused = Gate::<()>::new(InMemory::new())
            .route(path, get(public))
            .into_router();
        assert!(matches!(refused, Err(GateError::Path { .. })), "{path}");
    }
    let custom = Gate::<()>::new(InMemory::new())
        .route("/a", get(public).on(Method::from_bytes(b"BREW").unwrap(), public))
        .into_router();
    assert!(matches!(custom, Err(GateError::Method { .. })));
    let fine = Gate::<()>::new(InMemory::new())
        .route("/a/{id}", get(public))
        .route("/a/b", get(public))
        .route("/a/{id}/{*rest}", get(public))
        .into_router();
    assert!(fine.is_ok());
}

#[tokio::test]
async fn an_application_may_bring_its_own_users() {
    #[derive(Clone, crate::Caller)]
    struct Guest {
        id: &'static str,
        role: Role,
    }

    struct Own;

    impl AuthProvider for Own {
        type User = Guest;
        async fn authenticate(&self, parts: &Parts) -> Result<Guest, AuthError> {
            match bearer(parts)?.expose() {
                "admin" => Ok(Guest {
                    id: "ada",
                    role: Role::Admin,
                }),
                _ => Ok(Guest {
                    id: "bob",
                    role: Role::Viewer,
                }),
            }
        }
    }

    async fn name(user: CurrentUser<Guest>) -> &'static str {
        user.id
    }
    async fn edit(editor: Allow<Editor, Guest>) -> Result<&'static str, Problem> {
        Ok(editor.id)
    }

    let app = Gate::new(Own)
        .route("/name", get(name))
        .route("/edit", get(edit))
        .route("/public", get(public))
        .with_state(())
        .into_router()
        .unwrap();
    for (path, token, status) in [
        ("/name", "x", 200),
        ("/edit", "x", 403),
        ("/edit", "admin", 200),
        ("/public", "x", 200),
    ] {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        let response = app
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{path} as {token}");
    }
}

#[test]
fn declared_names_are_types_with_words() {
    assert_eq!(Read::requirement(), Requirement::Scope("tasks:read"));
    assert_eq!((Read::NAME, Read::DESCRIPTION), ("tasks:read", "Read tasks"));
    assert_eq!((Admin::NAME, Admin::DESCRIPTION), ("admin", "Runs the place."));
    assert_eq!(Viewer::DESCRIPTION, "Reads");
    assert_eq!(
        Role::Admin.implies(),
        [Role::Editor, Role::Publisher, Role::Viewer]
    );
    assert_eq!(Role::Viewer.implies(), []);
    for role in Role::ALL {
        assert_eq!(Role::from_name(&role.to_string()), Some(*role));
    }
    assert_eq!(Role::from_name("Admin"), None);
    assert_eq!(Role::Viewer.description(), "Reads");
}

mod described {
    use super::*;

    /// All tasks.
    #[utoipa::path(get, path = "/tasks", tag = "tasks", responses((status = 200, body = String)))]
    pub(super) async fn list(_: Allow<Read>) -> Json<&'static str> {
        Json("[]")
    }

    #[utoipa::path(delete, path = "/tasks/{id}", params(("id" = String, Path)), responses((status = 204)))]
    pub(super) async fn remove(_: Allow<Write>) -> StatusCode {
        StatusCode::NO_CONTENT
    }
}

#[tokio::test]
async fn described_handlers_bring_their_method_and_path() {
    let routes: Routes = Routes::new().nest("/v1/", crate::routes!(described::list, described::remove));
    insta::assert_snapshot!(routes.access_table(), @"
    GET     /v1/tasks       scope tasks:read
    DELETE  /v1/tasks/{id}  scope tasks:write
    ");
    let app = Gate::new(InMemory::new()).merge(routes).into_router().unwrap();
    let request = Request::delete("/v1/tasks/1").header(header::AUTHORIZATION, "Bearer editor");
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
}
