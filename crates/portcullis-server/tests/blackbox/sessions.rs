//! `/me/sessions`.

use portcullis_testkit::server::Setup;
use reqwest::{Method, header::USER_AGENT};
use serde_json::{Value, json};

use crate::start;

on_both!(
    lists_devices_and_marks_this_one,
    ends_another_session,
    ends_only_ones_own
);

async fn lists_devices_and_marks_this_one(setup: Setup) {
    let app = start(setup).await;
    let (ada, _bob) = (app.register("ada").await, app.register("bob").await);
    let body = json!({"email": ada.email, "password": ada.password});
    let phone = app
        .client()
        .request(Method::POST, "/auth/login")
        .header(USER_AGENT, "phone/1.0")
        .json(&body);
    app.client().send(phone).await.expect(200);
    let sessions = ada.client.get("/me/sessions").await.expect(200).json();
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let current: Vec<&Value> = sessions
        .iter()
        .filter(|session| session["current"] == true)
        .collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["id"], json!(ada.session()));
    for session in sessions {
        assert_eq!(session["address"], "127.0.0.1");
        assert!(
            session["created_at"].as_str().is_some_and(|at| at.ends_with('Z')),
            "{session}"
        );
    }
    assert!(sessions.iter().any(|session| session["agent"] == "phone/1.0"));
    assert!(
        sessions
            .iter()
            .any(|session| session["agent"] == "portcullis-suite")
    );
}

async fn ends_another_session(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let other = ada.again().await;
    ada.client
        .delete(&format!("/me/sessions/{}", other.session()))
        .await
        .expect(204);
    other.me().await.expect_invalid_token();
    other.refresh().await.expect(401);
    ada.me().await.expect(200);
    assert_eq!(
        ada.client
            .get("/me/sessions")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    ada.client
        .delete(&format!("/me/sessions/{}", other.session()))
        .await
        .expect(404);
    ada.client
        .delete(&format!("/me/sessions/{}", ada.session()))
        .await
        .expect(204);
    ada.me().await.expect_invalid_token();
}

async fn ends_only_ones_own(setup: Setup) {
    let app = start(setup).await;
    let (ada, bob) = (app.register("ada").await, app.register("bob").await);
    ada.client
        .delete(&format!("/me/sessions/{}", bob.session()))
        .await
        .expect(404);
    bob.me().await.expect(200);
    ada.client.delete("/me/sessions/not-a-uuid").await.expect(422);
}
