//! The running example.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use portcullis_testkit::{client::Client, people::Member, server::Example};
use serde_json::json;

async fn start() -> Example {
    Example::start_with(
        env!("CARGO_BIN_EXE_tasks"),
        &[("ADMIN_PASSWORD", "correct-horse-battery")],
    )
    .await
}

async fn narrowed(nobody: &Client, member: &Member, scope: &str) -> Client {
    let form = [
        ("username", &*member.email),
        ("password", &*member.password),
        ("scope", scope),
    ];
    let answer = nobody.post_form("/auth/login", &form).await.expect(200).json();
    nobody.bearer(answer["access_token"].as_str().unwrap())
}

#[tokio::test]
async fn a_task_belongs_to_who_wrote_it() {
    let example = start().await;
    let nobody = example.client();
    let (ada, bob) = (
        Member::register(&nobody, "ada").await,
        Member::register(&nobody, "bob").await,
    );
    let admin = Member::login(&nobody, "admin@example.com", "correct-horse-battery").await;

    let task = ada.client.post_json("/tasks", &json!({"title": "Water"})).await;
    let task = task.expect(201).json();
    assert_eq!(task, json!({"id": 1, "title": "Water", "owner": ada.id}));
    ada.client
        .post_json("/tasks", &json!({"title": "Sow"}))
        .await
        .expect(201);
    assert_eq!(
        ada.client
            .get("/tasks")
            .await
            .expect(200)
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(bob.client.get("/tasks").await.expect(200).json(), json!([]));

    nobody.delete("/tasks/1").await.expect(401);
    let refused = bob.client.delete("/tasks/1").await.expect(403).json();
    assert_eq!(
        refused["detail"],
        "This needs all of (scope tasks:write, any of (owner of the task, role admin))."
    );
    bob.client.delete("/tasks/9").await.expect(404);
    bob.client.delete("/tasks/x").await.expect(422);
    ada.client.delete("/tasks/1").await.expect(204);
    admin.client.delete("/tasks/2").await.expect(204);
    admin.client.delete("/tasks/2").await.expect(204);
}

#[tokio::test]
async fn a_token_narrowed_to_reading_writes_nothing() {
    let example = start().await;
    let nobody = example.client();
    let ada = Member::register(&nobody, "ada").await;
    ada.client
        .post_json("/tasks", &json!({"title": "Water"}))
        .await
        .expect(201);
    let reader = narrowed(&nobody, &ada, "tasks:read").await;
    reader.get("/tasks").await.expect(200);
    let refused = reader
        .post_json("/tasks", &json!({"title": "Sow"}))
        .await
        .expect(403);
    assert!(
        refused
            .header("www-authenticate")
            .contains(r#"scope="tasks:write""#)
    );
    reader.delete("/tasks/1").await.expect(403);
}

#[tokio::test]
async fn an_administrator_deletes_a_user_with_all_that_is_theirs() {
    let example = start().await;
    let nobody = example.client();
    let ada = Member::register(&nobody, "ada").await;
    let admin = Member::login(&nobody, "admin@example.com", "correct-horse-battery").await;
    ada.client
        .post_json("/tasks", &json!({"title": "Water"}))
        .await
        .expect(201);
    let path = format!("/admin/users/{}", ada.id);
    ada.client.delete(&path).await.expect(403);
    admin.client.delete(&path).await.expect(204);
    admin.client.delete(&path).await.expect(404);
    ada.client.get("/tasks").await.expect_invalid_token();
    admin.client.delete("/tasks/1").await.expect(204);
}
