//! The running example.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use portcullis_testkit::{client::Client, server::Example, walk};
use serde_json::{Value, json};

async fn start() -> Example {
    let environment = [("ADMIN_PASSWORD", "correct-horse")];
    Example::start_with(env!("CARGO_BIN_EXE_articles"), &environment).await
}

async fn login(client: &Client, email: &str, password: &str) -> Client {
    let form = [("username", email), ("password", password)];
    let answer = client.post_form("/auth/login", &form).await.expect(200).json();
    client.bearer(answer["access_token"].as_str().unwrap())
}

async fn admin(example: &Example) -> Client {
    login(&example.client(), "admin@example.com", "correct-horse").await
}

/// Somebody new, to whom the administrator gives these roles.
async fn somebody(admin: &Client, name: &str, roles: &[&str]) -> Client {
    let new = json!({"email": email(name), "password": "battery-staple", "name": name});
    let pair = admin
        .anonymous()
        .post_json("/auth/register", &new)
        .await
        .expect(201)
        .json();
    let token = |pair: &Value, kind: &str| pair[kind].as_str().unwrap().to_owned();
    let user = admin.bearer(&token(&pair, "access_token"));
    let id = token(&user.get("/me").await.expect(200).json(), "id");
    let path = format!("/admin/users/{id}");
    admin.patch(&path, &json!({ "roles": roles })).await.expect(200);
    let refresh = json!({"refresh_token": token(&pair, "refresh_token")});
    let next = user
        .anonymous()
        .post_json("/auth/refresh", &refresh)
        .await
        .expect(200)
        .json();
    user.bearer(&token(&next, "access_token"))
}

fn email(name: &str) -> String {
    format!("{name}@example.com")
}

fn draft() -> Value {
    json!({"title": "On gates", "body": "They open."})
}

#[tokio::test]
async fn editors_and_publishers_write_and_everybody_reads() {
    let example = start().await;
    let (nobody, admin) = (example.client(), admin(&example).await);
    nobody.post_json("/articles", &draft()).await.expect(401);
    for (name, roles, status) in [
        ("reader", &["reader"][..], 403),
        ("editor", &["editor"], 201),
        ("publisher", &["publisher"], 201),
        ("both", &["editor", "publisher"], 201),
    ] {
        let client = somebody(&admin, name, roles).await;
        let answer = client
            .post_json("/articles", &draft())
            .await
            .expect(status)
            .json();
        if status == 403 {
            assert_eq!(answer["required_roles"], json!(["editor", "publisher"]));
            client.get("/admin/users").await.expect(403);
        } else {
            assert_eq!(answer["author"], client.get("/me").await.json()["id"]);
        }
    }
    assert_eq!(
        nobody
            .get("/articles")
            .await
            .expect(200)
            .json()
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test]
async fn a_logout_outlives_a_restart() {
    let mut example = start().await;
    let first = somebody(&admin(&example).await, "ada", &["editor"]).await;
    let second = login(&example.client(), &email("ada"), "battery-staple").await;
    first.post("/auth/logout").await.expect(200);
    first.get("/me").await.expect_invalid_token();
    second.post_json("/articles", &draft()).await.expect(201);

    example.restart().await;
    let at = example.process.url();
    first.at(at).get("/me").await.expect_invalid_token();
    second.at(at).get("/me").await.expect(200);
    let articles = example.client().get("/articles").await.expect(200).json();
    assert_eq!(articles[0]["title"], "On gates");
}

#[tokio::test]
async fn the_document_says_who_may_write() {
    let example = start().await;
    let document = example.client().get("/openapi.json").await.expect(200).json();
    let operation = &document["paths"]["/articles"]["post"];
    assert!(
        operation["security"].is_array() && operation["responses"]["403"].is_object(),
        "{operation}"
    );
    assert!(document["paths"]["/auth/login"]["post"].is_object());
    example.client().get("/docs").await.expect(200);
}

#[tokio::test]
async fn the_walk_of_the_readme_works() {
    let example = start().await;
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let walk = walk::read(&readme, "http://127.0.0.1:3000", example.process.url());
    let said = walk::paste(&walk).await;
    let lines: Vec<&str> = said.lines().filter(|line| !line.ends_with(':')).collect();
    let [refused, written, read, logged_out, void] = lines[..] else {
        panic!("{said}");
    };
    assert_eq!((refused, logged_out, void), ("403", "200", "401"));
    let written: Value = serde_json::from_str(written).unwrap();
    assert_eq!(written["title"], "On gates");
    assert_eq!(serde_json::from_str::<Value>(read).unwrap(), json!([written]));
}
