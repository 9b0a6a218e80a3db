use super::*;
use crate::openapi::Documentation;

async fn connect(issuer: Issuer) -> Result<Remote, String> {
    let builder = Remote::builder()
        .issuer(issuer)
        .clock(Arc::new(MovableClock::default()));
    builder.connect().await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn an_issuer_is_known_by_its_url_alone() {
    let signer = Signer::new(Algorithm::RS256);
    let idp = StandIn::good(&signer).await;
    let remote = connect(idp.issuer()).await.unwrap();
    let app = app(remote.clone());
    let token = signer.token(&idp.url, json!({ "scope": "tasks:read" }));
    for path in ["/me", "/tasks"] {
        assert_eq!(ask(&app, path, &token).await, 200);
    }
    assert_eq!(ask(&app, "/editors", &token).await, 403);
    assert_eq!(idp.fetches(), 1, "and nobody is asked for each token");

    let gate = Gate::<(), _>::new(remote)
        .route("/tasks", get(async |_: Allow<Read, RemoteUser>| ()))
        .documented(Documentation::new("Tasks", "1"));
    let document = serde_json::to_value(gate.openapi().unwrap()).unwrap();
    assert_eq!(
        document["components"]["securitySchemes"]["openIdConnect"]["openIdConnectUrl"],
        format!("{}/.well-known/openid-configuration", idp.url)
    );
    assert_eq!(
        document["paths"]["/tasks"]["get"]["security"],
        json!([{ "bearerAuth": [] }, { "openIdConnect": ["tasks:read"] }])
    );
}

#[tokio::test]
async fn who_calls_itself_otherwise_is_not_believed() {
    let signer = Signer::new(Algorithm::ES256);
    let idp = StandIn::good(&signer).await;
    for other in [format!("{}/", idp.url), "https://evil.example".to_owned()] {
        let description = json!({ "issuer": other, "jwks_uri": format!("{}/keys", idp.url) });
        *idp.shared.description.lock().unwrap() = Some(description);
        let error = connect(idp.issuer()).await.err().unwrap();
        assert!(error.contains(&format!("`{other}`")), "{error}");
    }
    for wrong in [
        json!({ "issuer": idp.url }),
        json!([1]),
        json!({ "issuer": idp.url, "jwks_uri": "ftp://x" }),
    ] {
        *idp.shared.description.lock().unwrap() = Some(wrong);
        assert!(connect(idp.issuer()).await.is_err());
    }
    *idp.shared.description.lock().unwrap() = None;
    assert!(connect(idp.issuer()).await.err().unwrap().contains("404"));
    assert_eq!(idp.fetches(), 0);
}

#[tokio::test]
async fn what_is_inside_is_asked_only_when_that_is_allowed() {
    let signer = Signer::new(Algorithm::ES256);
    let idp = StandIn::good(&signer).await;
    // By its address, and by a name that leads there.
    for url in [idp.url.clone(), idp.url.replace("127.0.0.1", "localhost")] {
        let issuer = Issuer::jwks("https://idp.example", format!("{url}/keys")).audience(AUDIENCE);
        let error = connect(issuer).await.err().unwrap();
        assert!(error.contains("allow_private_addresses"), "{error}");
    }
    assert_eq!(idp.fetches(), 0);
}

#[tokio::test]
async fn two_issuers_with_keys_of_one_name_are_told_apart() {
    let mut signers = [Algorithm::ES256, Algorithm::ES256].map(Signer::new);
    for signer in &mut signers {
        "1".clone_into(&mut signer.kid);
    }
    let idps = [StandIn::good(&signers[0]).await, StandIn::good(&signers[1]).await];
    let remote = Remote::builder()
        .issuer(idps[0].issuer())
        .issuer(idps[1].issuer())
        .clock(Arc::new(MovableClock::default()))
        .connect()
        .await
        .unwrap();
    let app = app(remote);
    for (at, signer) in signers.iter().enumerate() {
        let own = signer.token(&idps[at].url, json!({}));
        let others = signer.token(&idps[1 - at].url, json!({}));
        assert_eq!(ask(&app, "/me", &own).await, 200);
        assert_eq!(ask(&app, "/me", &others).await, 401);
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let (old, new) = (Signer::new(Algorithm::ES256), Signer::new(Algorithm::ES256));
    let idp = StandIn::good(&old).await;
    let clock = Arc::new(MovableClock::default());
    let builder = Remote::builder()
        .issuer(idp.issuer())
        .clock(Arc::<MovableClock>::clone(&clock));
    let app = app(builder.connect().await.unwrap());
    idp.becomes(Mode::Keys(new.jwks(), "no-store"));
    let token = new.token(&idp.url, json!({}));
    assert_eq!(ask(&app, "/me", &token).await, 401, "asked a moment ago");
    assert_eq!(idp.fetches(), 1);
    clock.advance(seconds(10));
    assert_eq!(ask(&app, "/me", &token).await, 200);
    assert_eq!(idp.fetches(), 2);
    // The old one is not published any more.
    assert_eq!(ask(&app, "/me", &old.token(&idp.url, json!({}))).await, 401);
}

/// As when somebody has put a description of their own there for a moment, and goes on answering at its address.
#[tokio::test]
async fn a_description_is_believed_no_longer_than_the_keys_to_which_it_led() {
    let (stranger, own) = (Signer::new(Algorithm::ES256), Signer::new(Algorithm::ES256));
    let (other, idp) = (StandIn::good(&stranger).await, StandIn::good(&own).await);
    let honest = idp.shared.description.lock().unwrap().clone();
    let false_one = json!({ "issuer": idp.url, "jwks_uri": format!("{}/keys", other.url) });
    *idp.shared.description.lock().unwrap() = Some(false_one);
    let clock = Arc::new(MovableClock::default());
    let builder = Remote::builder()
        .issuer(idp.issuer())
        .clock(Arc::<MovableClock>::clone(&clock));
    let app = app(builder.connect().await.unwrap());
    let (false_token, token) = (
        stranger.token(&idp.url, json!({})),
        own.token(&idp.url, json!({})),
    );
    assert_eq!(ask(&app, "/me", &false_token).await, 200);
    *idp.shared.description.lock().unwrap() = honest;
    clock.advance(seconds(10));
    assert_eq!(ask(&app, "/me", &token).await, 200);
    assert_eq!(ask(&app, "/me", &false_token).await, 401);
}
