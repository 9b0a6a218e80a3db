use axum::http::HeaderMap;
use portcullis::{auth_provider, provider::AuthError};

#[derive(Clone, portcullis::Caller)]
struct User {
    id: u64,
}

#[auth_provider]
async fn never_fails(_: &HeaderMap) -> User {
    User { id: 1 }
}

#[auth_provider]
async fn maybe(_: &HeaderMap) -> Result<Option<User>, AuthError> {
    Ok(None)
}

#[auth_provider]
async fn nobody(_: &HeaderMap) {}

fn main() {}
