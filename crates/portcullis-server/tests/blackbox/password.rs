//! `POST /me/password`.

use portcullis_testkit::{
    people::{self, Member, PASSWORD, Tokens},
    server::Setup,
};
use serde_json::json;

use crate::start;

const NEW: &str = "another horse 7 staple";

on_both!(
    gives_this_session_a_new_pair_and_ends_the_others,
    needs_the_current_password,
    holds_the_new_password_to_the_rules,
    of_parallel_changes_one_password_holds,
);

async fn gives_this_session_a_new_pair_and_ends_the_others(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let other = ada.again().await;
    let body = json!({"current_password": PASSWORD, "new_password": NEW});
    let answer = ada.client.post_json("/me/password", &body).await.expect(200);
    let now = Member::from_tokens(&app.client(), &ada.email, NEW, Tokens::of(&answer));
    for member in [&ada, &other] {
        member.me().await.expect_invalid_token();
        member.refresh().await.expect(401);
    }
    now.me().await.expect(200);
    assert_eq!(now.session(), ada.session(), "this session goes on");
    now.refreshed().await.me().await.expect(200);
    people::login(&app.client(), &ada.email, PASSWORD)
        .await
        .expect(401);
    now.again().await.me().await.expect(200);
}

async fn needs_the_current_password(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let wrong = json!({"current_password": "wrong horse 9 battery", "new_password": NEW});
    ada.client.post_json("/me/password", &wrong).await.expect(422);
    ada.client
        .post_json("/me/password", &json!({"new_password": NEW}))
        .await
        .expect(422);
    // However wrong it is, it is not held while it waits for a hash.
    let endless = json!({"current_password": "x".repeat(4097), "new_password": NEW});
    ada.client.post_json("/me/password", &endless).await.expect(422);
    app.client()
        .post_json(
            "/me/password",
            &json!({"current_password": PASSWORD, "new_password": NEW}),
        )
        .await
        .expect(401);
    ada.me().await.expect(200);
    people::login(&app.client(), &ada.email, PASSWORD)
        .await
        .expect(200);
}

async fn holds_the_new_password_to_the_rules(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    for new in ["short", "password", "ada@example.com", &"x9".repeat(65)] {
        let body = json!({"current_password": PASSWORD, "new_password": new});
        let answer = ada.client.post_json("/me/password", &body).await.expect(422);
        assert!(
            answer
                .wrong_fields()
                .iter()
                .any(|loc| loc.ends_with("new_password")),
            "{}",
            answer.body
        );
    }
    ada.me().await.expect(200);
}

async fn of_parallel_changes_one_password_holds(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let tasks: Vec<_> = (0..8)
        .map(|i| {
            let ada = ada.clone();
            tokio::spawn(async move {
                let new = format!("{NEW} {i}");
                let body = json!({"current_password": PASSWORD, "new_password": new});
                let answer = ada.client.post_json("/me/password", &body).await;
                (new, answer)
            })
        })
        .collect();
    let mut won = Vec::new();
    for task in tasks {
        let (new, answer) = task.await.unwrap();
        if answer.status == 200 {
            won.push((new, Tokens::of(&answer)));
        }
    }
    assert_eq!(won.len(), 1, "the others knew a password that no longer held");
    let (password, tokens) = won.remove(0);
    app.client()
        .bearer(&tokens.access_token)
        .get("/me")
        .await
        .expect(200);
    Member::login(&app.client(), &ada.email, &password).await;
}
