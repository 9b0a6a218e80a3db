//! `GET /auth/verify`: what proxies ask before they forward a request.

use portcullis_testkit::{
    browser::Browser,
    client::Answer,
    jwt,
    people::PASSWORD,
    server::{App, Setup},
};
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::start;

on_both!(
    who_calls_is_told_in_headers,
    roles_and_scopes_are_demanded_by_parameters,
    a_slip_in_the_demand_lets_nobody_through,
    what_was_revoked_does_not_pass,
    by_cookie_a_page_of_another_site_changes_nothing,
    the_issuer_says_where_its_keys_are,
);

async fn ask(app: &App, token: &str, query: &str) -> Answer {
    app.client()
        .bearer(token)
        .get(&format!("/auth/verify{query}"))
        .await
}

#[track_caller]
fn expect_denied(answer: Answer, roles: &[&str], scopes: &[&str]) {
    let answer = answer.expect(403);
    let body = answer.json();
    assert_eq!(body["error"], "insufficient_scope", "{body}");
    assert_eq!(body["required_roles"], json!(roles));
    assert_eq!(body["required_scopes"], json!(scopes));
    assert_eq!(body["current_roles"], json!(["user"]));
    assert!(!answer.headers.contains_key("remote-user"));
}

async fn who_calls_is_told_in_headers(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let answer = ask(&app, &ada.tokens.access_token, "").await.expect(200);
    assert_eq!(answer.header("remote-user"), ada.id);
    assert_eq!(answer.header("remote-groups"), "user");
    assert_eq!(answer.header("remote-scopes"), "me");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.body, "");
    let admin = app.admin().await;
    let answer = ask(&app, &admin.tokens.access_token, "").await.expect(200);
    let groups: Vec<&str> = answer.header("remote-groups").split(',').collect();
    assert!(groups.contains(&"admin"), "{groups:?}");

    let nobody = app.client().get("/auth/verify").await.expect(401);
    assert_eq!(nobody.header("www-authenticate"), r#"Bearer realm="portcullis""#);
    ask(&app, "garbage", "").await.expect_invalid_token();
}

async fn roles_and_scopes_are_demanded_by_parameters(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let ada = &ada.tokens.access_token;
    let admin = app.admin().await;
    let admin = &admin.tokens.access_token;

    expect_denied(ask(&app, ada, "?role=admin").await, &["admin"], &[]);
    expect_denied(
        ask(&app, ada, "?role=admin,editor").await,
        &["admin", "editor"],
        &[],
    );
    expect_denied(ask(&app, ada, "?scope=admin").await, &[], &["admin"]);
    expect_denied(ask(&app, ada, "?scope=me+admin").await, &[], &["admin", "me"]);
    // Both must hold, where both are demanded.
    expect_denied(
        ask(&app, ada, "?role=user&scope=admin").await,
        &["user"],
        &["admin"],
    );
    expect_denied(ask(&app, ada, "?role=admin&scope=me").await, &["admin"], &["me"]);
    for query in [
        "?role=user",
        "?role=admin,user",
        "?scope=me",
        "?role=user&scope=me",
    ] {
        ask(&app, ada, query).await.expect(200);
    }
    for query in [
        "?role=admin",
        "?role=editor%2Cadmin",
        "?scope=me%20admin",
        "?scope=me,admin",
    ] {
        ask(&app, admin, query).await.expect(200);
    }
    // Who is unknown is told so first.
    app.client().get("/auth/verify?role=admin").await.expect(401);
}

async fn a_slip_in_the_demand_lets_nobody_through(setup: Setup) {
    let app = start(setup).await;
    let admin = app.admin().await;
    for (query, field) in [
        ("?role=", "query.role"),
        ("?scope=+", "query.scope"),
        ("?role=,", "query.role"),
        ("?roles=admin", "query"),
        ("?role=admin&Scope=x", "query"),
        ("?role=admin%00", "query.role"),
    ] {
        let answer = ask(&app, &admin.tokens.access_token, query).await.expect(422);
        assert_eq!(answer.wrong_fields(), [field], "{query}");
    }
    ask(&app, &admin.tokens.access_token, "?role=nobody&role=admin")
        .await
        .expect(400);
}

async fn what_was_revoked_does_not_pass(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    ask(&app, &ada.tokens.access_token, "").await.expect(200);
    ada.client.post("/auth/logout").await.expect(200);
    ask(&app, &ada.tokens.access_token, "")
        .await
        .expect_invalid_token();
}

async fn by_cookie_a_page_of_another_site_changes_nothing(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let mut browser = Browser::new(app.client());
    browser.login(&ada.email, PASSWORD).await;
    let verify = "/auth/verify";
    let told = |request: RequestBuilder, method: &str| request.header("x-forwarded-method", method);

    // Its own pages do what they like, and say nothing of a token: the proxy does not see forms.
    for method in ["GET", "POST", "DELETE"] {
        let request = told(browser.own(Method::GET, verify), method);
        let answer = browser.send(request).await.expect(200);
        assert_eq!(answer.header("remote-user"), ada.id);
    }
    // A link on another page may be followed.
    let followed = told(browser.forged(Method::GET, verify), "GET");
    browser.send(followed).await.expect(200);
    let by_nginx = browser
        .forged(Method::GET, verify)
        .header("x-original-method", "HEAD");
    browser.send(by_nginx).await.expect(200);

    let forged = || browser.forged(Method::GET, verify);
    let refused = [
        // Of unknown method, anything is possible.
        forged(),
        told(forged(), "POST"),
        told(forged(), "get"),
        told(forged(), ""),
        told(forged(), "GET").header("x-original-method", "POST"),
        // A WebSocket begins with a GET, and no page of another site may open one.
        told(forged(), "GET").header("sec-websocket-version", "13"),
        told(forged(), "GET").header("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ];
    for request in refused {
        let answer = app.client().send(request).await.expect(403);
        assert_eq!(answer.json()["error"], "csrf_failed", "{}", answer.body);
    }
    // No browser sends a token in a header by itself.
    let token = app.client().bearer(&ada.tokens.access_token);
    let request = token
        .request(Method::GET, verify)
        .header("origin", "https://evil.example")
        .header("sec-fetch-site", "cross-site");
    token.send(told(request, "POST")).await.expect(200);
}

async fn the_issuer_says_where_its_keys_are(setup: Setup) {
    let app = start(setup).await;
    let answer = app
        .client()
        .get("/.well-known/oauth-authorization-server")
        .await
        .expect(200);
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let ada = app.register("ada").await;
    let issuer = jwt::claims(&ada.tokens.access_token)["iss"].clone();
    let url = issuer.as_str().expect("a URL");
    assert_eq!(
        answer.json(),
        json!({
            "issuer": url,
            "jwks_uri": format!("{url}/.well-known/jwks.json"),
            "response_types_supported": [],
            "grant_types_supported": [],
        })
    );
}
