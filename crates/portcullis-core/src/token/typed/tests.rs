use std::time::Duration;

use proptest::prelude::*;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::*;
use crate::{rng::SystemRng, token::Algorithm};

const ISSUER: &str = "https://articles.example";
const AUDIENCE: &str = "articles";
const SECRET: &str = "a secret of sixty-four bytes, which is enough for each of them..";
const LIFE: Duration = Duration::from_secs(900);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Mine {
    role: String,
    level: u8,
}

fn mine() -> Mine {
    Mine {
        role: "editor".into(),
        level: 3,
    }
}

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_767_225_600)
}

fn claims() -> Claims<Mine> {
    Claims::new("alice", mine(), now(), LIFE, &SystemRng)
}

fn profile() -> Profile {
    Profile::new(ISSUER, AUDIENCE)
}

fn key(algorithm: Algorithm) -> TokenKey {
    if algorithm.is_symmetric() {
        TokenKey::secret(algorithm, &SECRET.into()).unwrap()
    } else {
        TokenKey::generate(algorithm).unwrap()
    }
}

fn hs256() -> TokenKey {
    key(Algorithm::HS256)
}

fn token(key: &TokenKey) -> String {
    encode(key, &profile(), &claims())
        .unwrap()
        .expose_secret()
        .to_owned()
}

fn read(key: &TokenKey, token: &str) -> Result<Claims<Mine>, TokenError> {
    decode(key, &profile(), token, now())
}

/// Any header and payload, truly signed.
fn forge(key: &TokenKey, header: &str, payload: &str) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let signature = key.signing().sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn header(key: &TokenKey) -> Map<String, Value> {
    let header = json!({ "typ": "JWT", "alg": key.algorithm(), "kid": **key.signing().kid() });
    header.as_object().unwrap().clone()
}

fn stated() -> Map<String, Value> {
    let stated = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "jti": "1", "iat": now().unix_seconds(),
        "exp": now().unix_seconds() + 900, "role": "editor", "level": 3,
    });
    stated.as_object().unwrap().clone()
}

/// `null` takes it away.
fn put(members: &mut Map<String, Value>, name: &str, value: &Value) {
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.into(), value.clone());
    }
}

fn with_claim(name: &str, value: &Value) -> Result<Claims<Mine>, TokenError> {
    let (key, mut claims) = (hs256(), stated());
    put(&mut claims, name, value);
    let (header, claims) = (Value::from(header(&key)), Value::from(claims));
    read(&key, &forge(&key, &header.to_string(), &claims.to_string()))
}

fn with_header(name: &str, value: &Value) -> Result<Claims<Mine>, TokenError> {
    let (key, mut header) = (hs256(), header(&hs256()));
    put(&mut header, name, value);
    let (header, claims) = (Value::from(header), Value::from(stated()));
    read(&key, &forge(&key, &header.to_string(), &claims.to_string()))
}

#[test]
fn every_algorithm_round_trips() {
    for algorithm in Algorithm::ALL {
        let (key, claims) = (key(algorithm), claims());
        let token = encode(&key, &profile(), &claims).unwrap();
        assert_eq!(read(&key, token.expose_secret()), Ok(claims), "{algorithm}");
    }
}

#[test]
fn a_token_states_the_registered_claims_and_those_of_the_application() {
    let claims = claims();
    let token = encode(&hs256(), &profile(), &claims).unwrap();
    let found = crate::token::inspect(token.expose_secret(), now());
    assert_eq!(
        Value::Object(found.header.unwrap()),
        Value::from(header(&hs256()))
    );
    assert_eq!(
        Value::Object(found.claims.unwrap()),
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "jti": claims.id, "iat": 1_767_225_600,
            "exp": 1_767_226_500, "role": "editor", "level": 3,
        })
    );
    assert_ne!(claims.id, self::claims().id);
}

