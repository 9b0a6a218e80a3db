//! `POST /auth/logout` and `/auth/logout-all`.

use portcullis_testkit::{people, server::Setup};
use serde_json::json;

use crate::start;

on_both!(
    ends_the_session_of_the_bearer,
    takes_the_refresh_token_instead,
    ends_all_sessions,
    without_credentials_is_401,
    twice_is_refused_and_harmless,
);

async fn ends_the_session_of_the_bearer(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let (other, rotated) = (ada.again().await, ada.refreshed().await);
    let answer = rotated.client.post("/auth/logout").await.expect(200);
    assert_eq!(answer.json(), json!({"ok": true}));
    // All access tokens of the session, not only the one that was shown.
    for member in [&ada, &rotated] {
        member.me().await.expect_invalid_token();
        member.refresh().await.expect(401);
    }
    other.me().await.expect(200);
    other.refresh().await.expect(200);
}

async fn takes_the_refresh_token_instead(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let body = json!({"refresh_token": ada.tokens.refresh_token});
    let answer = app.client().post_json("/auth/logout", &body).await.expect(200);
    assert_eq!(answer.json(), json!({"ok": true}));
    ada.me().await.expect_invalid_token();
    ada.refresh().await.expect(401);
}

async fn ends_all_sessions(setup: Setup) {
    let app = start(setup).await;
    let (ada, bob) = (app.register("ada").await, app.register("bob").await);
    let other = ada.again().await;
    let answer = ada.client.post("/auth/logout-all").await.expect(200);
    assert_eq!(answer.json(), json!({"ok": true}));
    for member in [&ada, &other] {
        member.me().await.expect_invalid_token();
        member.refresh().await.expect(401);
    }
    bob.me().await.expect(200);
    ada.again().await.me().await.expect(200);
}

async fn without_credentials_is_401(setup: Setup) {
    let app = start(setup).await;
    let bare = app.client().post("/auth/logout").await.expect(401);
    assert!(
        !bare.header("www-authenticate").contains("error="),
        "no token came, so none is invalid"
    );
    app.client()
        .post_json("/auth/logout", &json!({"refresh_token": "garbage"}))
        .await
        .expect(401);
    app.client().post("/auth/logout-all").await.expect(401);
}

async fn twice_is_refused_and_harmless(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    ada.client.post("/auth/logout").await.expect(200);
    ada.client.post("/auth/logout").await.expect_invalid_token();
    let stale = people::refresh(&app.client(), &ada.tokens.refresh_token).await;
    stale.expect(401);
}
