//! Plain pages for people: `/login` and `/account`, and what is said where a sign-in comes to nothing. They work without scripts.

pub(crate) mod account;
pub(crate) mod login;

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{Api, providers::Refused};
use crate::{access::Public, problem::Problem};

/// Nothing but the one style sheet. Whoever submits a form goes on to a provider by a redirect, which `form-action` would stop:
/// the forms of these pages lead nowhere but here, and the redirects behind them to providers that the operator named.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'");

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage<'a> {
    advice: String,
    request: Option<&'a str>,
}

/// A page.
fn page(status: StatusCode, page: &impl Template) -> Response {
    let Ok(text) = page.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers: [(HeaderName, HeaderValue); 2] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, Html(text)).into_response()
}

/// What is said to whoever is not signed in: a page to a person, a problem to a program.
pub(crate) fn refused(why: Refused, headers: &HeaderMap, request: Option<&str>) -> Response {
    let wants_page = headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")));
    let said = RefusedPage {
        advice: why.advice(),
        request,
    };
    let problem = Problem::from(why).into_response();
    if !wants_page {
        return problem;
    }
    let mut answer = page(problem.status(), &said);
    if let Some(later) = problem.headers().get(header::RETRY_AFTER) {
        answer.headers_mut().insert(header::RETRY_AFTER, later.clone());
    }
    answer
}

/// The style sheet of the pages.
pub(crate) async fn style(_: Public) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/css; charset=utf-8"),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=3600"),
        ),
    ];
    (headers, include_str!("../../../templates/login.css")).into_response()
}

/// The name of the service, for people.
fn service(api: &Api) -> &str {
    &api.authority().config().password.service_name
}
