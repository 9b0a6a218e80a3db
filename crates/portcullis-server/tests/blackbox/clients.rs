//! Clients that the project did not write, against the real binary: what they need is installed by `./test`.

use std::path::{Path, PathBuf};

use portcullis_testkit::{
    people::{Member, PASSWORD},
    server::{App, Engine, Setup},
};
use tokio::task::spawn_blocking;

use crate::start;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the workspace")
        .to_owned()
}

/// What `./test` installed, by the variable that names it.
#[expect(
    clippy::disallowed_methods,
    reason = "how `./test` tells the tests what it installed"
)]
pub(crate) fn installed(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `./test`"))
}

/// Runs a script of `tests/clients` and fails with all that it printed.
async fn run(program: &str, script: &str, arguments: &[&str]) {
    let mut command = std::process::Command::new(installed(program));
    command
        .arg(script)
        .args(arguments)
        .current_dir(root().join("tests/clients"));
    let script = script.to_owned();
    // A proxy of whoever runs the tests must not come between.
    for name in [
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env_remove(name);
    }
    let output = spawn_blocking(move || command.output())
        .await
        .unwrap()
        .expect("it starts");
    assert!(
        output.status.success(),
        "{script}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn python(script: &str, arguments: &[&str]) {
    run("PORTCULLIS_TEST_PYTHON", script, arguments).await;
}

pub(crate) async fn node(script: &str, arguments: &[&str]) {
    run("PORTCULLIS_TEST_NODE", script, arguments).await;
}

async fn with(algorithm: &str) -> (App, Member) {
    let app = start(Setup::new(Engine::Sqlite).env("PORTCULLIS_TOKEN__ALGORITHM", algorithm)).await;
    let ada = app.register("ada").await;
    (app, ada)
}

#[tokio::test(flavor = "multi_thread")]
async fn openapi_spec_validator_accepts_the_document() {
    let app = start(Setup::new(Engine::Sqlite)).await;
    python("openapi.py", &[app.process.url()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_500_and_no_undocumented_status() {
    let app = start(Setup::new(Engine::Sqlite)).await;
    let admin = app.admin().await;
    app.add_admin("second@example.org").await;
    let emails = [admin.email.as_str(), "second@example.org"];
    python(
        "contract.py",
        &[&[app.process.url(), PASSWORD], &emails[..]].concat(),
    )
    .await;
    assert!(!app.process.log().contains("panicked"), "{}", app.process.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn pyjwt_verifies_a_token_through_the_jwks() {
    for algorithm in ["ES256", "EdDSA", "RS256", "PS256"] {
        let (app, ada) = with(algorithm).await;
        python(
            "verify.py",
            &[app.process.url(), &ada.tokens.access_token, algorithm, &ada.id],
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pyjwt_verifies_an_archive_through_the_jwks() {
    for algorithm in ["ES256", "EdDSA", "RS256", "PS256"] {
        let (app, ada) = with(algorithm).await;
        python(
            "archive.py",
            &[app.process.url(), &ada.tokens.access_token, algorithm, &ada.id],
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jose_verifies_a_token_through_the_jwks() {
    for algorithm in ["ES256", "EdDSA", "RS256", "PS256"] {
        let (app, ada) = with(algorithm).await;
        node(
            "verify.mjs",
            &[app.process.url(), &ada.tokens.access_token, algorithm, &ada.id],
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_docs_page_logs_in_and_calls_me_in_chromium() {
    let app = start(Setup::new(Engine::Sqlite).flag("--dev")).await;
    node(
        "docs.mjs",
        &[
            app.process.url(),
            &installed("PORTCULLIS_TEST_CHROMIUM"),
            "admin@example.com",
            "admin-password",
        ],
    )
    .await;
}
