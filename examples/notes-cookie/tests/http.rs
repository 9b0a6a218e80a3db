//! The running example.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use portcullis_testkit::{browser::Browser, server::Example};
use reqwest::Method;

const ADA: [(&str, &str); 2] = [
    ("email", "ada@example.com"),
    ("password", "correct-horse-battery"),
];

async fn start() -> Example {
    Example::start_with(
        env!("CARGO_BIN_EXE_notes-cookie"),
        &[("ADA_PASSWORD", "correct-horse-battery")],
    )
    .await
}

/// The value of the hidden field of a page.
fn token(page: &str) -> String {
    let (_, rest) = page.split_once(r#"name="csrf_token" value=""#).expect("a token");
    rest.split_once('"').unwrap().0.to_owned()
}

/// Sends a form as the browser would, with the token of the page that it is on.
async fn submit(browser: &mut Browser, page: &str, path: &str, fields: &[(&str, &str)]) -> u16 {
    let page = browser.get(page).await.expect(200);
    let mut form = fields.to_vec();
    let token = token(&page.body);
    form.push(("csrf_token", &token));
    let request = browser.own(Method::POST, path).form(&form);
    browser.send(request).await.status.as_u16()
}

async fn logged_in(example: &Example) -> Browser {
    let mut browser = Browser::new(example.client());
    assert_eq!(submit(&mut browser, "/login", "/login", &ADA).await, 303);
    browser
}

#[tokio::test]
async fn a_note_is_kept_for_who_logged_in_by_form() {
    let example = start().await;
    let mut browser = Browser::new(example.client());
    assert_eq!(browser.get("/").await.expect(303).header("location"), "/login");
    let wrong = [("email", "ada@example.com"), ("password", "wrong")];
    assert_eq!(submit(&mut browser, "/login", "/login", &wrong).await, 200);

    assert_eq!(browser.get("/").await.expect(303).header("location"), "/login");

    let mut ada = logged_in(&example).await;
    let note = "<script>alert(1)</script> & so on";
    assert_eq!(submit(&mut ada, "/", "/notes", &[("text", note)]).await, 303);
    let page = ada.get("/").await.expect(200);
    assert!(
        page.body
            .contains("&#60;script&#62;alert(1)&#60;/script&#62; &#38; so on"),
        "{}",
        page.body
    );
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );

    assert_eq!(submit(&mut ada, "/", "/logout", &[]).await, 303);
    assert_eq!(ada.get("/").await.expect(303).header("location"), "/login");
}

#[tokio::test]
async fn a_stolen_cookie_ends_with_the_logout() {
    let example = start().await;
    let mut ada = logged_in(&example).await;
    let mut thief = ada.clone();
    thief.get("/").await.expect(200);
    assert_eq!(submit(&mut ada, "/", "/logout", &[]).await, 303);
    assert_eq!(thief.get("/").await.expect(303).header("location"), "/login");
}

#[tokio::test]
async fn nobody_else_can_send_the_forms() {
    let example = start().await;
    let mut ada = logged_in(&example).await;
    let page = ada.get("/").await.expect(200);
    let token = token(&page.body);
    let forged = ada
        .forged(Method::POST, "/notes")
        .form(&[("text", "x"), ("csrf_token", &token)]);
    ada.send(forged).await.expect(403);
    let without = ada.own(Method::POST, "/notes").form(&[("text", "x")]);
    ada.send(without).await.expect(403);
    let mut other = logged_in(&example).await;
    let of_another_session = other
        .own(Method::POST, "/notes")
        .form(&[("text", "x"), ("csrf_token", &token)]);
    other.send(of_another_session).await.expect(403);
    let login = Browser::new(example.client())
        .forged(Method::POST, "/login")
        .form(&ADA);
    other.send(login).await.expect(403);
}
