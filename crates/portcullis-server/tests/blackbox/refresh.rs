//! `POST /auth/refresh`.

use std::collections::HashSet;

use portcullis_testkit::{
    people::{self, PASSWORD, Tokens, UserBody},
    server::Setup,
};
use serde_json::json;

use crate::start;

on_both!(
    gives_a_new_pair_and_spends_the_old_token,
    of_64_parallel_refreshes_one_moves_the_counter,
    a_retry_within_the_grace_window_gets_the_same_successor,
    a_token_from_two_steps_back_ends_the_session,
    answers_alike_whatever_is_wrong,
    takes_the_oauth2_form,
    brings_new_roles,
    does_not_revive_a_disabled_user,
    survives_a_restart,
);

async fn gives_a_new_pair_and_spends_the_old_token(setup: Setup) {
    let app = start(setup).await;
    let first = app.register("ada").await;
    let second = first.refreshed().await;
    assert_ne!(first.tokens.refresh_token, second.tokens.refresh_token);
    assert_ne!(first.tokens.access_token, second.tokens.access_token);
    assert_eq!(first.session(), second.session(), "the session goes on");
    second.me().await.expect(200);
    second.refreshed().await.me().await.expect(200);
}

async fn of_64_parallel_refreshes_one_moves_the_counter(setup: Setup) {
    let app = start(setup.env("PORTCULLIS_TOKEN__REFRESH_GRACE", "60s")).await;
    let ada = app.register("ada").await;
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let ada = ada.clone();
            tokio::spawn(async move { Tokens::of(&ada.refresh().await.expect(200)) })
        })
        .collect();
    let mut successors = HashSet::new();
    for task in tasks {
        let tokens = task.await.unwrap();
        ada.client
            .bearer(&tokens.access_token)
            .get("/me")
            .await
            .expect(200);
        successors.insert(tokens.refresh_token);
    }
    assert_eq!(successors.len(), 1, "all answers carry the same successor");
    let successor = successors.into_iter().next().unwrap();
    assert_ne!(successor, ada.tokens.refresh_token);
    let next = Tokens::of(&people::refresh(&app.client(), &successor).await.expect(200));
    assert_ne!(next.refresh_token, successor);
}

async fn a_retry_within_the_grace_window_gets_the_same_successor(setup: Setup) {
    let app = start(setup.env("PORTCULLIS_TOKEN__REFRESH_GRACE", "60s")).await;
    let ada = app.register("ada").await;
    let once = ada.refreshed().await;
    let twice = ada.refreshed().await;
    assert_eq!(once.tokens.refresh_token, twice.tokens.refresh_token);
    for member in [&once, &twice] {
        member.me().await.expect(200);
    }
    // Two steps back, both rotations fresh: refused, and nobody is thrown out.
    let later = once.refreshed().await;
    ada.refresh().await.expect(401);
    later.me().await.expect(200);
    later.refreshed().await.me().await.expect(200);
}

async fn a_token_from_two_steps_back_ends_the_session(setup: Setup) {
    let app = start(setup.env("PORTCULLIS_TOKEN__REFRESH_GRACE", "0s")).await;
    let first = app.register("ada").await;
    let other = first.again().await;
    let newest = first.refreshed().await.refreshed().await;
    first.refresh().await.expect(401);
    newest.me().await.expect_invalid_token();
    newest.refresh().await.expect(401);
    other.me().await.expect(200);

    let admin = app.admin().await;
    let events = admin
        .client
        .get("/admin/audit?kind=refresh.reused")
        .await
        .expect(200)
        .json();
    assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
    assert_eq!(events[0]["subject"], json!(first.id));
}

async fn answers_alike_whatever_is_wrong(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let gone = ada.again().await;
    gone.client.post("/auth/logout").await.expect(200);
    let token = &ada.tokens.refresh_token;
    let mut flipped = token.clone().into_bytes();
    let place = flipped.len() / 2;
    flipped[place] = if flipped[place] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    let cases = [
        gone.tokens.refresh_token.as_str(),
        &ada.tokens.access_token,
        ada.tokens.device_token.as_deref().unwrap_or("none"),
        &flipped,
        "garbage",
        "ptr_",
        &format!("{token}A"),
        &format!("{token}="),
        &format!(" {token}"),
        &token[..token.len() - 1],
    ];
    let mut first = None;
    for case in cases {
        let answer = people::refresh(&app.client(), case).await.expect(401);
        let body = first.get_or_insert_with(|| answer.body.clone());
        assert_eq!(body, &answer.body);
        assert!(
            !answer.body.contains(case) || case.len() < 10,
            "the token in {}",
            answer.body
        );
    }
    ada.client
        .post_json("/auth/refresh", &json!({}))
        .await
        .expect(422);
    ada.client
        .post_json("/auth/refresh", &json!({"refresh_token": 7}))
        .await
        .expect(422);
    ada.refreshed().await.me().await.expect(200);
}

async fn takes_the_oauth2_form(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", ada.tokens.refresh_token.as_str()),
    ];
    let tokens = Tokens::of(&app.client().post_form("/auth/refresh", &form).await.expect(200));
    ada.client
        .bearer(&tokens.access_token)
        .get("/me")
        .await
        .expect(200);
}

async fn brings_new_roles(setup: Setup) {
    let app = start(setup).await;
    let (ada, admin) = (app.register("ada").await, app.admin().await);
    let path = format!("/admin/users/{}", ada.id);
    let changed: UserBody = admin
        .client
        .patch(&path, &json!({"roles": ["user", "admin"]}))
        .await
        .expect(200)
        .read();
    assert_eq!(changed.roles, ["admin", "user"]);
    ada.me().await.expect_invalid_token();
    let ada = ada.refreshed().await;
    assert_eq!(
        ada.tokens.scope.split(' ').collect::<HashSet<_>>(),
        HashSet::from(["me", "admin"])
    );
    ada.client.get("/admin/users").await.expect(200);
}

async fn does_not_revive_a_disabled_user(setup: Setup) {
    let app = start(setup).await;
    let (ada, admin) = (app.register("ada").await, app.admin().await);
    let path = format!("/admin/users/{}", ada.id);
    admin
        .client
        .patch(&path, &json!({"status": "disabled"}))
        .await
        .expect(200);
    ada.refresh().await.expect(401);
    admin
        .client
        .patch(&path, &json!({"status": "active"}))
        .await
        .expect(200);
    ada.refresh().await.expect(401);
    ada.me().await.expect_invalid_token();
    people::login(&app.client(), &ada.email, PASSWORD)
        .await
        .expect(200);
}

async fn survives_a_restart(setup: Setup) {
    let mut app = start(setup).await;
    let ada = app.register("ada").await;
    app.restart().await;
    let answer = people::refresh(&app.client(), &ada.tokens.refresh_token)
        .await
        .expect(200);
    let client = app.client().bearer(&Tokens::of(&answer).access_token);
    client.get("/me").await.expect(200);
    app.client()
        .bearer(&ada.tokens.access_token)
        .get("/me")
        .await
        .expect(200);
}
