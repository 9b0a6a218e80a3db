//! `POST /auth/login`.

use portcullis_testkit::{
    jwt,
    people::{self, Member, PASSWORD, Tokens},
    server::{ADMIN_EMAIL, Setup},
};
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::json;

use crate::start;

on_both!(
    takes_the_oauth2_form_and_json,
    takes_the_email_in_any_case,
    answers_alike_for_unknown_wrong_and_disabled,
    narrows_to_the_scopes_asked_for,
    gives_no_scope_that_the_user_lacks,
    refuses_what_is_not_a_login,
    makes_a_session_and_a_token_of_its_own_each_time,
);

async fn takes_the_oauth2_form_and_json(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let form = [("username", ada.email.as_str()), ("password", PASSWORD)];
    let plain = Tokens::of(&app.client().post_form("/auth/login", &form).await.expect(200));
    let named = [("grant_type", "password"), form[0], form[1]];
    Tokens::of(&app.client().post_form("/auth/login", &named).await.expect(200));
    ada.client
        .bearer(&plain.access_token)
        .get("/me")
        .await
        .expect(200);
    ada.again().await.me().await.expect(200);
}

async fn takes_the_email_in_any_case(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("Ada").await;
    for email in ["ada@example.com", "ADA@EXAMPLE.COM", " Ada@example.com "] {
        assert_eq!(Member::login(&app.client(), email, PASSWORD).await.id, ada.id);
    }
}

async fn answers_alike_for_unknown_wrong_and_disabled(setup: Setup) {
    let app = start(setup).await;
    let (_ada, bob) = (app.register("ada").await, app.register("bob").await);
    let admin = app.admin().await;
    admin
        .client
        .patch(
            &format!("/admin/users/{}", bob.id),
            &json!({"status": "disabled"}),
        )
        .await
        .expect(200);
    let mut answers = Vec::new();
    for (email, password) in [
        ("ada@example.com", "wrong horse 9 battery"),
        ("nobody@example.com", PASSWORD),
        ("not an address", PASSWORD),
        ("bob@example.com", PASSWORD),
        ("bob@example.com", "wrong horse 9 battery"),
        ("ada@example.com", ""),
    ] {
        let answer = people::login(&app.client(), email, password).await.expect(401);
        let mut fields: Vec<String> = answer
            .headers
            .iter()
            .filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect();
        fields.sort();
        let mut body = answer.json();
        // The identifier of the request is the one thing that may differ.
        for member in ["instance", "request_id"] {
            body.as_object_mut().unwrap().remove(member);
        }
        answers.push((fields, body));
    }
    for answer in &answers[1..] {
        assert_eq!(answer, &answers[0]);
    }
}

async fn narrows_to_the_scopes_asked_for(setup: Setup) {
    let app = start(setup).await;
    app.add_admin(ADMIN_EMAIL).await;
    let form = [("username", ADMIN_EMAIL), ("password", PASSWORD), ("scope", "me")];
    let tokens = Tokens::of(&app.client().post_form("/auth/login", &form).await.expect(200));
    assert_eq!(tokens.scope, "me");
    let claims = jwt::claims(&tokens.access_token);
    assert_eq!(claims["scope"], "me");
    let roles = claims["roles"].as_array().cloned().unwrap_or_default();
    assert!(!roles.contains(&json!("admin")), "{claims}");
    let narrow = Member::from_tokens(&app.client(), ADMIN_EMAIL, PASSWORD, tokens);
    narrow.me().await.expect(200);
    let refused = narrow.client.get("/admin/users").await.expect(403);
    assert!(refused.header("www-authenticate").contains("scope=\"admin\""));

    let again = narrow.refreshed().await;
    assert_eq!(again.tokens.scope, "me", "a refresh must not widen");
    again.client.get("/admin/users").await.expect(403);
}

async fn gives_no_scope_that_the_user_lacks(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let form = [
        ("username", ada.email.as_str()),
        ("password", PASSWORD),
        ("scope", "me admin"),
    ];
    // RFC 6749, section 3.3: reduced, and said so.
    let answer = app.client().post_form("/auth/login", &form).await.expect(200);
    let tokens = Tokens::of(&answer);
    assert_eq!(tokens.scope, "me");
    ada.client
        .bearer(&tokens.access_token)
        .get("/admin/users")
        .await
        .expect(403);
    // And where nothing would be left, refused.
    let form = [form[0], form[1], ("scope", "admin")];
    let answer = app.client().post_form("/auth/login", &form).await.expect(400);
    assert_eq!(answer.json()["error"], "invalid_scope");
}

async fn refuses_what_is_not_a_login(setup: Setup) {
    let app = start(setup).await;
    app.register("ada").await;
    let client = app.client();
    client
        .post_form("/auth/login", &[("username", "ada@example.com")])
        .await
        .expect(422);
    client
        .post_json("/auth/login", &json!({"email": "ada@example.com"}))
        .await
        .expect(422);
    client
        .post_json("/auth/login", &json!({"email": 7, "password": PASSWORD}))
        .await
        .expect(422);
    // What is typed is held while it waits for a hash, so it has a length.
    for (email, password, status) in [
        (
            format!("{}@example.com", "a".repeat(1013)),
            PASSWORD.to_owned(),
            422,
        ),
        ("ada@example.com".to_owned(), "x".repeat(4097), 422),
        ("ada@example.com".to_owned(), "x".repeat(4096), 401),
    ] {
        let answer = people::login(&client, &email, &password).await;
        answer.expect(status);
    }
    let twice = [
        ("username", "ada@example.com"),
        ("username", "bob@example.com"),
        ("password", PASSWORD),
    ];
    // RFC 6749, section 3.2.
    client.post_form("/auth/login", &twice).await.expect(400);
    let text = client
        .request(Method::POST, "/auth/login")
        .header(CONTENT_TYPE, "text/plain")
        .body("x");
    client.send(text).await.expect(415);
    client.post("/auth/login").await.expect(415);
    let broken = client
        .request(Method::POST, "/auth/login")
        .header(CONTENT_TYPE, "application/json")
        .body("{");
    client.send(broken).await.expect(400);
    client.get("/auth/login").await.expect(405);
}

async fn makes_a_session_and_a_token_of_its_own_each_time(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..5 {
        let next = ada.again().await;
        assert!(seen.insert(next.session()) && seen.insert(next.tokens.access_token.clone()));
        assert!(seen.insert(jwt::claims(&next.tokens.access_token)["jti"].to_string()));
        assert!(seen.insert(next.tokens.refresh_token.clone()));
    }
}
