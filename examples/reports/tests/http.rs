//! The running example, as its README shows it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use portcullis_testkit::{client::Client, server::Example, walk};
use serde_json::{Value, json};

async fn start() -> Example {
    Example::start(env!("CARGO_BIN_EXE_reports")).await
}

/// A token.
async fn login(client: &Client, name: &str, password: &str) -> String {
    let form = [
        ("username", name),
        ("password", password),
        ("grant_type", "password"),
    ];
    let answer = client.post_form("/auth/login", &form).await.expect(200).json();
    assert_eq!(
        (&answer["token_type"], &answer["expires_in"]),
        (&json!("bearer"), &json!(900))
    );
    answer["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_role_reads_what_it_may() {
    let example = start().await;
    let nobody = example.client();
    let alice = nobody.bearer(&login(&nobody, "alice", "alicepass").await);
    let bob = nobody.bearer(&login(&nobody, "bob", "bobpass").await);
    for (path, expected) in [
        ("/me", [401, 200, 200]),
        ("/reports", [401, 200, 403]),
        ("/projects", [401, 200, 200]),
    ] {
        for (client, status) in [&nobody, &alice, &bob].into_iter().zip(expected) {
            client.get(path).await.expect(status);
        }
    }
    assert_eq!(
        alice.get("/me").await.json(),
        json!({"name": "alice", "role": "admin"})
    );
    assert_eq!(
        bob.get("/me").await.json(),
        json!({"name": "bob", "role": "user"})
    );
    let refused = bob.get("/reports").await.json();
    assert_eq!(
        (&refused["required_roles"], &refused["current_role"]),
        (&json!(["admin"]), &json!("user"))
    );
}

#[tokio::test]
async fn a_login_that_fails_does_not_say_why() {
    let example = start().await;
    let mut answers = Vec::new();
    for (name, password) in [("alice", "bobpass"), ("alice", ""), ("carol", "carolpass")] {
        let form = [("username", name), ("password", password)];
        answers.push(
            example
                .client()
                .post_form("/auth/login", &form)
                .await
                .expect(401)
                .json(),
        );
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    example
        .client()
        .post_form("/auth/login", &[("username", "alice")])
        .await
        .expect(422);
}

#[tokio::test]
async fn guessing_passwords_is_limited() {
    let example = start().await;
    let form = [("username", "alice"), ("password", "guess")];
    for _ in 0..10 {
        example.client().post_form("/auth/login", &form).await.expect(401);
    }
    example.client().post_form("/auth/login", &form).await.expect(429);
}

#[tokio::test]
async fn a_token_of_another_run_is_refused() {
    let mut example = start().await;
    let token = login(&example.client(), "alice", "alicepass").await;
    example.client().bearer(&token).get("/me").await.expect(200);
    example.restart().await;
    example
        .client()
        .bearer(&token)
        .get("/me")
        .await
        .expect_invalid_token();
}

#[tokio::test]
async fn the_walk_of_the_readme_works_twice_in_a_row() {
    let example = start().await;
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let walk = walk::read(&readme, "http://127.0.0.1:3000", example.process.url());
    for _ in 0..2 {
        let said = walk::paste(&walk).await;
        let lines: Vec<&str> = said.lines().filter(|line| !line.ends_with(':')).collect();
        let [me, reports, projects, also_projects, refused, statuses @ ..] = &lines[..] else {
            panic!("{said}");
        };
        assert_eq!(*me, r#"{"name":"alice","role":"admin"}"#);
        assert_eq!(*reports, r#"["Costs of last year","Costs of this year"]"#);
        assert_eq!((*projects, *also_projects), (r#"["Bridge","Tunnel"]"#, *projects));
        let refused: Value = serde_json::from_str(refused).unwrap();
        assert_eq!(refused["status"], 403);
        assert_eq!(statuses, ["401"; 3]);
    }
}
