//! The library as an application uses it, from outside: what its routes state is what happens.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod decorators;
mod names;
mod people;
mod policies;
mod providers;
mod services;
mod statements;
mod testing;
mod websocket;

use axum::{Router, body::Body, extract::Request};
use http::{StatusCode, header, request::Parts};
use http_body_util::BodyExt as _;
use portcullis::{
    access::LocalUser,
    provider::{AuthError, AuthProvider, bearer},
};
use serde_json::Value;
use tower::ServiceExt as _;

/// Knows nobody: whoever brings a token brings a wrong one.
struct Nobody;

impl AuthProvider for Nobody {
    type User = LocalUser;
    async fn authenticate(&self, parts: &Parts) -> Result<LocalUser, AuthError> {
        bearer(parts)?;
        Err(AuthError::invalid("unknown"))
    }
}

/// The answer to `METHOD path` with a bearer token: status, and body as JSON or text.
async fn call(app: &Router, method: &str, path: &str, token: Option<&str>) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let response = app
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
