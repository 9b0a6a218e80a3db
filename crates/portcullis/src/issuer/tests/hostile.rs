use super::*;
use crate::provider::{AuthError, AuthProvider as _};

async fn connected(signer: &Signer) -> (StandIn, Remote, Arc<MovableClock>) {
    let idp = StandIn::good(signer).await;
    let clock = Arc::new(MovableClock::default());
    let builder = Remote::builder()
        .issuer(idp.issuer())
        .clock(Arc::<MovableClock>::clone(&clock));
    let remote = builder.connect().await.unwrap();
    (idp, remote, clock)
}

/// What can be said of the token without waiting for anybody.
fn now(remote: &Remote, token: &str) -> Option<Result<(), AuthError>> {
    let (parts, ()) = Request::get("/")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(())
        .unwrap()
        .into_parts();
    remote.authenticate_now(&parts).map(|said| said.map(drop))
}

async fn flood(remote: &Remote, issuer: &str, round: usize) -> Vec<Result<RemoteUser, AuthError>> {
    let calls = (0..10_000).map(|number| {
        let (remote, token) = (remote.clone(), with_kid(issuer, &format!("{round}-{number}")));
        tokio::spawn(async move { remote.verify(&token).await })
    });
    let mut answers = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        answers.push(call.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn a_flood_of_unknown_keys_causes_one_fetch_in_an_interval() {
    let signer = Signer::new(Algorithm::ES256);
    let (idp, remote, clock) = connected(&signer).await;
    let good = signer.token(&idp.url, json!({}));
    for round in 0..3 {
        let answers = flood(&remote, &idp.url, round).await;
        assert!(
            answers
                .iter()
                .all(|answer| matches!(answer, Err(AuthError::Invalid { .. })))
        );
        assert_eq!(idp.fetches(), 1 + round, "in round {round}");
        assert_eq!(now(&remote, &good), Some(Ok(())));
        clock.advance(seconds(11));
    }
}

#[tokio::test]
async fn an_issuer_that_hangs_slows_nobody_whose_key_is_known() {
    let signer = Signer::new(Algorithm::ES256);
    let (idp, remote, clock) = connected(&signer).await;
    let good = signer.token(&idp.url, json!({}));
    let fresh = signer.token(&idp.url, json!({ "jti": "not seen before" }));
    idp.becomes(Mode::Hang);
    clock.advance(seconds(11));
    let waiting = {
        let (remote, issuer) = (remote.clone(), idp.url.clone());
        tokio::spawn(async move { flood(&remote, &issuer, 0).await })
    };
    while idp.fetches() < 2 {
        assert_eq!(now(&remote, &good), Some(Ok(())));
        tokio::task::yield_now().await;
    }
    assert_eq!(now(&remote, &fresh), Some(Ok(())), "while the fetch hangs");
    // Nobody can tell: which is never "not logged in".
    assert!(
        waiting
            .await
            .unwrap()
            .iter()
            .all(|answer| matches!(answer, Err(AuthError::Unavailable { .. })))
    );
    assert_eq!(idp.fetches(), 2);
    assert_eq!(now(&remote, &good), Some(Ok(())));
}

#[tokio::test]
async fn whatever_else_an_issuer_sends_is_no_key() {
    let signer = Signer::new(Algorithm::ES256);
    let idp = StandIn::good(&signer).await;
    for (mode, says) in [
        (Mode::Huge, "longer than"),
        (Mode::Text("<html>not today</html>"), "not a usable key"),
        (Mode::Text(r#"{"keys":[]}"#), "no key in the set"),
        (
            Mode::Text(
                r#"{"keys":[{"kty":"oct","kid":"1","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#,
            ),
            "no key in the set",
        ),
        (Mode::Status(StatusCode::INTERNAL_SERVER_ERROR), "500"),
        (
            Mode::Redirect("http://169.254.169.254/latest/meta-data".to_owned()),
            "redirect leads elsewhere",
        ),
        (
            Mode::Redirect("http://127.0.0.1:1/keys".to_owned()),
            "redirect leads elsewhere",
        ),
        (
            Mode::Redirect("https://evil.example/keys".to_owned()),
            "redirect leads elsewhere",
        ),
        (Mode::Redirect("/keys".to_owned()), "redirects"),
    ] {
        idp.becomes(mode);
        let builder = Remote::builder()
            .issuer(idp.issuer())
            .clock(Arc::new(MovableClock::default()));
        let error = builder.connect().await.err().unwrap().to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
    // Within one host it may move.
    idp.becomes(Mode::Redirect("/moved".to_owned()));
    let builder = Remote::builder()
        .issuer(idp.issuer())
        .clock(Arc::new(MovableClock::default()));
    assert!(builder.connect().await.is_ok());
}

#[tokio::test]
async fn the_last_keys_survive_an_outage_for_a_day() {
    let signer = Signer::new(Algorithm::ES256);
    let (idp, remote, clock) = connected(&signer).await;
    let good = signer.token(&idp.url, json!({}));
    idp.becomes(Mode::Text("garbage"));
    for hour in 0..24 {
        assert_eq!(now(&remote, &good), Some(Ok(())), "after {hour} hours");
        // Causes a fetch, and waits for it.
        let refused = remote.verify(&with_kid(&idp.url, "other")).await.err();
        assert!(
            hour == 0 || refused == Some(AuthError::unavailable()),
            "{refused:?}"
        );
        clock.advance(seconds(3600));
    }
    assert_eq!(idp.fetches(), 24);
    assert_eq!(remote.verify(&good).await.err(), Some(AuthError::unavailable()));
    idp.becomes(Mode::Keys(signer.jwks(), ""));
    clock.advance(seconds(11));
    assert!(remote.verify(&good).await.is_ok(), "and come back with it");
}

#[tokio::test]
async fn without_keys_nobody_can_tell() {
    let signer = Signer::new(Algorithm::ES256);
    let idp = StandIn::start(Mode::Status(StatusCode::BAD_GATEWAY)).await;
    let clock = Arc::new(MovableClock::default());
    let builder = Remote::builder()
        .issuer(idp.issuer())
        .clock(Arc::<MovableClock>::clone(&clock));
    let app = app(builder.start().unwrap());
    let good = signer.token(&idp.url, json!({}));
    assert_eq!(ask(&app, "/me", &good).await, 503);
    idp.becomes(Mode::Keys(signer.jwks(), ""));
    clock.advance(seconds(11));
    assert_eq!(ask(&app, "/me", &good).await, 200);
    // What is wrong without any key is said at once.
    assert_eq!(ask(&app, "/me", "garbage").await, 401);
}

#[tokio::test]
async fn keys_are_refreshed_before_they_are_old() {
    let signer = Signer::new(Algorithm::ES256);
    let (idp, remote, clock) = connected(&signer).await;
    clock.advance(seconds(224));
    let keeper = remote.keeper(0);
    keeper.wake();
    tokio::task::yield_now().await;
    assert_eq!(idp.fetches(), 1, "not yet");
    clock.advance(seconds(2));
    let end = keeper.next_end();
    keeper.wake();
    end.wait().await;
    assert_eq!(idp.fetches(), 2, "without any request");
}
