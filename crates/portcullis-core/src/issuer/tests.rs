use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    access::Holder,
    clock::{Clock, MovableClock},
    key::{JwkSet, SigningKey},
    token::{Algorithm, TokenError},
};

const ISSUER: &str = "https://idp.example/realms/app";
const AUDIENCE: &str = "https://api.example";

fn set(keys: &[&SigningKey]) -> JwkSet {
    let list: Vec<Value> = keys
        .iter()
        .map(|key| Value::Object(key.public_jwk().unwrap()))
        .collect();
    JwkSet::published(json!({ "keys": list }).to_string().as_bytes()).unwrap()
}

fn sign(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A good issuer, its key, and a clock.
struct Bench {
    key: SigningKey,
    clock: Arc<MovableClock>,
}

impl Bench {
    fn new(algorithm: Algorithm) -> Self {
        Self {
            key: SigningKey::generate(algorithm).unwrap(),
            clock: Arc::default(),
        }
    }

    fn header(&self) -> Value {
        json!({ "alg": self.key.algorithm().as_str(), "kid": **self.key.kid() })
    }

    fn claims(&self) -> Value {
        let now = self.clock.now().unix_seconds();
        json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": now + 600, "scope": "tasks:read", "roles": ["editor"] })
    }

    fn token(&self, change: impl FnOnce(&mut Value, &mut Value)) -> String {
        let (mut header, mut claims) = (self.header(), self.claims());
        change(&mut header, &mut claims);
        sign(&self.key, &header, &claims)
    }

    fn verifier(&self, trust: Trust) -> IssuerVerifier {
        let keys = Arc::new(IssuerKeys::fixed(set(&[&self.key])));
        let clock = Arc::<MovableClock>::clone(&self.clock);
        IssuerVerifier::new(vec![TrustedIssuer { trust, keys }], 1 << 20, clock)
    }
}

fn trust() -> Trust {
    Trust::new(ISSUER, AUDIENCE)
}

#[test]
fn each_algorithm_of_an_issuer_is_verified() {
    for algorithm in ALGORITHMS {
        let bench = Bench::new(algorithm);
        let found = bench.verifier(trust()).verify(&bench.token(|_, _| ())).unwrap();
        assert_eq!((&*found.issuer, found.subject.as_str()), (ISSUER, "ada"));
        assert!(found.has_role("editor") && found.has_scope("tasks:read"));
        assert!(!found.has_role("tasks:read") && !found.has_scope("editor"));
    }
}

#[test]
fn whatever_is_wrong_with_a_token_is_refused() {
    use TokenError as E;
    type Change = fn(&mut Value, &mut Value);
    let bench = Bench::new(Algorithm::RS256);
    let verifier = bench.verifier(trust());
    let cases: [(&str, Change, TokenError); 22] = [
        (
            "iss",
            |_, c| c["iss"] = json!("https://idp.example/realms/app/"),
            E::WrongIssuer,
        ),
        (
            "iss of another case",
            |_, c| c["iss"] = json!("https://IDP.example/realms/app"),
            E::WrongIssuer,
        ),
        ("no iss", |_, c| c["iss"] = json!(null), E::BadClaim("iss")),
        (
            "aud",
            |_, c| c["aud"] = json!(["https://other.example"]),
            E::WrongAudience,
        ),
        (
            "aud in part",
            |_, c| c["aud"] = json!("https://api.example/x"),
            E::WrongAudience,
        ),
        (
            "aud of two forms",
            |_, c| c["aud"] = json!([AUDIENCE, 1]),
            E::BadClaim("aud"),
        ),
        ("expired", |_, c| c["exp"] = json!(1_000_000_000), E::Expired),
        (
            "exp as text",
            |_, c| c["exp"] = json!("1900000000"),
            E::BadClaim("exp"),
        ),
        (
            "not yet",
            |_, c| c["nbf"] = json!(4_000_000_000_i64),
            E::NotYetValid,
        ),
        ("sub", |_, c| c["sub"] = json!(""), E::BadClaim("sub")),
        (
            "a sub that writes lines",
            |_, c| c["sub"] = json!("a\nb"),
            E::BadClaim("sub"),
        ),
        (
            "another algorithm of the key",
            |h, _| h["alg"] = json!("PS256"),
            E::WrongAlgorithm,
        ),
        ("HMAC", |h, _| h["alg"] = json!("HS256"), E::WrongAlgorithm),
        ("none", |h, _| h["alg"] = json!("none"), E::WrongAlgorithm),
        (
            "crit",
            |h, _| h["crit"] = json!(["b64"]),
            E::Malformed("crit: no extension is understood"),
        ),
        (
            "a logout token",
            |h, _| h["typ"] = json!("logout+jwt"),
            E::WrongType,
        ),
        ("an ID token", |_, c| c["at_hash"] = json!("x"), E::WrongType),
        (
            "a refresh token of Keycloak",
            |_, c| c["typ"] = json!("Refresh"),
            E::WrongType,
        ),
        ("events", |_, c| c["events"] = json!({}), E::WrongType),
        (
            "bound to a key",
            |_, c| c["cnf"] = json!({"jkt": "x"}),
            E::BadClaim("cnf"),
        ),
        (
            "roles of another form",
            |_, c| c["roles"] = json!({"admin": true}),
            E::BadClaim("roles"),
        ),
        (
            "scope of another form",
            |_, c| c["scope"] = json!(7),
            E::BadClaim("scope"),
        ),
    ];
    assert!(verifier.verify(&bench.token(|_, _| ())).is_ok());
    for (what, change, why) in cases {
        let refused = verifier.verify(&bench.token(change)).err();
        assert_eq!(refused, Some(Refused::Token(why)), "{what}");
    }
}

#[test]
fn tokens_of_another_use_are_refused_however_they_say_it() {
    type Change = fn(&mut Value, &mut Value);
    let bench = Bench::new(Algorithm::RS256);
    let verifier = bench.verifier(trust());
    let others: [(&str, Change); 5] = [
        ("an ID token of Entra", |_, c| c["nonce"] = json!("x")),
        ("an ID token of the hybrid flow", |_, c| c["s_hash"] = json!("x")),
        ("an ID token of Cognito", |_, c| c["token_use"] = json!("id")),
        ("a refresh token of Hydra", |_, c| {
            c["token_use"] = json!("refresh_token");
        }),
        ("a use of another form", |_, c| c["token_use"] = json!(["access"])),
    ];
    for (what, change) in others {
        let refused = verifier.verify(&bench.token(change)).err();
        assert_eq!(refused, Some(Refused::Token(TokenError::WrongType)), "{what}");
    }
    // What Keycloak wrote into access tokens until version 25, and Cognito.
    let of_old = bench.token(|_, c| (c["nonce"], c["typ"]) = (json!("x"), json!("Bearer")));
    assert!(verifier.verify(&of_old).is_ok());
    assert!(
        verifier
            .verify(&bench.token(|_, c| c["token_use"] = json!("access")))
            .is_ok()
    );
}

#[test]
fn a_key_that_is_not_there_and_none_at_all_are_two_things() {
    let bench = Bench::new(Algorithm::RS256);
    let verifier = bench.verifier(trust());
    let unknown = bench.token(|header, _| header["kid"] = json!("other"));
    assert_eq!(verifier.verify(&unknown).err(), Some(Refused::UnknownKey(0)));
    let unsigned = bench.token(|header, _| header["alg"] = json!("none"));
    let unsigned = format!("{}.", unsigned.rsplit_once('.').unwrap().0);
    assert!(matches!(
        verifier.verify(&unsigned),
        Err(Refused::Token(TokenError::Malformed(_)))
    ));
}

#[test]
fn a_public_key_is_no_secret() {
    let bench = Bench::new(Algorithm::RS256);
    let public = Value::Object(bench.key.public_jwk().unwrap()).to_string();
    let mallory = SigningKey::from_secret(Algorithm::HS256, public.as_bytes()).unwrap();
    let mut header = bench.header();
    header["alg"] = json!("HS256");
    let forged = sign(&mallory, &header, &bench.claims());
    // Nor does it help to ask for it.
    for trust in [trust(), trust().algorithms(&Algorithm::ALL)] {
        let refused = bench.verifier(trust).verify(&forged).err();
        assert_eq!(refused, Some(Refused::Token(TokenError::WrongAlgorithm)));
    }
}

#[test]
fn a_shared_secret_in_a_published_set_verifies_nothing() {
    let bench = Bench::new(Algorithm::ES256);
    let secret = [7; 32];
    let keys = json!({ "keys": [
        { "kty": "oct", "kid": "secret", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(secret) },
        { "kty": "RSA", "kid": "weak", "n": URL_SAFE_NO_PAD.encode([0xc1; 64]), "e": "AQAB" },
        { "kty": "EC", "crv": "P-521", "kid": "large", "x": "AA", "y": "AA" },
        "no key",
        bench.key.public_jwk().unwrap(),
    ]});
    let keys = JwkSet::published(keys.to_string().as_bytes()).unwrap();
    assert_eq!(keys.len(), 1, "and the others do no harm");
    assert!(JwkSet::published(br#"{"keys":[]}"#).is_err());
    assert!(JwkSet::published(b"<html>").is_err());
}

#[test]
fn a_narrower_choice_of_algorithms_and_types_is_kept() {
    let bench = Bench::new(Algorithm::ES256);
    let only_rsa = bench.verifier(trust().algorithms(&[Algorithm::RS256]));
    let refused = only_rsa.verify(&bench.token(|_, _| ())).err();
    assert_eq!(refused, Some(Refused::Token(TokenError::WrongAlgorithm)));

    let strict = bench.verifier(trust().strict_type());
    for (typ, good) in [("JWT", false), ("at+jwt", true), ("application/AT+JWT", true)] {
        let token = bench.token(|header, _| header["typ"] = json!(typ));
        assert_eq!(strict.verify(&token).is_ok(), good, "{typ}");
        assert!(bench.verifier(trust()).verify(&token).is_ok(), "{typ}");
    }
    assert!(strict.verify(&bench.token(|_, _| ())).is_err());
}

/// Two issuers that call their keys by one name.
#[test]
fn a_key_verifies_the_tokens_of_its_issuer_alone() {
    let (good, evil) = (Bench::new(Algorithm::ES256), Bench::new(Algorithm::ES256));
    let renamed = |bench: &Bench| {
        let mut jwk = bench.key.public_jwk().unwrap();
        jwk.insert("kid".to_owned(), json!("1"));
        JwkSet::published(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap()
    };
    let issuers = [(&good, ISSUER), (&evil, "https://evil.example")]
        .map(|(bench, issuer)| TrustedIssuer {
            trust: Trust::new(issuer, AUDIENCE),
            keys: Arc::new(IssuerKeys::fixed(renamed(bench))),
        })
        .into();
    let verifier = IssuerVerifier::new(issuers, 1 << 20, Arc::<MovableClock>::clone(&good.clock));
    let token = |bench: &Bench, issuer: &str| {
        bench.token(|header, claims| {
            header["kid"] = json!("1");
            claims["iss"] = json!(issuer);
        })
    };
    assert!(verifier.verify(&token(&good, ISSUER)).is_ok());
    assert!(verifier.verify(&token(&evil, "https://evil.example")).is_ok());
    for (bench, issuer) in [(&evil, ISSUER), (&good, "https://evil.example")] {
        let refused = verifier.verify(&token(bench, issuer)).err();
        assert_eq!(refused, Some(Refused::Token(TokenError::BadSignature)));
    }
}

#[test]
fn what_is_remembered_ends_with_the_token_and_with_its_key() {
    let bench = Bench::new(Algorithm::ES256);
    let keys = Arc::new(IssuerKeys::fetched(
        KeyPolicy::default(),
        Arc::<MovableClock>::clone(&bench.clock),
    ));
    let verifier = IssuerVerifier::new(
        vec![TrustedIssuer {
            trust: trust(),
            keys: Arc::clone(&keys),
        }],
        1 << 20,
        Arc::<MovableClock>::clone(&bench.clock),
    );
    let token = bench.token(|_, _| ());
    assert_eq!(verifier.verify(&token).err(), Some(Refused::NoKeys(0)));
    keys.begin().unwrap().succeeded(set(&[&bench.key]), None);
    let first = verifier.verify(&token).unwrap();
    assert!(
        Arc::ptr_eq(&first, &verifier.verify(&token).unwrap()),
        "remembered"
    );

    // A key of the same name is another key.
    let other = Bench::new(Algorithm::ES256);
    bench.clock.advance(Duration::from_secs(500));
    let mut jwk = other.key.public_jwk().unwrap();
    jwk.insert("kid".to_owned(), json!(**bench.key.kid()));
    let changed = JwkSet::published(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
    keys.begin().unwrap().succeeded(changed, None);
    assert!(verifier.verify(&token).is_err());

    bench.clock.advance(Duration::from_secs(450));
    keys.begin().unwrap().succeeded(set(&[&bench.key]), None);
    let refused = verifier.verify(&token).err();
    assert_eq!(refused, Some(Refused::Token(TokenError::Expired)));
}

#[test]
fn keys_outlive_their_issuer_for_a_time() {
    let clock = Arc::new(MovableClock::default());
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let keys = IssuerKeys::fetched(KeyPolicy::default(), Arc::<MovableClock>::clone(&clock));
    keys.begin()
        .unwrap()
        .succeeded(set(&[&key]), Some(Duration::from_secs(300)));
    assert!(keys.begin().is_none(), "not due");
    let mut tried = 0;
    while keys.current().is_some() {
        let wait = keys.next_fetch().unwrap();
        clock.advance(wait.max(Duration::from_millis(1)));
        drop(keys.begin());
        tried += 1;
        assert!(tried < 2000, "for ever");
    }
    let lasted = clock.now().since(MovableClock::default().now());
    assert!(
        lasted >= Duration::from_secs(86_400) && lasted < Duration::from_secs(86_400 + 61),
        "{lasted:?}"
    );
    // And whoever comes back is believed again.
    clock.advance(Duration::from_secs(60));
    keys.begin().unwrap().succeeded(set(&[&key]), None);
    assert!(keys.current().is_some());
}

#[test]
fn known_roles_bring_what_they_imply_and_others_are_dropped() {
    let role = |name: &str, implies: &[&str]| KnownRole {
        name: name.to_owned(),
        implies: implies.iter().map(|name| (*name).to_owned()).collect(),
    };
    let known = [
        role("admin", &["editor", "viewer"]),
        role("editor", &["viewer"]),
        role("viewer", &[]),
    ];
    let read = |claims: &Value, rules: ClaimRules| {
        let grants = Grants::by_rules(rules).knowing(known.to_vec());
        grants
            .of(claims.as_object().unwrap())
            .map(|granted| granted.roles)
    };
    let claims = json!({ "roles": ["editor", "everybody"], "groups": ["admin"] });
    assert_eq!(
        read(&claims, ClaimRules::default()).unwrap(),
        ["editor", "viewer"]
    );
    assert_eq!(
        read(&claims, ClaimRules::default().groups()).unwrap(),
        ["admin", "editor", "viewer"]
    );
    assert!(read(&json!({ "realm_access": [] }), ClaimRules::keycloak("x")).is_err());

    let words = Grants::by_function(|claims| Granted {
        roles: vec![claims["level"].as_str().unwrap_or_default().to_owned()],
        scopes: vec!["b".to_owned(), "a".to_owned(), "b".to_owned()],
    });
    let granted = words
        .of(json!({ "level": "admin" }).as_object().unwrap())
        .unwrap();
    assert_eq!(
        (granted.roles, granted.scopes),
        (vec!["admin".to_owned()], vec!["a".to_owned(), "b".to_owned()])
    );
}

#[derive(Clone, Debug)]
enum Event {
    /// So many tokens with unknown keys at once.
    Unknown(u16),
    Pass(u64),
    /// The keeper looks, and the fetch takes so long and fails.
    Fail(u64),
    /// The same, and it brings keys of this age.
    Fetch(u64, Option<u64>),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        (1..50u16).prop_map(Event::Unknown),
        (0..20_000u64).prop_map(Event::Pass),
        (0..6_000u64).prop_map(Event::Fail),
        (0..6_000u64, proptest::option::of(0..1_000_000u64)).prop_map(|(took, age)| Event::Fetch(took, age)),
    ];
    proptest::collection::vec(event, 1..200)
}

proptest! {
    /// However requests and answers fall: fetches keep their distance, keys are refreshed before they are old, a set is
    /// believed exactly as long as was said, and nobody waits for a fetch that nobody makes.
    #[test]
    fn fetches_keep_their_distance(events in events()) {
        let policy = KeyPolicy::default();
        let mut schedule = KeySchedule::new(policy);
        let mut now = Duration::ZERO;
        let mut last_end: Option<(Duration, Option<Duration>)> = None;
        for event in events {
            match event {
                Event::Unknown(count) => {
                    let answers: Vec<UnknownKey> = (0..count).map(|_| schedule.unknown_key(now)).collect();
                    for answer in answers {
                        match answer {
                            UnknownKey::Wait => prop_assert!(schedule.is_due(now)),
                            UnknownKey::None => prop_assert!(last_end.is_some_and(|(_, good)| good.is_some())),
                            UnknownKey::Unreachable => prop_assert!(last_end.is_some_and(|(_, good)| good.is_none())),
                        }
                    }
                }
                Event::Pass(millis) => now += Duration::from_millis(millis),
                Event::Fail(took) | Event::Fetch(took, _) => {
                    if !schedule.is_due(now) {
                        prop_assert!(last_end.is_some());
                        continue;
                    }
                    if let Some((ended, good)) = last_end {
                        let least = if good.is_some() { policy.unknown_key_interval } else { policy.least_retry };
                        prop_assert!(now >= ended + least, "{:?} after {ended:?}", now);
                    }
                    let began = now;
                    schedule.begin(now);
                    prop_assert!(!schedule.is_due(now + policy.outage), "one at a time");
                    prop_assert_eq!(schedule.unknown_key(now), UnknownKey::Wait);
                    now += Duration::from_millis(took);
                    if let Event::Fetch(_, age) = event {
                        let age = age.map(Duration::from_secs);
                        schedule.succeeded(now, age);
                        let due = schedule.due().unwrap();
                        let kept = age.unwrap_or(policy.usual_age).clamp(policy.least_age, policy.most_age);
                        prop_assert!(due < began + kept && due >= began + policy.least_age / 2);
                        prop_assert_eq!(schedule.believed_until(), Some(began + policy.outage));
                        last_end = Some((now, Some(began)));
                    } else {
                        let before = schedule.believed_until();
                        schedule.failed(now);
                        prop_assert_eq!(schedule.believed_until(), before, "a failure takes nothing away");
                        let due = schedule.due().unwrap();
                        prop_assert!(due >= now + policy.least_retry && due <= now + policy.most_retry);
                        last_end = Some((now, None));
                    }
                }
            }
        }
    }
}
