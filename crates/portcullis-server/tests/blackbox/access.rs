//! Every operation of the document is called with no token, with a foreign role and with the right one.
//!
//! An operation that is missing here fails the test: whoever adds one states here who may call it, independently of
//! the server's own table.

use portcullis_testkit::{client::Client, server::Setup};
use reqwest::Method;
use serde_json::json;

use crate::start;

on_both!(
    every_operation_is_open_to_whom_it_should,
    the_table_and_the_document_agree
);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Anyone,
    Bearer,
    Admin,
}

/// Who may call what.
const OPERATIONS: &[(&str, &str, Who)] = &[
    ("post", "/auth/register", Who::Anyone),
    ("post", "/auth/login", Who::Anyone),
    ("post", "/auth/refresh", Who::Anyone),
    ("get", "/auth/csrf", Who::Anyone),
    ("get", "/auth/verify", Who::Bearer),
    ("post", "/auth/logout", Who::Anyone),
    ("post", "/auth/logout-all", Who::Bearer),
    ("get", "/me", Who::Bearer),
    ("patch", "/me", Who::Bearer),
    ("delete", "/me", Who::Bearer),
    ("post", "/me/password", Who::Bearer),
    ("get", "/me/export", Who::Bearer),
    ("get", "/me/sessions", Who::Bearer),
    ("delete", "/me/sessions/{id}", Who::Bearer),
    ("get", "/admin/users", Who::Admin),
    ("post", "/admin/users", Who::Admin),
    ("get", "/admin/users/{id}", Who::Admin),
    ("patch", "/admin/users/{id}", Who::Admin),
    ("delete", "/admin/users/{id}", Who::Admin),
    ("post", "/admin/users/{id}/logout", Who::Admin),
    ("get", "/admin/roles", Who::Admin),
    ("put", "/admin/roles/{name}", Who::Admin),
    ("delete", "/admin/roles/{name}", Who::Admin),
    ("get", "/admin/audit", Who::Admin),
    ("get", "/.well-known/jwks.json", Who::Anyone),
    ("get", "/.well-known/oauth-authorization-server", Who::Anyone),
    ("get", "/openapi.json", Who::Anyone),
    ("get", "/docs", Who::Anyone),
    ("get", "/healthz", Who::Anyone),
    ("get", "/readyz", Who::Anyone),
];

/// What need not be in the document: it serves people and machines, not clients of the API.
const UNDOCUMENTED: &[&str] = &[
    "/openapi.json",
    "/docs",
    "/healthz",
    "/readyz",
    "/.well-known/jwks.json",
];

async fn call(client: &Client, method: &str, path: &str) -> u16 {
    let path = path
        .replace("{id}", "01890a5d-ac96-774b-bcce-b302099a8057")
        .replace("{name}", "nobody");
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
    let request = client.request(method.clone(), &path);
    let request = if method == Method::GET {
        request
    } else {
        request.json(&json!({}))
    };
    client.send(request).await.status.as_u16()
}

async fn every_operation_is_open_to_whom_it_should(setup: Setup) {
    let app = start(setup).await;
    let document = app.client().get("/openapi.json").await.expect(200).json();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let known = OPERATIONS.iter().any(|(m, p, _)| m == method && p == path);
            assert!(known, "{method} {path} has no line in OPERATIONS");
        }
    }
    let (admin, nobody) = (app.admin().await, app.client());
    for (number, (method, path, who)) in OPERATIONS.iter().enumerate() {
        let documented = document["paths"][path].get(method).is_some();
        assert!(
            documented || UNDOCUMENTED.contains(path),
            "{method} {path} is not documented"
        );
        let user = app.register(&format!("user{number}")).await;
        let bare = call(&nobody, method, path).await;
        let forged = call(&nobody.bearer("garbage"), method, path).await;
        let foreign = call(&user.client, method, path).await;
        match who {
            Who::Anyone => assert!(bare != 403 && foreign != 403, "{method} {path}: {bare} {foreign}"),
            Who::Bearer => {
                assert_eq!((bare, forged), (401, 401), "{method} {path}");
                assert!(![401, 403].contains(&foreign), "{method} {path}: {foreign}");
            }
            Who::Admin => {
                assert_eq!((bare, forged, foreign), (401, 401, 403), "{method} {path}");
                let right = call(&admin.client, method, path).await;
                assert!(![401, 403].contains(&right), "{method} {path}: {right}");
            }
        }
    }
}

async fn the_table_and_the_document_agree(setup: Setup) {
    let app = start(setup).await;
    let printed = app.command(&["routes", "--json"], "").await.success().json();
    let rows = printed.as_array().expect("an array of routes");
    for (method, path, who) in OPERATIONS {
        let row = rows
            .iter()
            .find(|row| {
                row["path"] == *path
                    && row["method"]
                        .as_str()
                        .is_some_and(|m| m.eq_ignore_ascii_case(method))
            })
            .unwrap_or_else(|| panic!("{method} {path} is not in the access table"));
        let access = row["access"].to_string();
        assert_eq!(
            access.contains("admin"),
            *who == Who::Admin,
            "{method} {path}: {access}"
        );
    }
}
