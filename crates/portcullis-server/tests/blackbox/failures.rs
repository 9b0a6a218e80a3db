//! Consecutive failures of one account, counted in the store.

use portcullis_testkit::{
    people::{self, Member, PASSWORD},
    server::Setup,
};
use serde_json::json;

use crate::start;

const WRONG: &str = "wrong horse 9 battery";

on_both!(
    at_most_100_whatever_the_restarts,
    parallel_attempts_get_none_for_free,
    a_success_begins_anew,
);

async fn at_most_100_whatever_the_restarts(setup: Setup) {
    let mut app = start(setup).await;
    let ada = app.register("ada").await;
    let device = ada.tokens.device_token.clone().expect("a device token");
    for round in 0..4 {
        for _ in 0..25 {
            people::login(&app.client(), &ada.email, WRONG).await.expect(401);
        }
        if round < 3 {
            app.restart().await;
        }
    }
    let locked = people::login(&app.client(), &ada.email, PASSWORD).await;
    assert_eq!(locked.status, 401, "attempt 101 went through");
    // The owner's device is not the strangers' account.
    people::login_from(&app.client(), &ada.email, PASSWORD, &device)
        .await
        .expect(200);
    // An administrator opens it again.
    let admin = app.admin().await;
    let path = format!("/admin/users/{}", ada.id);
    admin
        .client
        .patch(&path, &json!({"status": "disabled"}))
        .await
        .expect(200);
    admin
        .client
        .patch(&path, &json!({"status": "active"}))
        .await
        .expect(200);
    Member::login(&app.client(), &ada.email, PASSWORD).await;
}

async fn parallel_attempts_get_none_for_free(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (client, email) = (app.client(), ada.email.clone());
            tokio::spawn(async move {
                for _ in 0..13 {
                    people::login(&client, &email, WRONG).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let locked = people::login(&app.client(), &ada.email, PASSWORD).await;
    assert_eq!(locked.status, 401, "after 104 failures");
}

async fn a_success_begins_anew(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    for _ in 0..2 {
        for _ in 0..60 {
            people::login(&app.client(), &ada.email, WRONG).await.expect(401);
        }
        Member::login(&app.client(), &ada.email, PASSWORD).await;
    }
}
