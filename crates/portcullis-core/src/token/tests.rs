use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

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

/// Any header and payload, truly signed.
fn forge(key: &SigningKey, header: &str, payload: &str) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

struct Bench {
    key: Arc<SigningKey>,
    ring: Arc<KeyRing>,
    verifier: Verifier,
}

impl Bench {
    fn new(algorithm: Algorithm) -> Self {
        let key = key(algorithm);
        let ring = Arc::new(KeyRing::new(RingSnapshot::signing(Arc::clone(&key), &[])));
        let verifier = verifier(&ring);
        Self { key, ring, verifier }
    }

    fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": self.key.algorithm().as_str(), "kid": **self.key.kid() })
    }

    fn claims() -> Value {
        let p = principal();
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": p.user, "client_id": "portcullis", "jti": p.token, "sid": p.session,
            "iat": now().unix_seconds(), "exp": now().unix_seconds() + 900, "te": 1, "se": 2, "re": 3,
        })
    }

    fn verify(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenError> {
        self.verifier.verify(token, now())
    }

    /// Verifies our claims with one of them changed; `null` takes it away.
    fn with_claim(&self, name: &str, value: Value) -> Result<Arc<VerifiedToken>, TokenError> {
        let mut claims = Self::claims();
        put(&mut claims, name, value);
        self.verify(&forge(&self.key, &self.header().to_string(), &claims.to_string()))
    }

    fn with_header(&self, name: &str, value: Value) -> Result<Arc<VerifiedToken>, TokenError> {
        let mut header = self.header();
        put(&mut header, name, value);
        self.verify(&forge(
            &self.key,
            &header.to_string(),
            &Self::claims().to_string(),
        ))
    }
}

fn put(object: &mut Value, name: &str, value: Value) {
    let members = object.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
}

#[test]
fn every_algorithm_round_trips() {
    for algorithm in Algorithm::ALL {
        let bench = Bench::new(algorithm);
        let principal = principal();
        let token = token(&bench.ring, &principal);
        assert_eq!(*bench.verify(&token).unwrap().principal, principal, "{algorithm}");
        assert_eq!(
            bench.verify(&token).unwrap().kid,
            *bench.key.kid(),
            "from the cache"
        );
        assert_eq!(
            Bench::new(algorithm).key.kid() == bench.key.kid(),
            algorithm.is_symmetric()
        );
    }
}

#[test]
fn a_token_states_what_rfc_9068_asks_for_and_no_more() {
    let bench = Bench::new(Algorithm::ES256);
    let p = principal();
    let found = inspect(&token(&bench.ring, &p), now());
    assert_eq!(found.problems, Vec::<String>::new());
    assert_eq!(Value::Object(found.header.unwrap()), bench.header());
    assert_eq!(
        Value::Object(found.claims.unwrap()),
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": p.user, "client_id": "portcullis", "jti": p.token, "sid": p.session,
            "iat": 1_767_225_600, "exp": 1_767_226_500, "scope": "admin me", "roles": ["admin", "user"],
            "narrowed": true, "te": 1, "se": 2, "re": 3,
        })
    );
}

