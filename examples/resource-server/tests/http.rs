//! The running example, and an issuer in this process.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use axum::{Json, Router, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis::core::{
    clock::{Clock as _, SystemClock},
    key::SigningKey,
    token::Algorithm,
};
use portcullis_testkit::{client::Client, server::Example};
use serde_json::{Value, json};

struct Idp {
    url: String,
    key: SigningKey,
    keys: Arc<Mutex<Value>>,
}

impl Idp {
    async fn start() -> Self {
        let key = SigningKey::generate(Algorithm::RS256).unwrap();
        let keys = Arc::new(Mutex::new(json!({ "keys": [key.public_jwk().unwrap()] })));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/realms/app", listener.local_addr().unwrap());
        let description = json!({ "issuer": url, "jwks_uri": format!("{url}/certs") });
        let published = Arc::clone(&keys);
        let app = Router::new()
            .route(
                "/realms/app/.well-known/openid-configuration",
                get(async move || Json(description)),
            )
            .route(
                "/realms/app/certs",
                get(async move || Json(published.lock().unwrap().clone())),
            );
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, key, keys }
    }

    fn token(&self, more: &Value) -> String {
        let mut claims = json!({
            "iss": self.url, "aud": ["account", "reports"], "azp": "web", "typ": "Bearer",
            "sub": "f3b5", "exp": SystemClock.now().unix_seconds() + 300,
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": **self.key.kid() });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn start(idp: &Idp) -> Example {
    Example::start_with(env!("CARGO_BIN_EXE_resource-server"), &[("ISSUER", &idp.url)]).await
}

#[tokio::test]
async fn tokens_of_the_issuer_open_what_they_grant() {
    let idp = Idp::start().await;
    let example = start(&idp).await;
    let nobody = example.client();
    let with = |claims: &Value| nobody.bearer(&idp.token(claims));
    let status = async |client: &Client, method: &str, expected: u16| {
        let answer = match method {
            "GET" => client.get("/reports").await,
            "POST" => client.post("/reports").await,
            _ => client.delete("/reports").await,
        };
        answer.expect(expected);
    };
    nobody.get("/health").await.expect(200);
    nobody.get("/me").await.expect(401);

    let reader = with(&json!({ "scope": "openid reports:read" }));
    let editor = with(
        &json!({ "resource_access": { "reports": { "roles": ["editor"] }, "other": { "roles": ["admin"] } } }),
    );
    let admin = with(&json!({ "realm_access": { "roles": ["admin", "offline_access"] } }));
    for (client, expected) in [
        (&reader, [200, 403, 403]),
        (&editor, [403, 201, 403]),
        (&admin, [403, 201, 204]),
    ] {
        for (method, expected) in ["GET", "POST", "DELETE"].into_iter().zip(expected) {
            status(client, method, expected).await;
        }
    }
    let me = admin.get("/me").await.expect(200).json();
    assert_eq!(me, json!(["f3b5", ["admin", "editor"]]));

    for wrong in [
        json!({ "aud": "account" }),
        json!({ "iss": "http://127.0.0.1/realms/other" }),
        json!({ "exp": 1_000_000_000 }),
        json!({ "typ": "ID" }),
        json!({ "typ": "Refresh" }),
    ] {
        with(&wrong).get("/me").await.expect_invalid_token();
    }
}

#[tokio::test]
async fn it_goes_on_without_its_issuer_and_documents_it() {
    let idp = Idp::start().await;
    let example = start(&idp).await;
    let known = example.client().bearer(&idp.token(&json!({})));
    let document = example.client().get("/openapi.json").await.expect(200).json();
    assert_eq!(
        document["components"]["securitySchemes"]["openIdConnect"]["openIdConnectUrl"],
        format!("{}/.well-known/openid-configuration", idp.url)
    );
    known.get("/me").await.expect(200);
    *idp.keys.lock().unwrap() = json!("gone");
    known.get("/me").await.expect(200);
}
