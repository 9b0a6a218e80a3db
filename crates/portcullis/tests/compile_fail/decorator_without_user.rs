use axum::{extract::State, http::HeaderMap};
use portcullis::{CurrentUser, authenticated, requires};

#[derive(Clone, portcullis::Caller)]
struct User {
    id: u64,
}

#[authenticated]
async fn nothing() {}

#[authenticated]
async fn state(State(_): State<u8>) {}

#[authenticated]
async fn optional(_: Option<User>) {}

#[requires(Editor)]
async fn stated(_: CurrentUser<User>, _: HeaderMap) {}

fn main() {}