#[test]
fn tokens_without_own_claims_and_without_issuer_are_possible() {
    let (key, profile) = (hs256(), Profile::default());
    let claims = Claims::new("alice", NoCustom {}, now(), LIFE, &SystemRng);
    let token = encode(&key, &profile, &claims).unwrap();
    let token = token.expose_secret();
    assert_eq!(decode(&key, &profile, token, now()), Ok(claims));
    assert_eq!(read(&key, token), Err(TokenError::MissingClaim("iss")));
}

#[test]
fn claims_are_checked_one_by_one() {
    let at = |offset: i64| json!(now().unix_seconds() + offset);
    for (name, value, expected) in [
        ("exp", Value::Null, TokenError::MissingClaim("exp")),
        ("exp", json!("1767226500"), TokenError::BadClaim("exp")),
        ("exp", json!(true), TokenError::BadClaim("exp")),
        ("exp", at(0), TokenError::Expired),
        ("exp", json!(-1), TokenError::Expired),
        ("nbf", at(1), TokenError::NotYetValid),
        ("nbf", json!("0"), TokenError::BadClaim("nbf")),
        ("iat", at(1), TokenError::NotYetValid),
        ("iat", Value::Null, TokenError::MissingClaim("iat")),
        ("iss", Value::Null, TokenError::MissingClaim("iss")),
        ("iss", json!("https://articles.example/"), TokenError::WrongIssuer),
        ("aud", Value::Null, TokenError::MissingClaim("aud")),
        ("aud", json!("articles2"), TokenError::WrongAudience),
        ("aud", json!([]), TokenError::WrongAudience),
        ("aud", json!([AUDIENCE, 1]), TokenError::BadClaim("aud")),
        ("sub", Value::Null, TokenError::MissingClaim("sub")),
        ("sub", json!(7), TokenError::BadClaim("sub")),
        ("jti", Value::Null, TokenError::MissingClaim("jti")),
        ("jti", json!(7), TokenError::BadClaim("jti")),
        ("jti", json!(""), TokenError::BadClaim("jti")),
        ("jti", json!("a\0"), TokenError::BadClaim("jti")),
        ("jti", json!("a".repeat(256)), TokenError::BadClaim("jti")),
    ] {
        assert_eq!(with_claim(name, &value), Err(expected), "{name}: {value}");
    }
    for (name, value) in [
        ("exp", at(1)),
        ("nbf", at(0)),
        ("iat", at(0)),
        ("aud", json!(["others", AUDIENCE])),
        ("jti", json!("a".repeat(255))),
        ("unknown", json!({"nested": [1]})),
    ] {
        assert!(with_claim(name, &value).is_ok(), "{name}: {value}");
    }
}

