use axum::http::{HeaderMap, request::Parts};
use portcullis::{auth_provider, provider::AuthError};

#[derive(Clone, portcullis::Caller)]
struct User {
    id: u64,
}

#[auth_provider]
async fn by_header(_: &HeaderMap) -> Result<User, AuthError> {
    Ok(User { id: 1 })
}

#[auth_provider]
async fn by_anything(_: &Parts) -> Result<User, AuthError> {
    Ok(User { id: 2 })
}

fn main() {}
