//! HTTP manners (design section 8) that no single endpoint owns.

use portcullis_testkit::{
    client::Answer,
    people::{PASSWORD, registration},
    server::{ADMIN_EMAIL, Setup},
};
use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE},
};

use crate::start;

on_both!(
    tell_apart_malformed_wrong_too_large_and_of_another_type,
    take_one_credential_only,
    know_no_other_paths_and_methods,
    name_a_request_once_in_log_and_answer,
    answer_preflights_of_listed_origins,
    health_and_readiness,
    refuse_odd_bodies,
);

async fn tell_apart_malformed_wrong_too_large_and_of_another_type(setup: Setup) {
    let app = start(setup).await;
    let client = app.client();
    let post = async |kind: &str, body: String| -> Answer {
        let request = client
            .request(Method::POST, "/auth/register")
            .header(CONTENT_TYPE, kind)
            .body(body);
        client.send(request).await
    };
    let good = registration("ada@example.com", PASSWORD, "Ada").to_string();
    post("application/json", "{\"email\": ".to_owned())
        .await
        .expect(400);
    post("application/json", "[]".to_owned()).await.expect(422);
    post("text/plain", good.clone()).await.expect(415);
    post("application/x-www-form-urlencoded", "email=a".to_owned())
        .await
        .expect(415);
    let large = registration("ada@example.com", PASSWORD, &"n".repeat(70 * 1024)).to_string();
    post("application/json", large).await.expect(413);
    post("application/json; charset=utf-8", good).await.expect(201);
}

async fn take_one_credential_only(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let (client, token) = (app.client(), &ada.tokens.access_token);
    let bearer = format!("Bearer {token}");
    let twice = client
        .request(Method::GET, "/me")
        .header(AUTHORIZATION, &bearer)
        .header(AUTHORIZATION, &bearer);
    client.send(twice).await.expect(400);
    let query = client
        .request(Method::GET, "/me")
        .query(&[("access_token", token)]);
    client.send(query).await.expect(401);
    for odd in [
        "Basic YWRhOnB3",
        "bearer",
        "Bearer",
        "Bearer ",
        "Token x",
        token,
        "",
    ] {
        let request = client.request(Method::GET, "/me").header(AUTHORIZATION, odd);
        let answer = client.send(request).await;
        assert!(
            [400, 401].contains(&answer.status.as_u16()),
            "`{odd}`: {}",
            answer.status
        );
    }
    // The scheme is case-insensitive (RFC 9110, section 11.1).
    let lower = client
        .request(Method::GET, "/me")
        .header(AUTHORIZATION, format!("bearer {token}"));
    client.send(lower).await.expect(200);
    let bare = client.get("/me").await.expect(401);
    assert!(
        !bare.header("www-authenticate").contains("error"),
        "no token came (RFC 6750, section 3.1)"
    );
    // A bad token on a public route harms nobody.
    client.bearer("garbage").get("/healthz").await.expect(200);
}

async fn know_no_other_paths_and_methods(setup: Setup) {
    let app = start(setup).await;
    let client = app.client();
    for path in [
        "/nowhere",
        "/admin",
        "/auth",
        "/me/",
        "/.well-known/nothing",
        "/docs/../etc/passwd",
        "/admin/users/x/y/z",
    ] {
        client.get(path).await.expect(404);
    }
    let answer = client
        .send(client.request(Method::PUT, "/auth/login"))
        .await
        .expect(405);
    assert_eq!(answer.header("allow"), "POST");
    let answer = client.send(client.request(Method::POST, "/me")).await.expect(405);
    for method in ["GET", "PATCH", "DELETE"] {
        assert!(
            answer.header("allow").contains(method),
            "{}",
            answer.header("allow")
        );
    }
    client
        .send(client.request(Method::TRACE, "/me"))
        .await
        .expect(405);
}

async fn name_a_request_once_in_log_and_answer(setup: Setup) {
    let app = start(setup).await;
    let one = app.client().get("/me").await.header("x-request-id").to_owned();
    let two = app.client().get("/me").await.header("x-request-id").to_owned();
    assert_ne!(one, two);
    let forged = "forged\"id {injected}";
    let request = app
        .client()
        .request(Method::GET, "/me")
        .header("x-request-id", forged);
    assert_ne!(app.client().send(request).await.header("x-request-id"), forged);
    let (_, log) = app.process.terminate().await;
    assert!(log.contains(&one) && log.contains(&two), "{log}");
}

async fn answer_preflights_of_listed_origins(setup: Setup) {
    let origin = "https://app.example.com";
    let app = start(setup.env("PORTCULLIS_CORS__ORIGINS", origin)).await;
    let client = app.client();
    let preflight = |from: &str| {
        client
            .request(Method::OPTIONS, "/admin/users")
            .header("origin", from)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization")
    };
    let answer = client.send(preflight(origin)).await;
    assert!(
        answer.status.is_success(),
        "a preflight needs no login: {}",
        answer.status
    );
    assert_eq!(answer.header("access-control-allow-origin"), origin);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert!(
        answer
            .header("access-control-allow-headers")
            .to_lowercase()
            .contains("authorization")
    );
    let answer = client.send(preflight("https://evil.example.com")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    // A refusal can be read by the page, too.
    let refused = client
        .send(client.request(Method::GET, "/me").header("origin", origin))
        .await
        .expect(401);
    assert_eq!(refused.header("access-control-allow-origin"), origin);
    assert!(refused.header("vary").to_lowercase().contains("origin"));
}

async fn health_and_readiness(setup: Setup) {
    let app = start(setup).await;
    app.client().get("/healthz").await.expect(200);
    app.client().get("/readyz").await.expect(200);
    app.add_admin(ADMIN_EMAIL).await;
    let (code, log) = app.process.terminate().await;
    assert_eq!(code, Some(0), "{log}");
}

async fn refuse_odd_bodies(setup: Setup) {
    let app = start(setup).await;
    for (number, (method, path)) in [
        (Method::POST, "/auth/register"),
        (Method::POST, "/auth/login"),
        (Method::POST, "/auth/refresh"),
        (Method::POST, "/auth/logout"),
        (Method::PATCH, "/me"),
        (Method::DELETE, "/me"),
        (Method::POST, "/me/password"),
    ]
    .into_iter()
    .enumerate()
    {
        for (odd, body) in [
            "null".to_owned(),
            "7".to_owned(),
            "\"x\"".to_owned(),
            "{\"email\":{\"a\":1}}".to_owned(),
            "\u{0}".to_owned(),
            "{\"name\":\"a\\u0000b\",\"email\":\"a\\u0000@b\",\"password\":\"\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\"}".to_owned(),
            format!("{}1{}", "[".repeat(2000), "]".repeat(2000)),
            "{\"email\":\"a@b.c\",\"email\":\"d@e.f\",\"password\":\"x\"}".to_owned(),
        ]
        .into_iter()
        .enumerate()
        {
            let ada = app.register(&format!("ada{number}-{odd}")).await;
            let request =
                ada.client.request(method.clone(), path).header(CONTENT_TYPE, "application/json").body(body.clone());
            let answer = ada.client.send(request).await;
            let code = answer.status.as_u16();
            // Manners are checked with each; no 500, and nobody is in or out by such a body.
            let harmless = code == 200 && (path == "/auth/logout" || (path == "/me" && method == Method::PATCH));
            assert!((400..500).contains(&code) || harmless, "{method} {path} {body}: {code}");
        }
    }
}
