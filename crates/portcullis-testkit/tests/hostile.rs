//! The hostile corpus against the verifier itself, with each algorithm.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{collections::HashSet, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis_core::{
    access::Principal,
    clock::Timestamp,
    id::{SessionId, TokenId, UserId},
    key::{KeyRing, RingSnapshot, SigningKey},
    rng::SystemRng,
    token::{AccessClaims, Algorithm, DEFAULT_LEEWAY, Signer, Verifier, VerifierConfig, inspect},
};
use portcullis_testkit::{
    hostile::{Sign, Target, hostile_tokens},
    jwt,
};
use secrecy::ExposeSecret;

const ISSUER: &str = "https://auth.example.com";
const AUDIENCE: &str = "https://api.example.com";

struct Server {
    key: Arc<SigningKey>,
    jwks: String,
    verifier: Verifier,
    token: String,
    now: Timestamp,
}

impl Server {
    fn new(algorithm: Algorithm) -> Self {
        let key = Arc::new(if algorithm.is_symmetric() {
            SigningKey::from_secret(
                algorithm,
                b"a shared secret of 64 bytes, as long as the longest of the hashes",
            )
            .unwrap()
        } else {
            SigningKey::generate(algorithm).unwrap()
        });
        let snapshot = RingSnapshot::signing(Arc::clone(&key), &[]);
        let jwks = String::from_utf8(snapshot.jwks().to_vec()).unwrap();
        let ring = Arc::new(KeyRing::new(snapshot));
        let now = Timestamp::from_unix_seconds(1_767_225_600);
        let principal = Principal {
            user: UserId::generate(now, &SystemRng),
            session: SessionId::generate(now, &SystemRng),
            token: TokenId::generate(now, &SystemRng),
            roles: vec!["user".parse().unwrap()],
            scopes: vec!["me".parse().unwrap()],
            narrowed: false,
            issued_at: now,
            expires_at: now + Duration::from_secs(900),
            token_epoch: 0,
            session_epoch: 0,
            roles_epoch: 0,
        };
        let claims = AccessClaims {
            issuer: ISSUER,
            audience: AUDIENCE,
            client_id: "portcullis",
            principal: &principal,
        };
        let token = Signer::new(Arc::clone(&ring)).sign(&claims).unwrap();
        let config = VerifierConfig {
            issuer: ISSUER.into(),
            audience: AUDIENCE.into(),
            leeway: DEFAULT_LEEWAY,
            cache_capacity: 100,
        };
        Self {
            key,
            jwks,
            verifier: Verifier::new(config, ring),
            token: token.secret().expose_secret().to_owned(),
            now,
        }
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = self.key.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

#[test]
fn every_hostile_token_is_refused() {
    for algorithm in Algorithm::ALL {
        let server = Server::new(algorithm);
        let sign = |header: &str, claims: &str| server.sign(header, claims);
        // What the corpus changes is good before it is changed, truly signed too.
        let (header, claims) = jwt::decode(&server.token);
        for good in [
            server.token.clone(),
            sign(&header.to_string(), &claims.to_string()),
        ] {
            assert!(server.verifier.verify(&good, server.now).is_ok(), "{algorithm}");
        }
        for sign in [None, Some(&sign as Sign<'_>)] {
            let cases = hostile_tokens(&Target {
                jwks: &server.jwks,
                token: &server.token,
                issuer: ISSUER,
                audience: AUDIENCE,
                trap: "http://127.0.0.1:9/jwks.json",
                sign,
            });
            let mut names = HashSet::new();
            for (name, token) in &cases {
                assert!(names.insert(name), "two cases are called `{name}`");
                assert!(
                    token
                        .bytes()
                        .all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)),
                    "{name} does not fit into a header"
                );
                let verified = server.verifier.verify(token, server.now);
                assert!(verified.is_err(), "{algorithm}: {name} was believed: {token}");
                let found = inspect(token, server.now);
                assert!(
                    found.signature_bytes.is_some() || !found.problems.is_empty(),
                    "{name}"
                );
            }
            assert!(cases.len() > 200, "{}", cases.len());
        }
    }
}
