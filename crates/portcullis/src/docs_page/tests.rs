use axum::{
    Router,
    body::{self, Body, Bytes},
    extract::Request,
    response::Response,
};
use http::request::Parts;
use tower::ServiceExt;

use super::{ASSETS, PAGE};
use crate::{
    access::LocalUser,
    gate::Gate,
    openapi::Documentation,
    provider::{AuthError, AuthProvider},
};

struct Nobody;

impl AuthProvider for Nobody {
    type User = LocalUser;
    async fn authenticate(&self, _: &Parts) -> Result<LocalUser, AuthError> {
        Err(AuthError::Missing)
    }
}

fn app() -> Router {
    Gate::new(Nobody)
        .documented(Documentation::new("Test", "1"))
        .into_router()
        .unwrap()
}

async fn fetch(path: &str) -> Response {
    app()
        .oneshot(Request::get(path).body(Body::empty()).unwrap())
        .await
        .unwrap()
}

async fn bytes(response: Response) -> Bytes {
    body::to_bytes(response.into_body(), usize::MAX).await.unwrap()
}

#[tokio::test]
async fn all_that_the_page_asks_for_is_here_and_nothing_else_is_asked() {
    let page = fetch("/docs").await;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    let html = String::from_utf8(bytes(page).await.to_vec()).unwrap();
    assert!(
        !html.contains("<script>") && !html.contains("onload"),
        "no script inside: the policy forbids it"
    );
    let asked: Vec<&str> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|attribute| html.split(attribute).skip(1))
        .map(|rest| rest.split('"').next().unwrap())
        .filter(|target| *target != "data:,")
        .collect();
    assert_eq!(asked.len(), 5);
    for target in asked {
        let response = fetch(&format!("/{target}")).await;
        assert_eq!(response.status(), 200, "{target}");
        assert!(!bytes(response).await.is_empty(), "{target}");
    }
}

#[tokio::test]
async fn compressed_files_say_so() {
    let script = fetch("/docs/swagger-ui-bundle.js").await;
    assert_eq!(script.headers()["content-encoding"], "gzip");
    assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");
    assert!(bytes(script).await.starts_with(&[0x1f, 0x8b]));
    let own = fetch("/docs/page.js").await;
    assert!(!own.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn a_browser_that_has_a_file_does_not_get_it_again() {
    let first = fetch("/docs/page.js").await;
    let etag = first.headers()["etag"].clone();
    let again = Request::get("/docs/page.js")
        .header("if-none-match", etag)
        .body(Body::empty())
        .unwrap();
    assert_eq!(app().oneshot(again).await.unwrap().status(), 304);
    assert_eq!(fetch("/docs/nothing.js").await.status(), 404);
    assert_eq!(fetch("/docs/..%2Fmod.rs").await.status(), 404);
}

#[test]
fn nothing_is_sent_to_others_and_the_size_stays_small() {
    let own = ASSETS.iter().filter(|asset| asset.name.starts_with("page"));
    for text in own.map(|asset| asset.bytes).chain([PAGE]) {
        assert!(!std::str::from_utf8(text).unwrap().contains("://"));
    }
    let script = ASSETS.iter().find(|asset| asset.name == "page.js").unwrap();
    // Unless told otherwise, Swagger UI sends the document to its maker's validator.
    assert!(
        std::str::from_utf8(script.bytes)
            .unwrap()
            .contains("validatorUrl: null")
    );
    assert!(ASSETS.iter().map(|asset| asset.bytes.len()).sum::<usize>() < 600 * 1024);
}