#[test]
fn claims_are_checked_one_by_one() {
    let bench = Bench::new(Algorithm::EdDSA);
    let at = |offset: i64| json!(now().unix_seconds() + offset);
    assert!(bench.with_claim("extra", json!({"nested": [1, 2]})).is_ok());
    for (name, value, expected) in [
        ("exp", Value::Null, TokenError::MissingClaim("exp")),
        ("exp", json!("1767226500"), TokenError::BadClaim("exp")),
        ("exp", json!([1]), TokenError::BadClaim("exp")),
        ("exp", json!(true), TokenError::BadClaim("exp")),
        ("exp", at(-31), TokenError::Expired),
        ("exp", at(-30), TokenError::Expired),
        ("exp", at(-90), TokenError::Expired),
        ("exp", json!(-1), TokenError::Expired),
        ("exp", json!(0.5), TokenError::Expired),
        ("nbf", at(31), TokenError::NotYetValid),
        ("nbf", json!("0"), TokenError::BadClaim("nbf")),
        ("nbf", json!(1e300), TokenError::NotYetValid),
        ("iat", at(3600), TokenError::NotYetValid),
        ("iat", Value::Null, TokenError::MissingClaim("iat")),
        ("iss", Value::Null, TokenError::MissingClaim("iss")),
        ("iss", json!("https://auth.example.com/"), TokenError::WrongIssuer),
        ("iss", json!([ISSUER]), TokenError::WrongIssuer),
        ("aud", Value::Null, TokenError::MissingClaim("aud")),
        (
            "aud",
            json!("https://api.example.com.evil"),
            TokenError::WrongAudience,
        ),
        ("aud", json!([]), TokenError::WrongAudience),
        (
            "aud",
            json!([["https://api.example.com"]]),
            TokenError::BadClaim("aud"),
        ),
        ("aud", json!({"a": AUDIENCE}), TokenError::BadClaim("aud")),
        ("aud", json!([AUDIENCE, 1]), TokenError::BadClaim("aud")),
        ("sub", json!("somebody"), TokenError::BadClaim("sub")),
        ("sub", Value::Null, TokenError::MissingClaim("sub")),
        ("client_id", Value::Null, TokenError::MissingClaim("client_id")),
        ("jti", Value::Null, TokenError::MissingClaim("jti")),
        ("sid", Value::Null, TokenError::MissingClaim("sid")),
        ("te", Value::Null, TokenError::MissingClaim("te")),
        ("se", json!("2"), TokenError::BadClaim("se")),
        ("re", json!(2.5), TokenError::BadClaim("re")),
        ("scope", json!(["me"]), TokenError::BadClaim("scope")),
        ("scope", json!("me  admin"), TokenError::BadClaim("scope")),
        ("roles", json!("admin"), TokenError::BadClaim("roles")),
        ("roles", json!([1]), TokenError::BadClaim("roles")),
        ("narrowed", json!("yes"), TokenError::BadClaim("narrowed")),
    ] {
        assert_eq!(
            bench.with_claim(name, value.clone()),
            Err(expected),
            "{name}: {value}"
        );
    }
    for (name, value) in [
        ("exp", at(-29)),
        ("exp", json!(1e300)),
        ("exp", json!(1_767_226_500.75)),
        ("nbf", at(30)),
        ("iat", at(30)),
        ("aud", json!(["https://other.example.com", AUDIENCE])),
        ("scope", Value::Null),
    ] {
        assert!(bench.with_claim(name, value.clone()).is_ok(), "{name}: {value}");
    }
}

#[test]
fn leeway_is_bounded() {
    let bench = Bench::new(Algorithm::EdDSA);
    let mut config = bench.verifier.config().clone();
    config.leeway = Duration::from_secs(86_400);
    config.cache_capacity = 0;
    let lenient = Verifier::new(config, Arc::clone(&bench.ring));
    let token = token(&bench.ring, &principal());
    let expiry = principal().expires_at;
    assert!(lenient.verify(&token, expiry + Duration::from_secs(59)).is_ok());
    assert_eq!(
        lenient.verify(&token, expiry + MAX_LEEWAY),
        Err(TokenError::Expired)
    );
}

#[test]
fn the_header_decides_nothing() {
    let bench = Bench::new(Algorithm::ES256);
    for (name, value, expected) in [
        ("alg", json!("none"), TokenError::WrongAlgorithm),
        ("alg", json!("NoNe"), TokenError::WrongAlgorithm),
        ("alg", json!("HS256"), TokenError::WrongAlgorithm),
        ("alg", json!("es256"), TokenError::WrongAlgorithm),
        (
            "alg",
            json!(["ES256"]),
            TokenError::Malformed("alg is not a string"),
        ),
        ("alg", Value::Null, TokenError::Malformed("alg is missing")),
        ("typ", Value::Null, TokenError::WrongType),
        ("typ", json!("JWT"), TokenError::WrongType),
        ("typ", json!("logout+jwt"), TokenError::WrongType),
        ("kid", json!("../../x' OR 1=1"), TokenError::UnknownKey),
        ("kid", json!(""), TokenError::UnknownKey),
        ("kid", json!(7), TokenError::Malformed("kid is not a string")),
        (
            "crit",
            json!([]),
            TokenError::Malformed("crit: no extension is understood"),
        ),
        (
            "crit",
            json!(["exp"]),
            TokenError::Malformed("crit: no extension is understood"),
        ),
    ] {
        assert_eq!(
            bench.with_header(name, value.clone()),
            Err(expected),
            "{name}: {value}"
        );
    }
    for (name, value) in [
        ("typ", json!("application/at+jwt")),
        ("typ", json!("AT+JWT")),
        ("kid", Value::Null),
        ("jwk", json!({"kty": "oct", "k": ""})),
        ("jku", json!("https://evil.example.com/jwks.json")),
        ("x5u", json!("https://evil.example.com/cert.pem")),
        ("x5c", json!(["AA"])),
    ] {
        assert!(bench.with_header(name, value.clone()).is_ok(), "{name}: {value}");
    }
}

