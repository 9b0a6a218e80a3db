use std::{sync::Arc, time::Duration};

use axum::response::IntoResponse;
use http::{StatusCode, header};
use portcullis_core::{
    access::Requirement,
    clock::{Clock, MovableClock},
    limit::{Limiter, Rule},
    rng::SystemRng,
};

use super::{Challenge, Lacking, Problem};

fn header_of(problem: Problem, name: impl http::header::AsHeaderName) -> Option<String> {
    let response = problem.into_response();
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap().to_owned())
}

#[test]
fn the_body_has_the_members_of_the_rfc_and_nothing_can_replace_them() {
    let problem = Problem::conflict("taken")
        .member("status", 200)
        .member("field", "email");
    assert_eq!(
        problem.body(),
        serde_json::json!({"type": "about:blank", "title": "Conflict", "status": 409, "detail": "taken", "field": "email"})
    );
    assert_eq!(
        header_of(problem, header::CONTENT_TYPE).as_deref(),
        Some("application/problem+json")
    );
}

#[test]
fn a_401_has_a_challenge_even_when_nobody_set_one() {
    let problem = Problem::new(StatusCode::UNAUTHORIZED);
    assert_eq!(
        header_of(problem, header::WWW_AUTHENTICATE).as_deref(),
        Some(r#"Bearer realm="portcullis""#)
    );
}

#[test]
fn nothing_ends_the_quotes_of_a_challenge() {
    let challenge = Challenge::new("a").invalid_token("x\", scope=\"admin\\\r\nä");
    assert_eq!(
        challenge.to_header(),
        r#"Bearer realm="a", error="invalid_token", error_description="x', scope='admin'???""#
    );
}

#[test]
fn a_403_says_what_is_needed_and_what_there_is() {
    let requirement = Requirement::AnyOf(vec![
        Requirement::Role("editor"),
        Requirement::AllOf(vec![Requirement::Scope("b"), Requirement::Scope("a")]),
        Requirement::Scope("a"),
    ]);
    let roles = ["viewer".to_owned()];
    let problem = Problem::insufficient(
        "r",
        Lacking {
            requirement: &requirement,
            roles: &roles,
            single_role: Some("viewer".to_owned()),
        },
    );
    assert_eq!(
        problem.body(),
        serde_json::json!({
            "type": "about:blank", "title": "Forbidden", "status": 403,
            "detail": "This needs any of (role editor, all of (scope b, scope a), scope a).",
            "error": "insufficient_scope", "required_roles": ["editor"], "required_scopes": ["a", "b"],
            "current_roles": ["viewer"], "current_role": "viewer",
        })
    );
    assert_eq!(
        header_of(problem, header::WWW_AUTHENTICATE).as_deref(),
        Some(r#"Bearer realm="r", error="insufficient_scope", scope="a b""#)
    );
}

#[test]
fn a_429_says_when_to_come_back_rounded_up() {
    let clock = Arc::new(MovableClock::default());
    let limiter = Limiter::new(100, Arc::clone(&clock) as Arc<dyn Clock>, &SystemRng);
    let rule = Rule::new("login", "1/minute".parse().unwrap());
    assert!(limiter.check(&rule, b"key").allowed);
    clock.advance(Duration::from_millis(5_999));
    let refused = limiter.check(&rule, b"key");
    let response = Problem::too_many_requests(refused).into_response();
    assert_eq!(response.headers()["retry-after"], "55");
    assert_eq!(response.headers()["ratelimit-policy"], r#""login";q=1;w=60"#);
    assert_eq!(response.headers()["ratelimit"], r#""login";r=0;t=55"#);
}

#[test]
fn a_503_never_asks_to_retry_at_once() {
    assert_eq!(
        header_of(Problem::unavailable(Duration::ZERO), header::RETRY_AFTER).as_deref(),
        Some("1")
    );
}

#[test]
fn an_internal_error_is_not_shown() {
    let problem = Problem::internal(&std::io::Error::other("SELECT secret FROM /var/lib"));
    assert!(!problem.body().to_string().contains("SELECT"));
}
