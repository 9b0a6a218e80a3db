//! The running example, with a provider that the project did not write (oauth2-mock-server).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{path::Path, process::Command};

use portcullis_testkit::{
    browser::Browser,
    server::{Example, Process},
};
use reqwest::Method;

/// The provider, and where it is.
async fn provider() -> (Process, String) {
    let node = std::env::var("PORTCULLIS_TEST_NODE").unwrap_or_else(|_| panic!("run `./test`"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let mut command = Command::new(node);
    command
        .arg("mock-provider.mjs")
        .current_dir(root.join("tests/clients"));
    let process = Process::of(command).await;
    let issuer = process.url().split(' ').next().unwrap().to_owned();
    (process, issuer)
}

async fn at_provider(url: &str) -> String {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let answer = client.get(url).send().await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let (_, rest) = location.split_once("://").unwrap();
    rest[rest.find('/').unwrap()..].to_owned()
}

#[tokio::test]
async fn a_sign_in_ends_in_a_session_of_the_applications_own() {
    let (_provider, issuer) = provider().await;
    let env = [
        ("IDP_ISSUER", issuer.as_str()),
        ("IDP_SECRET", "provider-secret"),
        ("IDP_IS_PRIVATE", "yes"),
    ];
    let example = Example::start_with(env!("CARGO_BIN_EXE_sign-in"), &env).await;
    let mut browser = Browser::new(example.client());
    browser.get("/home").await.expect(401);
    let begun = browser.get("/auth/providers/idp/start").await.expect(303);
    let back = at_provider(begun.header("location")).await;
    let mut stranger = Browser::new(example.client());
    assert_eq!(stranger.get(&back).await.expect(403).json()["error"], "no_flow");
    let mut again = browser.clone();
    assert_eq!(browser.get(&back).await.expect(303).header("location"), "/home");
    assert_eq!(again.get(&back).await.expect(403).json()["error"], "replayed");

    let home = browser.get("/home").await.expect(200).body;
    assert!(home.contains(&format!("johndoe of {issuer}")), "{home}");
    let (_, rest) = home.split_once(r#"name="csrf_token" value=""#).expect("a token");
    let token = rest.split_once('"').unwrap().0.to_owned();
    let before = browser.clone();
    let request = browser
        .own(Method::POST, "/logout")
        .form(&[("csrf_token", &token)]);
    browser.send(request).await.expect(303);
    before.clone().get("/home").await.expect(401);
}
