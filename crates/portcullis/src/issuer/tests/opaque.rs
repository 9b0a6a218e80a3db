use secrecy::SecretString;

use super::*;
use crate::provider::AuthError;

const TOKEN: &str = "2YotnFZFEjr1zCsicMWpAA";

async fn start() -> (StandIn, Remote, Arc<MovableClock>) {
    let idp = StandIn::start(Mode::Status(StatusCode::NOT_FOUND)).await;
    let clock = Arc::new(MovableClock::default());
    let url = format!("{}/introspect", idp.url);
    let issuer = Issuer::opaque(idp.url.as_str())
        .audience(AUDIENCE)
        .allow_private_addresses()
        .opaque_tokens(Introspection::at(url, "task s", SecretString::from("a:b")));
    let remote = Remote::builder()
        .issuer(issuer)
        .clock(Arc::<MovableClock>::clone(&clock))
        .start()
        .unwrap();
    (idp, remote, clock)
}

impl StandIn {
    fn says(&self, answer: impl IntoResponse) {
        *self.shared.says.lock().unwrap() = answer.into_response();
    }

    fn asked(&self) -> usize {
        self.shared.asked.lock().unwrap().len()
    }

    /// Says that a token is good for two minutes, but for these members.
    fn says_active(&self, clock: &MovableClock, more: &Value) {
        let exp = clock.now().unix_seconds() + 120;
        let mut answer =
            json!({ "active": true, "aud": AUDIENCE, "sub": "ada", "exp": exp, "scope": "tasks:read" });
        for (name, value) in more.as_object().unwrap() {
            answer[name] = value.clone();
        }
        self.says(axum::Json(answer));
    }
}

#[tokio::test]
async fn the_issuer_is_asked_once_in_a_while() {
    let (idp, remote, clock) = start().await;
    let app = app(remote);
    idp.says_active(&clock, &json!({}));
    for path in ["/me", "/tasks"] {
        assert_eq!(ask(&app, path, TOKEN).await, 200);
    }
    assert_eq!(ask(&app, "/editors", TOKEN).await, 403);
    let asked = idp.shared.asked.lock().unwrap().clone();
    // RFC 6749, section 2.3.1: both halves are encoded before they are joined.
    let expected = "Basic dGFzayUyMHM6YSUzQWI=".to_owned();
    assert_eq!(
        asked,
        [(expected, format!("token={TOKEN}&token_type_hint=access_token"))]
    );

    clock.advance(seconds(10));
    idp.says(axum::Json(json!({ "active": false })));
    assert_eq!(ask(&app, "/me", TOKEN).await, 401, "revoked since");
    assert_eq!(ask(&app, "/me", TOKEN).await, 401);
    assert_eq!(idp.asked(), 2, "a refusal is kept too");
}

#[tokio::test]
async fn what_is_for_others_or_for_ever_is_refused() {
    let (idp, remote, clock) = start().await;
    for (number, wrong) in [
        json!({ "aud": "https://other.example" }),
        json!({ "aud": null }),
        json!({ "iss": "https://evil.example" }),
        json!({ "exp": null }),
        json!({ "exp": 1_000_000_000 }),
        json!({ "sub": 7 }),
        json!({ "cnf": {} }),
        json!({ "token_use": "refresh_token" }),
    ]
    .into_iter()
    .enumerate()
    {
        idp.says_active(&clock, &wrong);
        let refused = remote.verify(&format!("{TOKEN}{number}")).await.err();
        assert!(
            matches!(refused, Some(AuthError::Invalid { .. })),
            "{wrong}: {refused:?}"
        );
    }
    idp.says_active(&clock, &json!({ "iss": idp.url }));
    let user = remote.verify(TOKEN).await.unwrap();
    assert_eq!((user.subject.as_str(), &*user.issuer), ("ada", idp.url.as_str()));
}

#[tokio::test]
async fn who_does_not_answer_has_not_said_no() {
    let (idp, remote, clock) = start().await;
    let answers: [Response; 5] = [
        StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        StatusCode::UNAUTHORIZED.into_response(),
        "<html>".into_response(),
        axum::Json(json!({ "active": "true" })).into_response(),
        // Where it leads to, the token would be shown.
        (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/keys")]).into_response(),
    ];
    let count = answers.len();
    for answer in answers {
        idp.says(answer);
        assert_eq!(remote.verify(TOKEN).await.err(), Some(AuthError::unavailable()));
    }
    assert_eq!(
        (idp.asked(), idp.fetches()),
        (count, 0),
        "and nothing of it is kept"
    );
    idp.says_active(&clock, &json!({}));
    assert!(remote.verify(TOKEN).await.is_ok());
}

#[tokio::test]
async fn a_token_that_names_its_issuer_is_shown_to_nobody() {
    let (idp, remote, _) = start().await;
    let signer = Signer::new(Algorithm::ES256);
    for issuer in ["https://other.example", idp.url.as_str()] {
        let refused = remote.verify(&signer.token(issuer, json!({}))).await.err();
        assert!(matches!(refused, Some(AuthError::Invalid { .. })), "{refused:?}");
    }
    // However its header is written: this one begins with a blank.
    let token = signer.token("https://other.example", json!({}));
    let (_, rest) = token.split_once('.').unwrap();
    let spaced = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(r#" { "alg": "ES256" }"#));
    assert!(!spaced.starts_with("eyJ"));
    let refused = remote.verify(&spaced).await.err();
    assert!(matches!(refused, Some(AuthError::Invalid { .. })), "{refused:?}");
    // Longer than any of them is.
    let refused = remote.verify(&"x".repeat(4097)).await.err();
    assert!(matches!(refused, Some(AuthError::Invalid { .. })), "{refused:?}");
    assert_eq!(idp.asked(), 0);

    let how = || {
        Introspection::at(
            "https://idp.example/introspect",
            "tasks",
            SecretString::from("secret"),
        )
    };
    let issuer = |name: &str| Issuer::opaque(name).audience(AUDIENCE);
    let both = Remote::builder()
        .issuer(issuer("https://a.example").opaque_tokens(how()))
        .issuer(issuer("https://b.example").opaque_tokens(how()));
    assert!(matches!(both.start(), Err(IssuerError::TwoForOpaque)));
    let none = Remote::builder().issuer(issuer("https://a.example"));
    assert!(matches!(none.start(), Err(IssuerError::NoIntrospection(_))));
}

/// An issuer that has taken the token once, and hangs for what it does not know.
#[tokio::test]
async fn garbage_does_not_take_the_places_of_those_who_have_logged_in() {
    let (idp, remote, clock) = start().await;
    idp.says_active(&clock, &json!({}));
    assert!(remote.verify(TOKEN).await.is_ok());
    clock.advance(seconds(10));
    *idp.shared.hangs_but_for.lock().unwrap() = Some(TOKEN);
    let floods: Vec<_> = (0..200)
        .map(|number| {
            let remote = remote.clone();
            tokio::spawn(async move { remote.verify(&format!("garbage{number}")).await.err() })
        })
        .collect();
    // All places of strangers are taken.
    while idp.asked() < 1 + 24 {
        tokio::task::yield_now().await;
    }
    idp.says_active(&clock, &json!({}));
    assert!(remote.verify(TOKEN).await.is_ok());
    for flood in floods {
        flood.abort();
    }
}
