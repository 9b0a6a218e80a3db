use super::*;
use crate::{access::Caller, provider::AuthError};

const ISSUER: &str = "https://idp.example/realms/app";

fn remote(signer: &Signer, change: impl FnOnce(Issuer) -> Issuer) -> Remote {
    let issuer = Issuer::keys(ISSUER, signer.set()).audience(AUDIENCE);
    Remote::builder()
        .issuer(change(issuer))
        .clock(Arc::new(MovableClock::default()))
        .start()
        .unwrap()
}

#[tokio::test]
async fn the_gate_asks_for_what_the_claims_grant() {
    let signer = Signer::new(Algorithm::ES256);
    let app = app(remote(&signer, Issuer::roles::<Role>));
    let token = |more| signer.token(ISSUER, more);
    let cases = [
        (json!({}), [200, 403, 403]),
        (
            json!({ "roles": ["editor"], "scp": "openid tasks:read" }),
            [200, 200, 200],
        ),
        (json!({ "roles": ["admin"] }), [200, 200, 403]),
        (
            json!({ "scope": "tasks:readonly", "groups": ["admin"] }),
            [200, 403, 403],
        ),
        (json!({ "roles": 7 }), [401, 401, 401]),
        (json!({ "aud": "https://other.example" }), [401, 401, 401]),
    ];
    for (claims, expected) in cases {
        let token = token(claims.clone());
        for (path, status) in ["/me", "/editors", "/tasks"].into_iter().zip(expected) {
            assert_eq!(ask(&app, path, &token).await, status, "{claims} {path}");
        }
    }
    assert_eq!(ask(&app, "/me", "opaque").await, 401);
    // Keys that are fixed have nobody to ask for others.
    assert_eq!(ask(&app, "/me", &with_kid(ISSUER, "other")).await, 401);
}

#[tokio::test]
async fn claims_are_read_as_was_said() {
    let signer = Signer::new(Algorithm::EdDSA);
    let keycloak = remote(&signer, |issuer| {
        issuer.roles::<Role>().claims(ClaimRules::keycloak("tasks"))
    });
    let claims = json!({
        "azp": "web",
        "roles": ["admin"],
        "resource_access": { "tasks": { "roles": ["editor"] }, "other": { "roles": ["admin"] } },
    });
    let user = keycloak.verify(&signer.token(ISSUER, claims)).await.unwrap();
    assert_eq!(user.roles, ["editor"]);
    assert_eq!(user.client.as_deref(), Some("web"));
    assert_eq!(Caller::id(&user), "https://idp.example/realms/app ada");
    assert!(
        !format!("{user:?}").contains("resource_access"),
        "claims stay out of logs"
    );

    let own = remote(&signer, |issuer| {
        issuer.claims_by(|claims| Granted {
            roles: vec![format!(
                "{}-{}",
                claims["tenant"].as_str().unwrap_or("none"),
                claims["level"]
            )],
            scopes: Vec::new(),
        })
    });
    let user = own
        .verify(&signer.token(ISSUER, json!({ "tenant": "acme", "level": 3 })))
        .await;
    assert_eq!(user.unwrap().roles, ["acme-3"]);
}

#[test]
fn what_cannot_be_meant_is_refused_at_the_start() {
    let signer = Signer::new(Algorithm::ES256);
    let issuer = |name: &str, audience: &str| Issuer::keys(name, signer.set()).audience(audience);
    assert!(matches!(Remote::builder().start(), Err(IssuerError::NoIssuer)));
    for (builder, says) in [
        (Remote::builder().issuer(issuer("", AUDIENCE)), "no name"),
        (Remote::builder().issuer(issuer("a b", AUDIENCE)), "no name"),
        (Remote::builder().issuer(issuer(ISSUER, "")), "audience"),
        (
            Remote::builder()
                .issuer(issuer(ISSUER, "a"))
                .issuer(issuer(ISSUER, "b")),
            "twice",
        ),
        (
            Remote::builder().issuer(Issuer::discover("http://idp.example").audience("a")),
            "neither https nor",
        ),
        (
            Remote::builder().issuer(Issuer::discover("idp.example").audience("a")),
            "no https URL",
        ),
        (
            Remote::builder().issuer(Issuer::jwks(ISSUER, "file:///keys").audience("a")),
            "no https URL",
        ),
        (
            Remote::builder().issuer(Issuer::discover(ISSUER).audience("a")),
            "Tokio runtime",
        ),
    ] {
        let error = builder
            .start()
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_ends_with_the_token() {
    let clock = Arc::new(MovableClock::default());
    let signer = Signer::new(Algorithm::ES256);
    let remote = Remote::builder()
        .issuer(Issuer::keys(ISSUER, signer.set()).audience(AUDIENCE))
        .clock(Arc::<MovableClock>::clone(&clock))
        .start()
        .unwrap();
    let exp = clock.now().unix_seconds() + 60;
    let user = remote
        .verify(&signer.token(ISSUER, json!({ "exp": exp })))
        .await
        .unwrap();
    let ended = tokio::spawn(user.ended());
    tokio::time::sleep(seconds(100)).await;
    assert!(!ended.is_finished(), "by the clock that was given");
    clock.advance(seconds(60));
    assert_eq!(ended.await.unwrap(), Ended::Expired);
}

#[tokio::test]
async fn a_refusal_says_what_is_wrong() {
    let signer = Signer::new(Algorithm::ES256);
    let remote = remote(&signer, |issuer| issuer);
    let other = signer.token("https://evil.example", json!({}));
    assert_eq!(
        remote.verify(&other).await.err(),
        Some(AuthError::invalid("the token is from another issuer"))
    );
}
