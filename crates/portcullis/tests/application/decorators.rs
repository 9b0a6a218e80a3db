use axum::{
    extract::{Path, State},
    http::HeaderMap,
};
use portcullis::{
    Caller, Gate, admin, auth_provider, authenticated, provider::AuthError, requires, requires as needs,
    routing::get,
};
use serde_json::json;

use crate::call;

portcullis::roles! {
    pub enum Role { Admin = "admin", Editor = "editor", Publisher = "publisher", Reviewer = "reviewer", Reader = "reader" }
    Admin > Editor > Reader;
    Admin > Publisher;
}

portcullis::scopes! { pub Export = "export": "Export all"; }

#[derive(Clone, Caller)]
struct User {
    #[caller(id)]
    name: String,
    roles: Vec<Role>,
    scopes: Vec<String>,
}

/// The name of the user is the list of its roles: `editor+reviewer`.
#[auth_provider]
async fn by_name(headers: &HeaderMap, State(greeting): State<&'static str>) -> Result<User, AuthError> {
    let header = headers.get("authorization").ok_or(AuthError::Missing)?;
    let name = header.to_str().unwrap().trim_start_matches("Bearer ");
    if name == "down" {
        return Err(AuthError::unavailable());
    }
    Ok(User {
        name: format!("{greeting} {name}"),
        roles: name.split('+').filter_map(Role::from_name).collect(),
        scopes: name
            .split('+')
            .filter(|name| *name == "export")
            .map(Into::into)
            .collect(),
    })
}

/// Who is logged in.
#[authenticated]
async fn me(user: User) -> String {
    user.name
}

#[admin]
async fn stats(_: User) -> &'static str {
    "42"
}

#[requires(Editor)]
#[requires(Publisher)]
async fn either(user: User, State(greeting): State<&'static str>, Path(id): Path<u32>) -> String {
    format!("{greeting} {} {id}", user.roles.len())
}

#[requires(all(Editor, Reviewer))]
async fn both(_: User) {}

#[requires(all(Editor, Reviewer))]
#[admin]
#[requires(any(Publisher, Export))]
async fn many(User { name, .. }: User) -> String {
    name
}

/// Under another name it is the same decorator.
#[requires(Editor)]
#[needs(Reviewer)]
async fn renamed(_: User) {}

/// Described, too.
#[requires(Export)]
#[utoipa::path(get, path = "/export", responses((status = 200, body = String)))]
async fn export(_: User) -> &'static str {
    "all"
}

fn gate() -> Gate<&'static str, User> {
    Gate::new(by_name)
        .route("/me", get(me))
        .route("/stats", get(stats))
        .route("/either/{id}", get(either))
        .route("/both", get(both))
        .route("/many", get(many))
        .route("/renamed", get(renamed))
        .routes(portcullis::routes!(export))
}

#[test]
fn the_table_spells_out_which() {
    insta::assert_snapshot!(gate().access_table(), @"
    GET  /both         all of (role editor, role reviewer)
    GET  /either/{id}  any of (role editor, role publisher)
    GET  /export       scope export
    GET  /many         any of (all of (role editor, role reviewer), role admin, role publisher, scope export)
    GET  /me           authenticated
    GET  /renamed      any of (role editor, role reviewer)
    GET  /stats        role admin
    ");
}

#[tokio::test]
async fn decorators_state_access_as_arguments_do() {
    let app = gate().with_state("hello").into_router().unwrap();
    let callers = [
        "reader",
        "editor",
        "publisher",
        "reviewer",
        "editor+reviewer",
        "admin",
        "export",
        "down",
    ];
    for (path, expected) in [
        ("/me", [200, 200, 200, 200, 200, 200, 200, 503]),
        ("/stats", [403, 403, 403, 403, 403, 200, 403, 503]),
        ("/either/7", [403, 200, 200, 403, 200, 200, 403, 503]),
        ("/both", [403, 403, 403, 403, 200, 403, 403, 503]),
        ("/many", [403, 403, 200, 403, 200, 200, 200, 503]),
        ("/export", [403, 403, 403, 403, 403, 403, 200, 503]),
    ] {
        assert_eq!(call(&app, "GET", path, None).await.0, 401, "{path}");
        for (caller, status) in callers.into_iter().zip(expected) {
            assert_eq!(
                call(&app, "GET", path, Some(caller)).await.0,
                status,
                "{path} as {caller}"
            );
        }
    }
    assert_eq!(call(&app, "GET", "/me", Some("reader")).await.1, "hello reader");
    assert_eq!(call(&app, "GET", "/either/7", Some("admin")).await.1, "hello 1 7");
}

#[tokio::test]
async fn a_user_with_one_role_is_told_so() {
    #[derive(Clone, Caller)]
    struct Member {
        id: i64,
        role: Role,
    }

    #[auth_provider]
    async fn reader(_: &axum::http::request::Parts) -> Result<Member, AuthError> {
        Ok(Member {
            id: 7,
            role: Role::Reader,
        })
    }

    #[requires(Editor)]
    async fn edit(_: Member) {}

    let app = Gate::new(reader).route("/edit", get(edit)).into_router().unwrap();
    let (status, body) = call(&app, "GET", "/edit", None).await;
    assert_eq!(status, 403);
    assert_eq!(body["current_role"], "reader");
    assert_eq!(body["required_roles"], json!(["editor"]));
}
