//! The running example.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use portcullis_testkit::{client::Client, server::Example, walk};
use serde_json::json;

const ENVIRONMENT: [(&str, &str); 2] = [
    ("JWT_SECRET", "a secret of 32 bytes, or of some more"),
    ("ADMIN_PASSWORD", "correct-horse"),
];

async fn start() -> Example {
    Example::start_with(env!("CARGO_BIN_EXE_own-users"), &ENVIRONMENT).await
}

async fn login(client: &Client, email: &str, password: &str) -> Client {
    let form = [("username", email), ("password", password)];
    let answer = client.post_form("/login", &form).await.expect(200).json();
    client.bearer(answer["access_token"].as_str().unwrap())
}

async fn register(client: &Client, email: &str) -> Client {
    let new = json!({"email": email, "password": "battery-staple"});
    client.post_json("/register", &new).await.expect(201);
    login(client, email, "battery-staple").await
}

#[tokio::test]
async fn a_role_given_by_the_admin_counts_at_once() {
    let example = start().await;
    let nobody = example.client();
    let admin = login(&nobody, "admin@example.com", "correct-horse").await;
    let ada = register(&nobody, "ada@example.com").await;

    let me = ada.get("/me").await.expect(200).json();
    assert_eq!(me, json!({"id": 2, "email": "ada@example.com", "role": "reader"}));
    for path in ["/drafts", "/users"] {
        nobody.get(path).await.expect(401);
        ada.get(path).await.expect(403);
        admin.get(path).await.expect(200);
    }
    let refused = ada.get("/drafts").await.json();
    assert_eq!(refused["required_roles"], json!(["editor", "reviewer"]));

    let to = |role: &str| json!({ "role": role });
    ada.put("/users/2/role", &to("admin")).await.expect(403);
    admin.put("/users/2/role", &to("root")).await.expect(422);
    admin.put("/users/9/role", &to("editor")).await.expect(404);
    for (role, status) in [("reviewer", 200), ("reader", 403), ("editor", 200)] {
        admin.put("/users/2/role", &to(role)).await.expect(200);
        ada.get("/drafts").await.expect(status);
    }
}

#[tokio::test]
async fn a_logout_outlives_a_restart() {
    let mut example = start().await;
    let first = register(&example.client(), "ada@example.com").await;
    let second = login(&example.client(), "ADA@example.com", "battery-staple").await;
    first.post("/logout").await.expect(204);
    first.get("/me").await.expect_invalid_token();
    second.get("/me").await.expect(200);

    example.restart().await;
    first
        .at(example.process.url())
        .get("/me")
        .await
        .expect_invalid_token();
    second.at(example.process.url()).get("/me").await.expect(200);
    login(&example.client(), "admin@example.com", "correct-horse").await;
}

#[tokio::test]
async fn a_registration_is_checked() {
    let example = start().await;
    let nobody = example.client();
    let new = |email: &str, password: &str| json!({"email": email, "password": password});
    for (email, password, fields) in [
        ("ada", "battery-staple", &["body.email"][..]),
        ("ada@example.com", "short", &["body.password"]),
        ("ada", "short", &["body.email", "body.password"]),
    ] {
        let answer = nobody
            .post_json("/register", &new(email, password))
            .await
            .expect(422);
        assert_eq!(answer.wrong_fields(), fields);
    }
    register(&nobody, "ada@example.com").await;
    let again = new("Ada@Example.com", "battery-staple");
    nobody.post_json("/register", &again).await.expect(409);
}

#[tokio::test]
async fn the_walk_of_the_readme_works() {
    let example = start().await;
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let walk = walk::read(&readme, "http://127.0.0.1:3000", example.process.url());
    let said = walk::paste(&walk).await;
    let lines: Vec<&str> = said.lines().filter(|line| !line.ends_with(':')).collect();
    let expected = [
        r#"{"id":2,"email":"ada@example.com","role":"reader"}"#,
        "403",
        r#"{"id":2,"email":"ada@example.com","role":"editor"}"#,
        r#"["On gates","On hinges"]"#,
        "204",
        "401",
    ];
    assert_eq!(lines, expected);
}
