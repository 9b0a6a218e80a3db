//! `GET /.well-known/jwks.json` and the life of keys.

use std::{collections::HashSet, time::Duration};

use portcullis_testkit::{client::Client, jwt, server::Setup, stopwatch::Stopwatch};
use serde_json::Value;

use crate::start;

on_both!(
    publishes_public_keys_only,
    publishes_nothing_of_a_shared_secret,
    rotation_breaks_no_live_token,
    revocation_breaks_all_of_that_key_within_a_second,
);

async fn kids(client: &Client) -> HashSet<String> {
    let keys = client.get("/.well-known/jwks.json").await.expect(200).json();
    keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

fn kid(token: &str) -> String {
    jwt::decode(token).0["kid"].as_str().expect("kid").to_owned()
}

async fn publishes_public_keys_only(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let answer = app.client().get("/.well-known/jwks.json").await.expect(200);
    assert!(
        answer.header("content-type").contains("json"),
        "{}",
        answer.header("content-type")
    );
    let set = answer.json();
    let keys = set["keys"].as_array().unwrap();
    let mut seen = HashSet::new();
    for key in keys {
        let members: HashSet<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert!(
            members.is_disjoint(&["d", "p", "q", "dp", "dq", "qi", "oth", "k"].into()),
            "{members:?}"
        );
        assert_eq!(
            (key["use"].as_str(), key["alg"].as_str()),
            (Some("sig"), Some("ES256"))
        );
        assert_eq!(
            (key["kty"].as_str(), key["crv"].as_str()),
            (Some("EC"), Some("P-256"))
        );
        assert!(seen.insert(key["kid"].as_str().unwrap()), "a kid twice");
    }
    assert!(seen.contains(kid(&ada.tokens.access_token).as_str()));
}

async fn publishes_nothing_of_a_shared_secret(setup: Setup) {
    let app = start(setup.env(
        "PORTCULLIS_TOKEN__SECRET",
        "a shared secret of enough bytes, forty-one",
    ))
    .await;
    let ada = app.register("ada").await;
    assert_eq!(jwt::decode(&ada.tokens.access_token).0["alg"], "HS256");
    ada.me().await.expect(200);
    let keys = app
        .client()
        .get("/.well-known/jwks.json")
        .await
        .expect(200)
        .json();
    assert_eq!(keys["keys"], Value::Array(Vec::new()));
}

async fn rotation_breaks_no_live_token(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let old = kid(&ada.tokens.access_token);
    app.command(&["key", "rotate"], "").await.success();
    // The running server follows by itself.
    let begun = Stopwatch::start();
    let mut newest = ada.again().await;
    while kid(&newest.tokens.access_token) == old {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "still signs with the old key"
        );
        newest = ada.again().await;
    }
    let published = kids(&app.client()).await;
    assert!(published.contains(&old), "a key of live tokens stays published");
    assert!(published.contains(&kid(&newest.tokens.access_token)));
    for member in [&ada, &newest] {
        member.me().await.expect(200);
        member.refresh().await.expect(200);
    }
}

async fn revocation_breaks_all_of_that_key_within_a_second(setup: Setup) {
    let app = start(setup).await;
    let (ada, bob) = (app.register("ada").await, app.register("bob").await);
    let old = kid(&ada.tokens.access_token);
    app.command(&["key", "revoke", &old], "").await.success();
    let revoked = Stopwatch::start();
    while ada.me().await.status == 200 {
        assert!(
            revoked.elapsed() < Duration::from_millis(1200),
            "a revoked key still holds"
        );
    }
    for member in [&ada, &bob] {
        member.me().await.expect_invalid_token();
    }
    while kids(&app.client()).await.contains(&old) {
        assert!(
            revoked.elapsed() < Duration::from_secs(3),
            "a revoked key is still published"
        );
    }
    // The sessions are not at fault: a refresh gives a token of another key.
    let again = ada.refreshed().await;
    assert_ne!(kid(&again.tokens.access_token), old);
    again.me().await.expect(200);
}