#[test]
fn one_key_has_one_algorithm() {
    let rsa = Bench::new(Algorithm::RS256);
    let pkcs8 = rsa.key.to_pkcs8().unwrap();
    let pss = SigningKey::from_pkcs8(Algorithm::PS256, &pkcs8).unwrap();
    let header = json!({ "typ": "at+jwt", "alg": "PS256", "kid": **pss.kid() }).to_string();
    let token = forge(&pss, &header, &Bench::claims().to_string());
    assert_eq!(pss.kid(), rsa.key.kid());
    assert_eq!(rsa.verify(&token), Err(TokenError::WrongAlgorithm));
    // The header lies as well.
    let token = forge(&pss, &rsa.header().to_string(), &Bench::claims().to_string());
    assert_eq!(rsa.verify(&token), Err(TokenError::BadSignature));
}

#[test]
fn a_token_without_kid_needs_an_only_key() {
    let bench = Bench::new(Algorithm::ES256);
    assert!(bench.with_header("kid", Value::Null).is_ok());
    let other = key(Algorithm::EdDSA);
    bench
        .ring
        .replace(RingSnapshot::signing(Arc::clone(&bench.key), &[other]));
    assert_eq!(bench.with_header("kid", Value::Null), Err(TokenError::UnknownKey));
}

