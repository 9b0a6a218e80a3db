//! Secrets are planted everywhere, then log, database and answers are searched for them.

use portcullis_testkit::{
    people::{self, Member, Tokens, registration},
    server::Setup,
};
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::json;

use crate::start;

const PASSWORD: &str = "canary-Pa55-kingfisher";
const NEW_PASSWORD: &str = "canary-Pa55-goldfinch";
const WRONG: &str = "canary-Pa55-nightjar";
const AS_EMAIL: &str = "canary-Pa55-in-the-email-field";
const SECRET: &str = "canary-token-secret-of-more-than-32-bytes";
const EARLIER: &str = "canary-earlier-secret-of-more-than-32-bytes";

on_both!(
    no_secret_is_left_in_clear,
    no_shared_secret_is_left_in_clear,
    the_search_finds_what_is_there
);

/// All that is secret in what a login gives. Of a JWT the signature: header and claims are no secret by themselves.
fn secrets(tokens: &Tokens) -> Vec<String> {
    let signature = tokens.access_token.rsplit('.').next().unwrap().to_owned();
    let mut all = vec![signature, tokens.refresh_token.clone()];
    all.extend(tokens.device_token.clone());
    all
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

#[expect(
    clippy::too_many_lines,
    reason = "a list of all the places where a secret could go astray"
)]
async fn no_secret_is_left_in_clear(setup: Setup) {
    let mut app = start(setup.env("PORTCULLIS_LOG__LEVEL", "trace")).await;
    let client = app.client();
    let mut planted: Vec<String> = [PASSWORD, NEW_PASSWORD, WRONG, AS_EMAIL]
        .map(str::to_owned)
        .to_vec();
    let mut answers = String::new();

    let registered = client
        .post_json(
            "/auth/register",
            &registration("ada@example.com", PASSWORD, "Ada"),
        )
        .await;
    let ada = Member::from_tokens(
        &client,
        "ada@example.com",
        PASSWORD,
        Tokens::of(&registered.expect(201)),
    );
    planted.extend(secrets(&ada.tokens));
    let ada = ada.refreshed().await;
    planted.extend(secrets(&ada.tokens));
    let phone = ada.again().await;
    planted.extend(secrets(&phone.tokens));

    let (access, refresh) = (ada.tokens.access_token.clone(), ada.tokens.refresh_token.clone());
    let device = ada.tokens.device_token.clone().unwrap_or_default();
    // Each secret where it does not belong.
    let raw = async |method: Method, path: &str, kind: &str, body: String| {
        client
            .send(client.request(method, path).header(CONTENT_TYPE, kind).body(body))
            .await
            .body
    };
    for answer in [
        people::login(&client, "ada@example.com", WRONG).await,
        people::login(&client, AS_EMAIL, WRONG).await,
        people::login(&client, &refresh, &access).await,
        people::login_from(&client, "ada@example.com", WRONG, &device).await,
        people::login_from(&client, "ada@example.com", WRONG, AS_EMAIL).await,
        people::refresh(&client, &access).await,
        people::refresh(&client, PASSWORD).await,
        client.bearer(PASSWORD).get("/me").await,
        client.bearer(&refresh).get("/me").await,
        client.bearer(&format!("{access}x")).get("/me").await,
        client.get(&format!("/me?access_token={access}")).await,
        client.get(&format!("/{PASSWORD}/{refresh}")).await,
        client
            .post_json("/auth/register", &registration(AS_EMAIL, WRONG, "Ada"))
            .await,
        client
            .post_json(
                "/auth/register",
                &registration("bob@example.com", &PASSWORD.repeat(9), "Bob"),
            )
            .await,
        client
            .post_json(
                "/auth/register",
                &json!({"email": "bob@example.com", "password": [PASSWORD], "name": "B"}),
            )
            .await,
        client
            .post_json(
                "/auth/register",
                &json!({"email": {"x": WRONG}, "password": WRONG, "name": "B"}),
            )
            .await,
        client
            .post_json(
                "/auth/login",
                &json!({"email": "ada@example.com", "pasword": PASSWORD}),
            )
            .await,
        client
            .post_form(
                "/auth/login",
                &[("username", "ada@example.com"), ("pasword", PASSWORD)],
            )
            .await,
        ada.client
            .post_json(
                "/me/password",
                &json!({"current_password": WRONG, "new_password": NEW_PASSWORD}),
            )
            .await,
        ada.client
            .post_json(
                "/me/password",
                &json!({"current_password": PASSWORD, "new_password": 7}),
            )
            .await,
        ada.client
            .patch("/me", &json!({"email": WRONG, "password": PASSWORD}))
            .await,
        ada.client.delete_json("/me", &json!({"password": WRONG})).await,
    ] {
        answers.push_str(&answer.body);
        answers.extend(answer.headers.values().filter_map(|value| value.to_str().ok()));
    }
    let json = "application/json";
    answers += &raw(
        Method::POST,
        "/auth/login",
        json,
        format!("{{\"email\":\"a\",\"password\":\"{PASSWORD}"),
    )
    .await;
    answers += &raw(Method::POST, "/auth/login", json, PASSWORD.to_owned()).await;
    answers += &raw(
        Method::POST,
        "/auth/refresh",
        json,
        format!("{{\"refresh_token\":{refresh}}}"),
    )
    .await;
    answers += &raw(Method::POST, "/auth/login", "text/plain", PASSWORD.to_owned()).await;

    let body = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    let changed = Tokens::of(&ada.client.post_json("/me/password", &body).await.expect(200));
    planted.extend(secrets(&changed));
    client
        .bearer(&changed.access_token)
        .post("/auth/logout")
        .await
        .expect(200);
    let admin = app.admin().await;
    planted.extend(secrets(&admin.tokens));
    answers += &admin.client.get("/admin/audit?limit=100").await.expect(200).body;
    answers += &admin.client.get("/admin/users").await.expect(200).body;
    let check = app.command(&["check"], "").await;
    answers += &check.stdout;
    answers += &check.stderr;

    let master = std::fs::read_to_string(app.database.data_dir().join("master.key")).expect("the master key");
    let live = app.database.dump().await;
    app.process.kill();
    let log = app.process.log();
    assert!(
        log.contains("POST") || log.contains("/auth/login"),
        "the log says too little to be searched: {log}"
    );
    for secret in &planted {
        assert!(!log.contains(secret.as_str()), "`{secret}` in the log");
        assert!(!answers.contains(secret.as_str()), "`{secret}` in an answer");
        assert!(!contains(&live, secret), "`{secret}` in the database");
    }
    assert!(
        !log.contains(master.trim()) && !answers.contains(master.trim()),
        "the master key"
    );
    // The key's own file is part of the folder: once there is right, more would be a copy.
    let copies = live
        .windows(master.trim().len())
        .filter(|window| *window == master.trim().as_bytes())
        .count();
    assert!(copies <= 1, "{copies} copies of the master key");
    assert!(!answers.contains("$argon2"), "a hash in an answer");
}

