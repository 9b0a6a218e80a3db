use axum::{extract::Query, http::HeaderMap};
use portcullis::{auth_provider, provider::AuthError};

#[derive(Clone, portcullis::Caller)]
struct User {
    id: u64,
}

#[auth_provider]
async fn sees_nothing() -> Result<User, AuthError> {
    Ok(User { id: 1 })
}

#[auth_provider]
async fn takes_headers_away(_: HeaderMap) -> Result<User, AuthError> {
    Ok(User { id: 1 })
}

#[auth_provider]
async fn wants_a_query(_: &HeaderMap, _: Query<u8>) -> Result<User, AuthError> {
    Ok(User { id: 1 })
}

#[auth_provider]
fn not_async(_: &HeaderMap) -> Result<User, AuthError> {
    Ok(User { id: 1 })
}

fn main() {}
