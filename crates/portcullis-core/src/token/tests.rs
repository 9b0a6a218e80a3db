use std::{sync::Arc, time::Duration};

use secrecy::ExposeSecret;

use super::*;
use crate::{
    access::Principal,
    clock::Timestamp,
    id::{SessionId, TokenId, UserId},
    key::{KeyRing, RingSnapshot, SigningKey},
    rng::SystemRng,
};

const ISSUER: &str = "https://auth.example.com";
const AUDIENCE: &str = "https://api.example.com";

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_767_225_600)
}

fn principal() -> Principal {
    Principal {
        user: UserId::generate(now(), &SystemRng),
        session: SessionId::generate(now(), &SystemRng),
        token: TokenId::generate(now(), &SystemRng),
        roles: vec!["admin".parse().unwrap(), "user".parse().unwrap()],
        scopes: vec!["admin".parse().unwrap(), "me".parse().unwrap()],
        narrowed: true,
        issued_at: now(),
        expires_at: now() + Duration::from_secs(900),
        token_epoch: 1,
        session_epoch: 2,
        roles_epoch: 3,
    }
}

fn key(algorithm: Algorithm) -> Arc<SigningKey> {
    Arc::new(if algorithm.is_symmetric() {
        SigningKey::from_secret(algorithm, &[7; 64]).unwrap()
    } else {
        SigningKey::generate(algorithm).unwrap()
    })
}

fn verifier(ring: &Arc<KeyRing>) -> Verifier {
    Verifier::new(
        VerifierConfig {
            issuer: ISSUER.into(),
            audience: AUDIENCE.into(),
            leeway: DEFAULT_LEEWAY,
            cache_capacity: 16,
        },
        Arc::clone(ring),
    )
}

fn token(ring: &Arc<KeyRing>, principal: &Principal) -> String {
    let claims = AccessClaims {
        issuer: ISSUER,
        audience: AUDIENCE,
        client_id: "portcullis",
        principal,
    };
    let token = Signer::new(Arc::clone(ring)).sign(&claims).unwrap();
    token.secret().expose_secret().to_owned()
}

#[test]
fn every_algorithm_round_trips() {
    for algorithm in Algorithm::ALL {
        let ring = Arc::new(KeyRing::new(RingSnapshot::signing(key(algorithm), &[])));
        let principal = principal();
        let verified = verifier(&ring).verify(&token(&ring, &principal), now()).unwrap();
        assert_eq!(*verified.principal, principal, "{algorithm}");
    }
}