#[test]
fn duplicate_members_are_refused_everywhere() {
    let bench = Bench::new(Algorithm::EdDSA);
    let (header, claims) = (bench.header().to_string(), Bench::claims().to_string());
    let twice = TokenError::Malformed("a member occurs twice");
    let doubled = |json: &str, member: &str| json.replacen('{', &format!("{{{member},"), 1);
    for (header, claims) in [
        (doubled(&header, r#""alg":"none""#), claims.clone()),
        (doubled(&header, r#""kid":"x""#), claims.clone()),
        (header.clone(), doubled(&claims, r#""exp":9999999999"#)),
        (header.clone(), doubled(&claims, r#""\u0073ub":"x""#)),
        (header.clone(), doubled(&claims, r#""x":{"a":1,"a":2}"#)),
    ] {
        assert_eq!(bench.verify(&forge(&bench.key, &header, &claims)), Err(twice));
    }
    assert!(bench.verify(&forge(&bench.key, &header, &claims)).is_ok());
}

#[test]
fn a_token_has_one_spelling() {
    let bench = Bench::new(Algorithm::ES256);
    let token = token(&bench.ring, &principal());
    let [header, payload, signature]: [&str; 3] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    // 64 bytes leave four bits of the last character unused.
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = *signature.as_bytes().last().unwrap();
    let at = alphabet.iter().position(|c| *c == last).unwrap();
    let respelled = format!(
        "{}{}",
        &signature[..signature.len() - 1],
        char::from(alphabet[at ^ 1])
    );
    for other in [
        format!("{header}.{payload}.{respelled}"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload}.{signature}=="),
        format!(" {token}"),
        format!("{token} "),
        format!("{token}\n"),
        format!("{header}.{payload} .{signature}"),
        format!("{header}.{payload}?.{signature}"),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!(".{payload}.{signature}"),
        format!("{header}..{signature}"),
        format!("{token}."),
        format!("{token}.{signature}"),
        format!("{header}.{payload}.{signature}.{signature}.{signature}"),
        format!(r#"{{"protected":"{header}","payload":"{payload}","signature":"{signature}"}}"#),
        format!("Bearer {token}"),
        String::new(),
        "..".to_owned(),
    ] {
        assert!(bench.verify(&other).is_err(), "{other}");
    }
    assert!(bench.verify(&token).is_ok());
    let reason = |token: &str| bench.verify(token).err();
    let unsigned = format!("{header}.{payload}.");
    assert_eq!(
        reason(&unsigned),
        Some(TokenError::Malformed("the signature is empty"))
    );
    let encrypted = format!("{header}.{payload}.{signature}..");
    let jwe = TokenError::Malformed("five parts: encrypted tokens (JWE) are not accepted");
    assert_eq!(reason(&encrypted), Some(jwe));
}

#[test]
fn a_long_token_is_refused_unread() {
    let bench = Bench::new(Algorithm::HS256);
    let fits = |filler: usize| bench.with_claim("filler", json!("x".repeat(filler)));
    assert!(fits(5000).is_ok());
    assert_eq!(fits(6200), Err(TokenError::Malformed("too long")));
}

#[test]
fn what_is_remembered_still_expires_and_needs_its_key() {
    let bench = Bench::new(Algorithm::ES256);
    let token = token(&bench.ring, &principal());
    let first = bench.verify(&token).unwrap();
    assert!(Arc::ptr_eq(&first, &bench.verify(&token).unwrap()), "remembered");
    let later = principal().expires_at + DEFAULT_LEEWAY;
    assert_eq!(bench.verifier.verify(&token, later), Err(TokenError::Expired));
    let earlier = now() - Duration::from_secs(3600);
    assert_eq!(
        bench.verifier.verify(&token, earlier),
        Err(TokenError::NotYetValid)
    );

    let next = key(Algorithm::ES256);
    bench.ring.replace(RingSnapshot::signing(
        Arc::clone(&next),
        &[Arc::clone(&bench.key)],
    ));
    assert!(bench.verify(&token).is_ok(), "the key retires");
    bench.ring.replace(RingSnapshot::signing(next, &[]));
    assert_eq!(bench.verify(&token), Err(TokenError::UnknownKey));
}

#[test]
fn the_same_name_is_not_the_same_key() {
    // A kid follows from the key, so only another algorithm can have the same one.
    let bench = Bench::new(Algorithm::RS256);
    let token = token(&bench.ring, &principal());
    assert!(bench.verify(&token).is_ok());
    let pss = SigningKey::from_pkcs8(Algorithm::PS256, &bench.key.to_pkcs8().unwrap()).unwrap();
    assert_eq!(pss.kid(), bench.key.kid());
    bench.ring.replace(RingSnapshot::signing(Arc::new(pss), &[]));
    assert!(bench.verify(&token).is_err());
}

#[test]
fn reasons_fit_into_error_description() {
    // RFC 6750, section 3: no quotes, no backslashes, ASCII only.
    let reasons = [
        TokenError::Expired,
        TokenError::NotYetValid,
        TokenError::WrongIssuer,
        TokenError::WrongAudience,
        TokenError::WrongType,
        TokenError::WrongAlgorithm,
        TokenError::Malformed("crit: no extension is understood"),
        TokenError::Malformed("five parts: encrypted tokens (JWE) are not accepted"),
        TokenError::UnknownKey,
        TokenError::UnusableKey,
        TokenError::BadSignature,
        TokenError::MissingClaim("exp"),
        TokenError::BadClaim("exp"),
        TokenError::Revoked,
    ];
    for reason in reasons {
        let text = reason.to_string();
        assert!(
            text.bytes()
                .all(|b| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\'),
            "{text}"
        );
        assert!(text.len() < 80, "{text}");
    }
}

#[test]
fn inspection_lists_all_that_is_wrong() {
    let bench = Bench::new(Algorithm::HS256);
    let header = r#"{"alg":"none","jku":"https://evil.example.com","alg":"none","crit":["b64"]}"#;
    let found = inspect(&forge(&bench.key, header, r#"{"exp":"soon","iss":7}"#), now());
    let text = found.problems.join("\n");
    for problem in [
        "twice",
        "jku",
        "crit",
        "exp has the wrong form",
        "iss has the wrong form",
        "aud is missing",
    ] {
        assert!(text.contains(problem), "{problem} is not in:\n{text}");
    }
    assert_eq!(found.header.unwrap()["alg"], "none", "shown all the same");
    assert!(!inspect("x", now()).problems.is_empty());
    let late = inspect(
        &token(&bench.ring, &principal()),
        now() + Duration::from_secs(86_400),
    );
    assert_eq!(late.problems, ["the token expired"]);
    assert_eq!(late.times.expires_at.as_deref(), Some("2026-01-01T00:15:00Z"));
}

proptest! {
    #[test]
    fn any_change_of_one_character_is_refused(at in 0usize..2000, to in "[A-Za-z0-9_.=-]", which in 0usize..2) {
        static BENCHES: LazyLock<[(Bench, String); 2]> = LazyLock::new(|| {
            [Algorithm::ES256, Algorithm::HS512].map(|algorithm| {
                let bench = Bench::new(algorithm);
                let token = token(&bench.ring, &principal());
                assert!(bench.verify(&token).is_ok());
                (bench, token)
            })
        });
        let (bench, token) = &BENCHES[which];
        let at = at % token.len();
        let changed = format!("{}{to}{}", &token[..at], &token[at + 1..]);
        prop_assume!(changed != *token);
        prop_assert!(bench.verify(&changed).is_err());
        let missing = format!("{}{}", &token[..at], &token[at + 1..]);
        prop_assert!(bench.verify(&missing).is_err());
        let inserted = format!("{}{to}{}", &token[..at], &token[at..]);
        prop_assert!(bench.verify(&inserted).is_err());
    }

    #[test]
    fn nothing_makes_it_panic(text in "\\PC*", header in "\\PC{0,40}", claims in "[{}\\[\\]\":,a-z0-9e.-]{0,60}") {
        static BENCH: LazyLock<Bench> = LazyLock::new(|| Bench::new(Algorithm::HS256));
        prop_assert!(BENCH.verify(&text).is_err());
        prop_assert!(BENCH.verify(&forge(&BENCH.key, &BENCH.header().to_string(), &claims)).is_err());
        prop_assert!(BENCH.verify(&forge(&BENCH.key, &header, &claims)).is_err());
        let _ = inspect(&text, now());
        let _ = inspect(&forge(&BENCH.key, &header, &claims), now());
    }
}
