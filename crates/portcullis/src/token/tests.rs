use http::{StatusCode, header};
use portcullis_core::clock::MovableClock;
use secrecy::ExposeSecret as _;

use super::*;
use crate::{problem::Problem, provider::AuthError};

fn tokens(clock: &Arc<MovableClock>) -> Tokens {
    let secret = SecretString::from("0123456789abcdef0123456789abcdef");
    Tokens::hs256(&secret)
        .unwrap()
        .lifetime(Duration::from_secs(60))
        .ports(Arc::<MovableClock>::clone(clock), Arc::new(SystemRng))
}

#[test]
fn a_token_lives_as_long_as_was_said() {
    let clock = Arc::new(MovableClock::default());
    let tokens = tokens(&clock);
    let issued = tokens.encode("alice", NoCustom {}).unwrap();
    let read = || tokens.decode(issued.token.expose_secret());
    assert_eq!(read(), Ok(issued.claims.clone()));
    clock.advance(Duration::from_secs(59));
    assert!(read().is_ok());
    clock.advance(Duration::from_secs(1));
    assert_eq!(read(), Err(TokenError::Expired));
}

#[test]
fn each_token_has_a_name_of_its_own() {
    let tokens = tokens(&Arc::default());
    let [first, second] = [0; 2].map(|_| tokens.encode("alice", NoCustom {}).unwrap().claims.id);
    assert_ne!(first, second);
}

#[test]
fn what_is_wrong_with_a_token_is_a_401_that_says_so() {
    let problem = axum::response::IntoResponse::into_response(Problem::from(TokenError::Expired));
    assert_eq!(problem.status(), StatusCode::UNAUTHORIZED);
    let challenge = problem.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.starts_with("Bearer ") && challenge.contains("invalid_token"));
    assert_eq!(
        AuthError::from(TokenError::Revoked),
        AuthError::invalid("the token was revoked")
    );
    assert_eq!(
        Problem::from(EncodeError::TooLong).status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

#[tokio::test]
async fn a_login_answers_with_it() {
    let issued = tokens(&Arc::default()).encode("alice", NoCustom {}).unwrap();
    let token = issued.token.expose_secret().to_owned();
    let response = axum::response::IntoResponse::into_response(issued);
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let body = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&body).unwrap(),
        serde_json::json!({"access_token": token, "token_type": "bearer", "expires_in": 60})
    );
}
