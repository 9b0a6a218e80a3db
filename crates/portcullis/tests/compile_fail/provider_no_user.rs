use axum::http::HeaderMap;
use portcullis::{auth_provider, provider::AuthError};

#[derive(Clone)]
struct Session {
    cookie: String,
}

#[auth_provider]
async fn current_user(_: &HeaderMap) -> Result<Session, AuthError> {
    Err(AuthError::Missing)
}

fn main() {}
