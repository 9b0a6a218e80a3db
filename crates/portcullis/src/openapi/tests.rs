use http::request::Parts;
use serde_json::{Value, json};

use super::Documentation;
use crate::{
    access::{AllOf, Allow, AnyOf, CurrentUser, LocalUser, Public},
    gate::{Gate, Routes},
    input::Json,
    provider::{AuthError, AuthProvider},
    routing::{delete, get, post},
};

crate::scopes! {
    Read = "tasks:read": "Read tasks";
    Write = "tasks:write": "Write tasks";
}
crate::roles! { enum Role { Admin = "admin" } }

struct Nobody;

impl AuthProvider for Nobody {
    type User = LocalUser;
    async fn authenticate(&self, _: &Parts) -> Result<LocalUser, AuthError> {
        Err(AuthError::Missing)
    }
}

type Readers = AnyOf<(Read, AllOf<(Write, Admin)>)>;

/// A task.
#[derive(serde::Serialize, utoipa::ToSchema)]
struct Task {
    /// What to do.
    title: String,
}

/// All tasks
///
/// In the order in which they came.
#[utoipa::path(get, path = "/tasks", tag = "tasks", responses((status = 200, description = "Tasks", body = Vec<Task>)))]
async fn list(_: Allow<Readers>) -> Json<Vec<Task>> {
    Json(vec![Task { title: String::new() }])
}

async fn public(_: Public) {}
async fn optional(_: Option<CurrentUser>) {}
async fn authenticated(_: CurrentUser) {}
async fn admin(_: Allow<Admin>) {}

fn document() -> Value {
    let gate = Gate::<()>::new(Nobody)
        .routes(crate::routes!(list))
        .route("/tasks/{id}", get(public).delete(admin).post(optional))
        .nest(
            "/v1/{tenant}",
            Routes::new().route("/files/{*path}", delete(authenticated)),
        )
        .route("/page", get(public).undocumented())
        .route("/more", post(public))
        .documented(
            Documentation::new("Tasks", "1.0.0")
                .description("Things to do.")
                .token_url("/login")
                .tag("tasks", "Tasks"),
        );
    serde_json::to_value(gate.openapi().unwrap()).unwrap()
}

#[test]
fn the_document_of_a_small_application() {
    insta::assert_json_snapshot!(document(), { ".components.schemas" => "[schemas]" });
}

#[test]
fn security_is_what_the_table_says() {
    let document = document();
    let security = |path: &str, method: &str| document["paths"][path][method]["security"].clone();
    assert_eq!(security("/tasks/{id}", "get"), json!([]));
    assert_eq!(
        security("/tasks/{id}", "post"),
        json!([{}, {"bearerAuth": []}, {"passwordAuth": []}])
    );
    assert_eq!(
        security("/tasks/{id}", "delete"),
        json!([{"bearerAuth": []}, {"passwordAuth": []}])
    );
    assert_eq!(
        security("/tasks", "get"),
        json!([{"bearerAuth": []}, {"passwordAuth": ["tasks:read"]}, {"passwordAuth": ["tasks:write"]}])
    );
    assert_eq!(
        document["components"]["securitySchemes"]["passwordAuth"]["flows"]["password"],
        json!({"tokenUrl": "/login", "scopes": {"tasks:read": "Read tasks", "tasks:write": "Write tasks"}})
    );
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 5);
    for reference in found {
        assert!(
            document.pointer(reference.trim_start_matches('#')).is_some(),
            "{reference}"
        );
    }
}

#[test]
fn a_scope_that_no_route_asks_for_can_be_named() {
    let documentation = Documentation::new("Tasks", "1")
        .token_url("/login")
        .permission::<Write>();
    let document = Gate::<()>::new(Nobody).documented(documentation).openapi();
    let document = serde_json::to_value(document.unwrap()).unwrap();
    let scopes = &document["components"]["securitySchemes"]["passwordAuth"]["flows"]["password"]["scopes"];
    assert_eq!(*scopes, json!({"tasks:write": "Write tasks"}));
}

#[test]
fn without_a_token_url_there_is_no_password_flow() {
    let gate = Gate::<()>::new(Nobody)
        .routes(crate::routes!(list))
        .documented(Documentation::new("Tasks", "1"));
    let document = serde_json::to_value(gate.openapi().unwrap()).unwrap();
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    assert_eq!(schemes.keys().collect::<Vec<_>>(), ["bearerAuth"]);
    assert_eq!(
        document["paths"]["/tasks"]["get"]["security"],
        json!([{"bearerAuth": []}])
    );
}
