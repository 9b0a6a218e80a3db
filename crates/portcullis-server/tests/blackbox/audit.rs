//! `GET /admin/audit`.

use std::collections::HashSet;

use portcullis_testkit::{
    people::{self, PASSWORD},
    server::Setup,
};
use serde_json::{Value, json};

use crate::start;

on_both!(
    tells_who_did_what_to_whom,
    pages_and_filters,
    keeps_unknown_identifiers_to_itself
);

async fn tells_who_did_what_to_whom(setup: Setup) {
    let app = start(setup).await;
    let (ada, admin) = (app.register("ada").await, app.admin().await);
    people::login(&app.client(), &ada.email, "wrong horse 9 battery")
        .await
        .expect(401);
    ada.again().await.client.post("/auth/logout").await.expect(200);
    let path = format!("/admin/users/{}", ada.id);
    let answer = admin
        .client
        .patch(&path, &json!({"status": "disabled"}))
        .await
        .expect(200);
    admin.client.delete(&path).await.expect(204);

    let events = admin
        .client
        .get("/admin/audit?limit=100")
        .await
        .expect(200)
        .json();
    let events = events.as_array().unwrap();
    let kinds: HashSet<&str> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    for kind in [
        "user.registered",
        "user.created",
        "login.succeeded",
        "login.failed",
        "session.logout",
        "user.disabled",
        "user.deleted",
    ] {
        assert!(kinds.contains(kind), "no {kind} among {kinds:?}");
    }
    let disabled = events
        .iter()
        .find(|event| event["kind"] == "user.disabled")
        .unwrap();
    assert_eq!(
        (&disabled["subject"], &disabled["actor"]),
        (&json!(ada.id), &json!(admin.id))
    );
    assert_eq!(disabled["address"], "127.0.0.1");
    assert_eq!(disabled["request_id"], answer.header("x-request-id"));
    assert!(
        disabled["at"].as_str().is_some_and(|at| at.ends_with('Z')),
        "{disabled}"
    );
}

async fn pages_and_filters(setup: Setup) {
    let app = start(setup).await;
    let (ada, admin) = (app.register("ada").await, app.admin().await);
    for _ in 0..5 {
        ada.again().await;
    }
    let client = &admin.client;
    let all = async |first: &str| -> Vec<Value> {
        let (mut events, mut next) = (Vec::new(), Some(first.to_owned()));
        while let Some(path) = next {
            let answer = client.get(&path).await.expect(200);
            events.extend(answer.json().as_array().unwrap().clone());
            next = answer.next_page();
            assert!(events.len() < 1000, "pages without end");
        }
        events
    };
    let whole = all("/admin/audit").await;
    assert!(whole.len() >= 8, "{}", whole.len());
    assert_eq!(all("/admin/audit?limit=2").await, whole);
    let logins = all(&format!("/admin/audit?kind=login.&subject={}", ada.id)).await;
    assert_eq!(logins.len(), 5);
    assert!(logins.iter().all(|event| event["kind"] == "login.succeeded"));
    assert_eq!(all(&format!("/admin/audit?subject={}", ada.id)).await.len(), 6);
    for query in ["limit=0", "limit=x", "cursor=x", "subject=x", "since=yesterday"] {
        let answer = client.get(&format!("/admin/audit?{query}")).await;
        assert_eq!(answer.status, 422, "{query}: {}", answer.body);
    }
    ada.client.get("/admin/audit").await.expect(403);
}

async fn keeps_unknown_identifiers_to_itself(setup: Setup) {
    let app = start(setup).await;
    let admin = app.admin().await;
    // People type their password where the address belongs.
    let slip = "hunter2-in-the-wrong-field";
    people::login(&app.client(), slip, PASSWORD).await.expect(401);
    people::login(&app.client(), "nobody@example.com", PASSWORD)
        .await
        .expect(401);
    let answer = admin
        .client
        .get("/admin/audit?kind=login.failed")
        .await
        .expect(200);
    assert_eq!(answer.json().as_array().unwrap().len(), 2, "{}", answer.body);
    assert!(
        !answer.body.contains(slip) && !answer.body.contains("nobody@"),
        "{}",
        answer.body
    );
}