#[test]
fn own_claims_of_another_form_are_refused_and_not_repeated() {
    for (name, value) in [
        ("role", Value::Null),
        ("role", json!(["hunter2"])),
        ("level", json!(300)),
        ("level", json!("hunter2")),
    ] {
        let error = with_claim(name, &value).unwrap_err();
        assert!(matches!(error, TokenError::Malformed(_)), "{name}: {value}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

#[test]
fn the_header_decides_nothing() {
    for (name, value, expected) in [
        ("alg", json!("none"), TokenError::WrongAlgorithm),
        ("alg", json!("NoNe"), TokenError::WrongAlgorithm),
        ("alg", json!("HS512"), TokenError::WrongAlgorithm),
        ("alg", Value::Null, TokenError::Malformed("alg is missing")),
        ("typ", Value::Null, TokenError::OtherType),
        ("typ", json!("at+jwt"), TokenError::OtherType),
        ("typ", json!("reset+jwt"), TokenError::OtherType),
        ("kid", json!("../../x' OR 1=1"), TokenError::UnknownKey),
        (
            "crit",
            json!([]),
            TokenError::Malformed("crit: no extension is understood"),
        ),
    ] {
        assert_eq!(with_header(name, &value), Err(expected), "{name}: {value}");
    }
    for (name, value) in [
        ("typ", json!("jwt")),
        ("typ", json!("application/JWT")),
        ("kid", Value::Null),
        ("jwk", json!({"kty": "oct", "k": ""})),
        ("jku", json!("https://evil.example/jwks.json")),
    ] {
        assert!(with_header(name, &value).is_ok(), "{name}: {value}");
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let pair = key(Algorithm::ES256);
    let found: Value = serde_json::from_slice(pair.jwks()).unwrap();
    let header = json!({ "typ": "JWT", "alg": "HS256", "kid": **pair.signing().kid() }).to_string();
    for text in [found.to_string(), found["keys"][0].to_string()] {
        let confused = TokenKey::secret(Algorithm::HS256, &text.into()).unwrap();
        let token = forge(&confused, &header, &Value::from(stated()).to_string());
        assert_eq!(read(&pair, &token), Err(TokenError::WrongAlgorithm));
    }
}

#[test]
fn a_token_has_one_spelling_and_one_meaning() {
    let key = hs256();
    let good = token(&key);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    for spelled in [
        format!("{good}="),
        format!(" {good}"),
        format!("{good}."),
        format!("{signed}."),
        signed.to_owned(),
        good.replace('.', ".."),
        format!("{signed}.{}", signature.replace(['-', '_'], "+")) + "+",
        String::new(),
        "a".repeat(10_000),
    ] {
        assert!(
            matches!(read(&key, &spelled), Err(TokenError::Malformed(_))),
            "{spelled}"
        );
    }
    let header = Value::from(header(&key)).to_string();
    let twice = Value::from(stated()).to_string().replace('{', r#"{"sub":"bob","#);
    let doubled = read(&key, &forge(&key, &header, &twice));
    assert_eq!(
        doubled.err(),
        Some(TokenError::Malformed("a member occurs twice"))
    );
}

#[test]
fn any_changed_bit_breaks_the_signature() {
    let (key, other) = (
        hs256(),
        TokenKey::secret(Algorithm::HS256, &SECRET.replace('a', "b").into()).unwrap(),
    );
    let good = token(&key);
    assert_eq!(read(&other, &good), Err(TokenError::UnknownKey));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for at in 0..bytes.len() * 8 {
        bytes[at / 8] ^= 1 << (at % 8);
        let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&bytes));
        assert_eq!(read(&key, &forged), Err(TokenError::BadSignature));
        bytes[at / 8] ^= 1 << (at % 8);
    }
    bytes.truncate(16);
    let cut = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&bytes));
    assert_eq!(read(&key, &cut), Err(TokenError::BadSignature));
}

#[test]
fn leeway_is_what_was_asked_for_and_bounded() {
    let key = hs256();
    let token = token(&key);
    let (issued, expiry) = (now(), now() + LIFE);
    let at = |leeway: u64, at| {
        let profile = profile().leeway(Duration::from_secs(leeway));
        decode::<Mine>(&key, &profile, &token, at).map(drop)
    };
    let (ok, second) = (Ok(()), Duration::from_secs(1));
    assert_eq!(at(0, expiry - second), ok);
    assert_eq!(at(0, expiry), Err(TokenError::Expired));
    assert_eq!(at(0, issued - second), Err(TokenError::NotYetValid));
    assert_eq!(at(10, expiry + Duration::from_secs(9)), ok);
    assert_eq!(at(10, expiry + Duration::from_secs(10)), Err(TokenError::Expired));
    assert_eq!(at(10, issued - Duration::from_secs(10)), ok);
    assert_eq!(
        at(86_400, expiry + Duration::from_secs(60)),
        Err(TokenError::Expired)
    );
}

#[test]
fn tokens_of_one_key_are_good_for_one_thing() {
    let key = hs256();
    let reset = encode(&key, &profile().kind("reset+jwt"), &claims()).unwrap();
    assert_eq!(read(&key, reset.expose_secret()), Err(TokenError::OtherType));
    assert_eq!(
        decode::<Mine>(&key, &profile().kind("reset+jwt"), &token(&key), now()).err(),
        Some(TokenError::OtherType)
    );
}

#[test]
fn a_token_for_someone_is_not_for_anyone() {
    let key = hs256();
    let nobody = Profile::default().issuer(ISSUER);
    assert_eq!(
        decode::<Mine>(&key, &nobody, &token(&key), now()).err(),
        Some(TokenError::WrongAudience)
    );
}

#[test]
fn an_old_key_verifies_and_signs_no_more() {
    let (old, new) = (key(Algorithm::ES256), key(Algorithm::HS512));
    let rotated = new.accepting(&old).accepting(&old).accepting(&new);
    assert_eq!(rotated.ring().keys().len(), 2);
    assert!(read(&rotated, &token(&old)).is_ok());
    assert!(read(&rotated, &token(&rotated)).is_ok());
    assert!(read(&new, &token(&rotated)).is_ok(), "signed with the new one");
    assert_eq!(read(&new, &token(&old)).err(), Some(TokenError::UnknownKey));
    let third = key(Algorithm::EdDSA).accepting(&rotated);
    assert!(read(&third, &token(&old)).is_ok(), "with all that it accepts");
}

#[test]
fn a_private_key_comes_as_pem() {
    let pair = crate::key::SigningKey::generate(Algorithm::ES256).unwrap();
    let der = base64::engine::general_purpose::STANDARD.encode(&*pair.to_pkcs8().unwrap());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
    let key = TokenKey::private(&pem.clone().into(), None).unwrap();
    assert_eq!(key.algorithm(), Algorithm::ES256);
    assert!(read(&key, &token(&key)).is_ok());
    assert!(TokenKey::private(&pem.into(), Some(Algorithm::EdDSA)).is_err());
    assert!(TokenKey::private(&"hunter2".into(), None).is_err());
}

#[test]
fn a_secret_is_as_long_as_the_hash() {
    for (algorithm, least) in [
        (Algorithm::HS256, 32),
        (Algorithm::HS384, 48),
        (Algorithm::HS512, 64),
    ] {
        assert!(TokenKey::secret(algorithm, &SECRET[..least].into()).is_ok());
        let error = TokenKey::secret(algorithm, &SECRET[..least - 1].into())
            .err()
            .unwrap();
        assert!(error.to_string().contains(&format!("at least {least} bytes")));
    }
    assert!(TokenKey::secret(Algorithm::ES256, &SECRET.into()).is_err());
}

#[test]
fn what_could_not_come_back_is_not_given_out() {
    let (key, profile) = (hs256(), profile());
    let custom = |custom: Value| {
        let claims = Claims::new("alice", custom, now(), LIFE, &SystemRng);
        encode(&key, &profile, &claims).map(drop)
    };
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"] {
        assert_eq!(custom(json!({ name: 1 })), Err(EncodeError::Registered(name)));
    }
    for other in [json!(null), json!([1]), json!("text")] {
        assert_eq!(custom(other), Err(EncodeError::NotAnObject));
    }
    assert_eq!(
        custom(json!({ "text": "a".repeat(8_000) })),
        Err(EncodeError::TooLong)
    );
    let mut claims = claims();
    claims.id = String::new();
    assert_eq!(encode(&key, &profile, &claims).err(), Some(EncodeError::Id));
}

proptest! {
    #[test]
    fn what_is_encoded_is_what_is_decoded(
        subject in "\\PC{0,40}", role in "\\PC{0,40}", level: u8, life in 1u64..100_000, begin in 0i64..1_000,
    ) {
        let key = hs256();
        let mut claims = Claims::new(subject, Mine { role, level }, now(), Duration::from_secs(life), &SystemRng);
        claims.not_before = Some(Timestamp::from_unix_seconds(now().unix_seconds() - begin));
        let token = encode(&key, &profile(), &claims).unwrap();
        prop_assert_eq!(read(&key, token.expose_secret()), Ok(claims));
    }

    #[test]
    fn no_text_panics_or_passes(text in "[A-Za-z0-9_.-]{0,200}") {
        prop_assert!(read(&hs256(), &text).is_err());
    }
}
