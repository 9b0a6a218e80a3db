//! Tokens that nobody may believe, in front of a whole server.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis_core::clock::SystemClock;
use portcullis_testkit::{
    client::{Answer, Client},
    hostile::{Target, hostile_tokens},
    people::Member,
    server::{ISSUER, Local, Setup, configuration},
};
use reqwest::{Method, header::AUTHORIZATION};

use crate::start;

on_both!(
    the_binary_refuses_forged_tokens,
    truly_signed_but_wrong_is_refused_as_well
);

/// Listens where hostile headers point, and counts who comes.
struct Trap {
    url: String,
    visits: Arc<AtomicUsize>,
}

impl Trap {
    async fn set() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys.json", listener.local_addr().unwrap());
        let visits = Arc::new(AtomicUsize::new(0));
        let counter = visits.clone();
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { url, visits }
    }
}

/// Shows a token, whatever bytes it has.
async fn show(client: &Client, token: &str) -> Answer {
    let value = [b"Bearer ", token.as_bytes()].concat();
    let value = reqwest::header::HeaderValue::from_bytes(&value).expect("fits into a header");
    client
        .send(client.request(Method::GET, "/me").header(AUTHORIZATION, value))
        .await
}

async fn all_are_refused(client: &Client, cases: Vec<(String, String)>, trap: &Trap) {
    assert!(cases.len() >= 40, "{} cases are no corpus", cases.len());
    let mut taken = Vec::new();
    for (what, token) in cases {
        let answer = show(client, &token).await;
        let invalid = answer
            .header("www-authenticate")
            .contains("error=\"invalid_token\"");
        if answer.status != 401 || !invalid {
            taken.push(format!(
                "{what}: {} {}",
                answer.status,
                answer.header("www-authenticate")
            ));
        }
    }
    assert!(taken.is_empty(), "{taken:#?}");
    assert_eq!(
        trap.visits.load(Ordering::SeqCst),
        0,
        "somebody fetched a key from an attacker"
    );
}

async fn the_binary_refuses_forged_tokens(setup: Setup) {
    let app = start(setup).await;
    let (ada, trap) = (app.register("ada").await, Trap::set().await);
    let jwks = app.client().get("/.well-known/jwks.json").await.expect(200).body;
    let mut cases = hostile_tokens(&Target {
        jwks: &jwks,
        token: &ada.tokens.access_token,
        issuer: ISSUER,
        audience: ISSUER,
        trap: &trap.url,
        sign: None,
    });
    cases.push(("refresh token".to_owned(), ada.tokens.refresh_token.clone()));
    cases.extend(
        ada.tokens
            .device_token
            .clone()
            .map(|token| ("device token".to_owned(), token)),
    );
    all_are_refused(&app.client(), cases, &trap).await;
    ada.me().await.expect(200);
    assert!(!app.process.log().contains("panicked"), "{}", app.process.log());
}

async fn truly_signed_but_wrong_is_refused_as_well(setup: Setup) {
    let app = Local::start(setup.engine, Arc::new(SystemClock), configuration()).await;
    let (ada, trap) = (Member::register(&app.client(), "ada").await, Trap::set().await);
    let jwks = app.client().get("/.well-known/jwks.json").await.expect(200).body;
    let ring = app.authority.keys().ring().current();
    let sign = |header: &str, claims: &str| {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = ring
            .active()
            .expect("a key")
            .sign(signed.as_bytes())
            .expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let cases = hostile_tokens(&Target {
        jwks: &jwks,
        token: &ada.tokens.access_token,
        issuer: ISSUER,
        audience: ISSUER,
        trap: &trap.url,
        sign: Some(&sign),
    });
    all_are_refused(&app.client(), cases, &trap).await;
    // What the test signs with is the right key: only what is wrong in each case is refused.
    let (header, claims) = portcullis_testkit::jwt::decode(&ada.tokens.access_token);
    show(&app.client(), &sign(&header.to_string(), &claims.to_string()))
        .await
        .expect(200);
}
