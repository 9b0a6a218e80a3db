//! A page: HTML that loads nothing, and says so.

use askama::Template;
use axum::{
    http::header,
    response::{Html, IntoResponse, Response},
};
use portcullis::Problem;

const POLICY: &str = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

pub fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}
