//! `portcullis token`: exit codes and reasons are what scripts build on.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis_core::{
    clock::{Clock as _, SystemClock},
    key::SigningKey,
    token::Algorithm,
};
use serde_json::{Value, json};

use crate::harness::{Ended, Place};

const ISSUER: &str = "https://auth.example.com";

struct Bench {
    place: Place,
    key: SigningKey,
    now: i64,
}

impl Bench {
    fn new() -> Self {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let place = Place::new();
        let jwks = json!({ "keys": [key.public_jwk().unwrap()] });
        place.write("jwks.json", &jwks.to_string());
        Self {
            place,
            key,
            now: SystemClock.now().unix_seconds(),
        }
    }

    fn sign(&self, payload: &[u8]) -> String {
        let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": **self.key.kid() }).to_string();
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload)
        );
        let signature = self.key.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn token(&self, expires_in: i64) -> String {
        let claims = json!({
            "iss": ISSUER, "aud": "api", "sub": "ada", "client_id": "c", "jti": "1",
            "iat": self.now - 3600, "exp": self.now + expires_in,
        });
        self.sign(claims.to_string().as_bytes())
    }

    fn verify(&self, flags: &[&str], token: &str) -> Ended {
        let words = [&["token", "verify", "--jwks", "jwks.json"], flags].concat();
        self.place.run_with(&words, token)
    }

    fn inspect(&self, flags: &[&str], token: &str) -> Ended {
        self.place
            .run_with(&[&["token", "inspect"], flags].concat(), token)
    }
}

fn parsed(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("no JSON: {ended:?}"))
}

#[test]
fn a_valid_token_gives_its_claims() {
    let bench = Bench::new();
    let token = bench.token(900);
    for token in [token.clone(), format!("{token}\n"), format!("{token}\r\n")] {
        let valid = bench.verify(&["--issuer", ISSUER, "--audience", "api"], &token);
        assert_eq!(
            (valid.code, parsed(&valid)["sub"].as_str()),
            (Some(0), Some("ada"))
        );
        assert!(valid.stderr.is_empty());
    }
    let valid = parsed(&bench.verify(&["--json"], &token));
    assert_eq!(
        (&valid["valid"], &valid["claims"]["sub"]),
        (&json!(true), &json!("ada"))
    );
}

#[test]
fn what_is_not_valid_ends_with_1_and_the_reason() {
    let bench = Bench::new();
    let token = bench.token(900);
    let refused = |flags: &[&str], token: &str, reason: &str| {
        let ended = bench.verify(flags, token);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(reason), "{reason}: {ended:?}");
        assert!(ended.stdout.is_empty(), "{ended:?}");
        let ended = bench.verify(&[flags, &["--json"]].concat(), token);
        assert_eq!((ended.code, &parsed(&ended)["valid"]), (Some(1), &json!(false)));
        assert!(parsed(&ended)["reason"].as_str().unwrap().contains(reason));
    };
    refused(&[], &bench.token(-1), "expired");
    refused(
        &["--issuer", "https://auth.example.com/"],
        &token,
        "another issuer",
    );
    refused(&["--audience", "ap"], &token, "another audience");
    refused(&[], &Bench::new().token(900), "unknown key");
    refused(&[], &bench.sign(b"{}"), "exp is missing");
    refused(&[], &bench.sign(b"hello"), "not JSON");
    refused(&[], "", "not three parts");
    refused(&[], &format!(" {token}"), "not base64url");
    refused(&[], &format!("{token}\n\n"), "not base64url");
    refused(&["--raw"], &format!("{token}="), "not base64url");
    refused(&[], &"a".repeat(1_000_000), "too long");
    let changed = token.replacen(".ey", ".fy", 1);
    refused(&["--raw"], &changed, "signature is not valid");
}

#[test]
fn raw_gives_the_payload_as_it_is() {
    let bench = Bench::new();
    for payload in ["any bytes\n\u{0}at all", "", "{\"exp\":1}"] {
        let raw = bench.verify(&["--raw"], &bench.sign(payload.as_bytes()));
        assert_eq!((raw.code, raw.stdout.as_str()), (Some(0), payload));
    }
    let json = parsed(&bench.verify(&["--raw", "--json"], &bench.sign(&[0xff, 0x00])));
    assert_eq!(json, json!({ "valid": true, "payload": "_wA" }));
}

#[test]
fn keys_that_are_no_good_verify_nothing() {
    let bench = Bench::new();
    let token = bench.token(900);
    let public = bench.key.public_jwk().unwrap();
    for (keys, reason) in [
        ("{}".to_owned(), "the set of keys is refused"),
        ("nonsense".to_owned(), "the set of keys is refused"),
        (json!({ "keys": [public, public] }).to_string(), "same `kid`"),
        (json!({ "keys": [] }).to_string(), "unknown key"),
        (
            r#"{"kty":"oct","alg":"HS256","k":"AAAA"}"#.to_owned(),
            "at least 32 bytes",
        ),
    ] {
        bench.place.write("jwks.json", &keys);
        let refused = bench.verify(&[], &token);
        assert_eq!(refused.code, Some(1), "{keys}: {refused:?}");
        assert!(refused.stderr.contains(reason), "{refused:?}");
    }
    bench.place.write("jwks.json", &Value::Object(public).to_string());
    assert_eq!(bench.verify(&[], &token).code, Some(0), "one key by itself");
}

#[test]
fn wrong_usage_ends_with_2() {
    let bench = Bench::new();
    let token = bench.token(900);
    for words in [
        &["token"][..],
        &["token", "verify"],
        &["token", "verify", "--jwks", "missing.json"],
        &["token", "verify", "--jwks", "jwks.json", &token],
        &[
            "token",
            "verify",
            "--jwks",
            "jwks.json",
            "--raw",
            "--issuer",
            ISSUER,
        ],
        &["token", "inspect", &token],
    ] {
        let ended = bench.place.run_with(words, &token);
        assert_eq!(ended.code, Some(2), "{words:?}: {ended:?}");
        assert!(!ended.stderr.is_empty());
    }
}

#[test]
fn inspection_shows_all_and_says_what_is_wrong() {
    let bench = Bench::new();
    let good = bench.inspect(&[], &bench.token(900));
    assert_eq!(good.code, Some(0), "{good:?}");
    for word in [
        "\"alg\": \"ES256\"",
        "\"sub\": \"ada\"",
        "Expires at: ",
        "64 bytes, not checked",
    ] {
        assert!(good.stdout.contains(word), "{word}: {}", good.stdout);
    }
    let bad = bench.inspect(&["--json"], &bench.token(-1));
    assert_eq!(bad.code, Some(1));
    assert_eq!(parsed(&bad)["problems"], json!(["the token expired"]));
    assert_eq!(parsed(&bad)["claims"]["sub"], "ada");
    assert!(bad.stderr.contains("the token expired"));
    let none = bench.inspect(&[], "eyJhbGciOiJub25lIn0.e30.\n");
    assert_eq!(none.code, Some(1));
    for word in [
        "not signed",
        "signature is empty",
        "exp is missing",
        "not an access token",
    ] {
        assert!(none.stderr.contains(word), "{word}: {}", none.stderr);
    }
    assert_eq!(bench.inspect(&[], "").code, Some(1));
}
