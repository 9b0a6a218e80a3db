//! `/me`.

use portcullis_testkit::{
    people::{self, Member, PASSWORD, UserBody, registration},
    server::{ADMIN_EMAIL, Setup},
};
use serde_json::json;

use crate::start;

on_both!(
    shows_the_caller,
    changes_the_name,
    changes_the_email_with_the_password_only,
    refuses_wrong_values_and_unowned_fields,
    deletes_the_account_with_the_password_only,
    keeps_the_last_administrator,
    shows_a_change_at_once,
);

async fn shows_the_caller(setup: Setup) {
    let app = start(setup).await;
    let (ada, bob) = (app.register("ada").await, app.register("bob").await);
    let body: UserBody = ada.me().await.expect(200).read();
    assert_eq!(body.id, ada.id);
    let body: UserBody = bob.me().await.expect(200).read();
    assert_eq!(body.email, "bob@example.com");
}

async fn changes_the_name(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let body: UserBody = ada
        .client
        .patch("/me", &json!({"name": "Ada Lovelace"}))
        .await
        .expect(200)
        .read();
    assert_eq!(
        (body.name.as_str(), body.email.as_str()),
        ("Ada Lovelace", "ada@example.com")
    );
    // A name opens nothing: the token stays good.
    let body: UserBody = ada.me().await.expect(200).read();
    assert_eq!(body.name, "Ada Lovelace");
}

async fn changes_the_email_with_the_password_only(setup: Setup) {
    let app = start(setup).await;
    let (ada, _bob) = (app.register("ada").await, app.register("bob").await);
    let new = "ada@elsewhere.example";
    for body in [
        json!({"email": new}),
        json!({"email": new, "password": "wrong horse 9 battery"}),
        json!({"email": new, "password": ""}),
    ] {
        ada.client.patch("/me", &body).await.expect(422);
    }
    let taken = json!({"email": "BOB@example.com", "password": PASSWORD});
    ada.client.patch("/me", &taken).await.expect(409);
    let unchanged: UserBody = ada.me().await.expect(200).read();
    assert_eq!(unchanged.email, "ada@example.com");

    let body = json!({"email": new, "password": PASSWORD});
    let changed: UserBody = ada.client.patch("/me", &body).await.expect(200).read();
    assert_eq!(changed.email, new);
    assert_eq!(Member::login(&app.client(), new, PASSWORD).await.id, ada.id);
    people::login(&app.client(), "ada@example.com", PASSWORD)
        .await
        .expect(401);
    app.client()
        .post_json(
            "/auth/register",
            &registration("ada@example.com", PASSWORD, "Ada"),
        )
        .await
        .expect(201);
}

async fn refuses_wrong_values_and_unowned_fields(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    ada.client.patch("/me", &json!({"name": ""})).await.expect(422);
    ada.client
        .patch("/me", &json!({"name": "n".repeat(101)}))
        .await
        .expect(422);
    let bad = json!({"email": "no-at-sign", "password": PASSWORD});
    ada.client.patch("/me", &bad).await.expect(422);
    for (body, fields) in [
        (json!({"roles": ["admin"], "name": "Eve"}), &["body.roles"][..]),
        (json!({"status": "disabled"}), &["body.status"]),
        (
            json!({"id": "x", "scopes": ["admin"], "created_at": 0}),
            &["body.created_at", "body.id", "body.scopes"],
        ),
    ] {
        let refused = ada.client.patch("/me", &body).await.expect(422);
        let mut wrong = refused.wrong_fields();
        wrong.sort_unstable();
        assert_eq!(wrong, fields);
        let me: UserBody = ada.me().await.expect(200).read();
        assert_eq!(
            (me.roles, me.status.as_str(), me.name.as_str()),
            (vec!["user".to_owned()], "active", "ada"),
            "mass assignment: {body}"
        );
    }
    // What nobody knows is passed over.
    ada.client
        .patch("/me", &json!({"colour": "blue"}))
        .await
        .expect(200);
}

async fn deletes_the_account_with_the_password_only(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let other = ada.again().await;
    for body in [json!({}), json!({"password": "wrong horse 9 battery"})] {
        ada.client.delete_json("/me", &body).await.expect(422);
    }
    ada.client.delete("/me").await;
    ada.me().await.expect(200);

    let gone = ada
        .client
        .delete_json("/me", &json!({"password": PASSWORD}))
        .await
        .expect(204);
    assert!(gone.body.is_empty());
    for member in [&ada, &other] {
        member.me().await.expect_invalid_token();
        member.refresh().await.expect(401);
    }
    people::login(&app.client(), &ada.email, PASSWORD)
        .await
        .expect(401);
    let again = app.register("ada").await;
    assert_ne!(again.id, ada.id);
}

async fn keeps_the_last_administrator(setup: Setup) {
    let app = start(setup).await;
    let admin = app.admin().await;
    let body = json!({"password": PASSWORD});
    admin.client.delete_json("/me", &body).await.expect(409);
    admin.me().await.expect(200);
    app.add_admin("second@example.org").await;
    admin.client.delete_json("/me", &body).await.expect(204);
    people::login(&app.client(), ADMIN_EMAIL, PASSWORD)
        .await
        .expect(401);
}

async fn shows_a_change_at_once(setup: Setup) {
    let app = start(setup).await;
    let (ada, admin) = (app.register("ada").await, app.admin().await);
    for round in 0..10 {
        let name = format!("Ada {round}");
        let path = format!("/admin/users/{}", ada.id);
        admin
            .client
            .patch(&path, &json!({"name": name}))
            .await
            .expect(200);
        let me: UserBody = ada.me().await.expect(200).read();
        assert_eq!(me.name, name, "a stale profile");
    }
}