async fn no_shared_secret_is_left_in_clear(setup: Setup) {
    let setup = setup
        .env("PORTCULLIS_LOG__LEVEL", "trace")
        .env("PORTCULLIS_TOKEN__SECRET", SECRET)
        .env("PORTCULLIS_TOKEN__PREVIOUS_SECRETS", EARLIER);
    let mut app = start(setup).await;
    let ada = app.register("ada").await;
    let mut seen = ada.me().await.expect(200).body;
    seen += &app.client().get("/.well-known/jwks.json").await.expect(200).body;
    let check = app.command(&["check"], "").await;
    seen += &check.stdout;
    seen += &check.stderr;
    let stored = app.database.dump().await;
    app.process.kill();
    seen += &app.process.log();
    for secret in [SECRET, EARLIER] {
        assert!(!seen.contains(secret), "`{secret}` in log, answer or `check`");
        assert!(!contains(&stored, secret), "`{secret}` in the database");
    }
}

/// The search itself can fail: what is stored in clear is found.
async fn the_search_finds_what_is_there(setup: Setup) {
    let app = start(setup).await;
    app.register("kingfisher").await;
    let stored = app.database.dump().await;
    assert!(
        contains(&stored, "kingfisher@example.com"),
        "the dump misses an email"
    );
    assert!(contains(&stored, "$argon2id$"), "the dump misses a hash");
}
