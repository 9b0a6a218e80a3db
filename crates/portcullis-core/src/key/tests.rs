use std::sync::Arc;

use aws_lc_rs::{
    encoding::AsDer,
    rsa,
    signature::{KeyPair, RsaKeyPair},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use super::{import::private_key, public::PublicKey, *};
use crate::token::Algorithm;

/// RFC 7517, A.2 (the same as in RFC 7515, A.3), and RFC 8037, A.1.
const EC: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
const OKP: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#;

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> = body
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

fn set(key: &Value) -> Result<JwkSet, KeyMaterialError> {
    JwkSet::parse(json!({ "keys": [key] }).to_string().as_bytes())
}

fn usable(key: &Value) -> Vec<Algorithm> {
    let set = set(key).unwrap();
    set.find(None)
        .unwrap()
        .iter()
        .map(|key| key.algorithm())
        .collect()
}

#[test]
fn thumbprints_are_those_of_the_rfcs() {
    // RFC 7638, section 3.1.
    let n = concat!(
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj",
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ",
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK",
        "nqDKgw"
    );
    let rsa = PublicKey::Rsa {
        n: URL_SAFE_NO_PAD.decode(n).unwrap(),
        e: vec![1, 0, 1],
    };
    assert_eq!(
        URL_SAFE_NO_PAD.encode(rsa.thumbprint()),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
    // RFC 8037, A.3; ours is the first half.
    let okp = private_key(OKP.as_bytes(), None).unwrap();
    assert!("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".starts_with(&okp.kid()[..21]));
}

#[test]
fn keys_survive_pkcs8_pem_and_der() {
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::PS256] {
        let key = SigningKey::generate(algorithm).unwrap();
        let der = key.to_pkcs8().unwrap();
        let same = |other: &SigningKey| other.kid() == key.kid() && other.algorithm() == algorithm;
        assert!(same(&SigningKey::from_pkcs8(algorithm, &der).unwrap()));
        assert!(same(&private_key(&der, Some(algorithm)).unwrap()));
        assert!(same(
            &private_key(pem("PRIVATE KEY", &der).as_bytes(), Some(algorithm)).unwrap()
        ));
        let signature = key.sign(b"message").unwrap();
        assert!(key.verifying().verifies(b"message", &signature));
        assert!(!key.verifying().verifies(b"another", &signature));
    }
}

#[test]
fn a_short_rsa_key_verifies_for_others_but_never_signs_for_us() {
    let pair = RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let der = pair.as_der().unwrap();
    let weak = KeyMaterialError::Weak("an RSA key that signs has at least 3072 bits");
    let refused = SigningKey::from_pkcs8(Algorithm::RS256, der.as_ref()).err();
    assert_eq!(refused, Some(weak));
    assert_eq!(private_key(der.as_ref(), None).err(), Some(weak));
    let public = pair.public_key();
    let n = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
    assert!(set(&json!({ "kty": "RSA", "n": n, "e": "AQAB" })).is_ok());
}

/// The content of a DER element, and what follows it.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let (header, length) = match der[1] {
        0x81 => (3, usize::from(der[2])),
        0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        short => (2, usize::from(short)),
    };
    (&der[header..header + length], &der[header + length..])
}

/// What PKCS#8 wraps: SEC 1 or PKCS#1.
fn unwrapped(pkcs8: &[u8]) -> &[u8] {
    let (_version, rest) = element(element(pkcs8).0);
    let (_algorithm, rest) = element(rest);
    element(rest).0
}

#[test]
fn the_older_forms_of_openssl_are_imported() {
    let ec = SigningKey::generate(Algorithm::ES256).unwrap();
    let der = ec.to_pkcs8().unwrap();
    let parameters = pem("EC PARAMETERS", &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
    let text = format!("{parameters}{}", pem("EC PRIVATE KEY", unwrapped(&der)));
    assert_eq!(private_key(text.as_bytes(), None).unwrap().kid(), ec.kid());

    let rsa = SigningKey::generate(Algorithm::RS256).unwrap();
    let der = rsa.to_pkcs8().unwrap();
    let text = pem("RSA PRIVATE KEY", unwrapped(&der));
    assert_eq!(private_key(text.as_bytes(), None).unwrap().kid(), rsa.kid());
    let pss = private_key(text.as_bytes(), Some(Algorithm::PS256)).unwrap();
    assert_eq!((pss.kid(), pss.algorithm()), (rsa.kid(), Algorithm::PS256));
    assert!(private_key(text.as_bytes(), Some(Algorithm::ES256)).is_err());
}

#[test]
fn a_private_jwk_of_rsa_is_imported() {
    let key = SigningKey::generate(Algorithm::PS256).unwrap();
    let der = key.to_pkcs8().unwrap();
    let (_version, mut rest) = element(element(unwrapped(&der)).0);
    let mut jwk = json!({ "kty": "RSA", "alg": "PS256" });
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let (number, after) = element(rest);
        jwk[name] = json!(URL_SAFE_NO_PAD.encode(number.strip_prefix(&[0]).unwrap_or(number)));
        rest = after;
    }
    let imported = private_key(jwk.to_string().as_bytes(), None).unwrap();
    assert_eq!(
        (imported.kid(), imported.algorithm()),
        (key.kid(), Algorithm::PS256)
    );
    for name in ["d", "p", "dq", "qi"] {
        let mut other = jwk.clone();
        other[name] = jwk["dp"].clone();
        assert!(private_key(other.to_string().as_bytes(), None).is_err(), "{name}");
    }
    jwk["oth"] = json!([]);
    assert!(private_key(jwk.to_string().as_bytes(), None).is_err());
}

#[test]
fn private_jwks_are_imported_and_checked() {
    let ec = private_key(EC.as_bytes(), None).unwrap();
    assert_eq!(ec.algorithm(), Algorithm::ES256);
    assert_eq!(
        private_key(OKP.as_bytes(), None).unwrap().algorithm(),
        Algorithm::EdDSA
    );
    for (key, change) in [(EC, r#""d":"j"#), (OKP, r#""d":"n"#)] {
        let other = key.replace(change, &change.replace(['j', 'n'], "A"));
        assert_ne!(other, key);
        assert!(
            private_key(other.as_bytes(), None).is_err(),
            "the halves do not belong together"
        );
    }
    let wrong = EC.replace("\"kty\"", "\"alg\":\"ES384\",\"kty\"");
    assert!(private_key(wrong.as_bytes(), None).is_err());
    assert!(private_key(EC.as_bytes(), Some(Algorithm::EdDSA)).is_err());
    let twice = EC.replace("\"kty\"", "\"kty\":\"EC\",\"kty\"");
    assert!(private_key(twice.as_bytes(), None).is_err());
    assert!(private_key(br#"{"kty":"oct","k":"AAAA"}"#, None).is_err());
}

#[test]
fn what_is_no_key_says_why() {
    let key = SigningKey::generate(Algorithm::EdDSA)
        .unwrap()
        .to_pkcs8()
        .unwrap();
    let good = pem("PRIVATE KEY", &key);
    assert!(private_key(format!("some words\n{good}more").as_bytes(), None).is_ok());
    let refused = |text: &str, word: &str| {
        let error = private_key(text.as_bytes(), None).err().unwrap().to_string();
        assert!(error.contains(word), "{error}");
    };
    refused(&format!("{good}{good}"), "more than one");
    refused(&pem("PUBLIC KEY", &key), "no private key");
    refused(&pem("ENCRYPTED PRIVATE KEY", &key), "encrypted");
    refused(&good.replace("END PRIVATE", "END RSA PRIVATE"), "ends otherwise");
    refused(&good.replace("-----END", "-----EN"), "no end");
    refused(&pem("PRIVATE KEY", b"nothing"), "not an unencrypted private key");
    refused("", "not an unencrypted private key");
    refused("hello", "not an unencrypted private key");
}

#[test]
fn secrets_are_as_long_as_their_hash() {
    for (algorithm, least) in [
        (Algorithm::HS256, 32),
        (Algorithm::HS384, 48),
        (Algorithm::HS512, 64),
    ] {
        assert!(SigningKey::from_secret(algorithm, &vec![1; least]).is_ok());
        for got in [0, least - 1] {
            let refused = SigningKey::from_secret(algorithm, &vec![1; got]).err();
            assert_eq!(
                refused,
                Some(KeyMaterialError::ShortSecret {
                    algorithm,
                    least,
                    got
                })
            );
        }
    }
    assert!(SigningKey::from_secret(Algorithm::ES256, &[1; 64]).is_err());
    assert!(SigningKey::generate(Algorithm::HS256).is_err());
}

#[test]
fn a_kid_of_a_secret_depends_on_secret_and_algorithm() {
    let kid = |algorithm, byte| {
        SigningKey::from_secret(algorithm, &[byte; 64])
            .unwrap()
            .kid()
            .clone()
    };
    assert_eq!(kid(Algorithm::HS256, 1), kid(Algorithm::HS256, 1));
    assert_ne!(kid(Algorithm::HS256, 1), kid(Algorithm::HS256, 2));
    assert_ne!(kid(Algorithm::HS256, 1), kid(Algorithm::HS512, 1));
}

#[test]
fn weak_and_broken_jwks_are_refused_on_import() {
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let rsa = |n: &[u8], e: &[u8]| json!({ "kty": "RSA", "n": b64(n), "e": b64(e) });
    let odd = |bytes: usize| vec![0xfb; bytes];
    let ec = |x: &[u8], y: &[u8]| json!({ "kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y) });
    let okp = |x: &[u8]| json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(x) });
    let mut one = [0; 32];
    one[0] = 1;
    let weak = [
        rsa(&odd(128), &[1, 0, 1]),
        rsa(&odd(255), &[1, 0, 1]),
        rsa(&odd(256), &[1]),
        rsa(&odd(256), &[3]),
        rsa(&odd(256), &[1, 0, 2]),
        rsa(&vec![0xfa; 256], &[1, 0, 1]),
        ec(&[1; 32], &[2; 32]),
        ec(&[0; 32], &[0; 32]),
        okp(&one),
        okp(&[0; 32]),
    ];
    for key in weak {
        assert!(matches!(set(&key), Err(KeyMaterialError::Weak(_))), "{key}");
    }
    let leading_zero = [vec![0], odd(256)].concat();
    let broken = [
        rsa(&leading_zero, &[1, 0, 1]),
        rsa(&[], &[1, 0, 1]),
        rsa(&odd(256), &[]),
        ec(&[1; 31], &[2; 32]),
        okp(&[9; 31]),
        json!({ "kty": "EC", "crv": "P-256", "x": "AA==", "y": "AA" }),
        json!({ "kty": "EC", "crv": "P-256" }),
        json!({ "kty": 1 }),
        json!({ "kty": "RSA", "n": b64(&odd(256)), "e": "AQAB", "alg": "ES256" }),
        json!({ "kty": "oct", "k": b64(&[1; 64]), "alg": "RS256" }),
        json!([]),
    ];
    for key in broken {
        assert!(matches!(set(&key), Err(KeyMaterialError::Form(_))), "{key}");
    }
    for (alg, length) in [("HS256", 31), ("HS384", 47), ("HS512", 63), ("HS256", 0)] {
        let key = json!({ "kty": "oct", "k": b64(&vec![1; length]), "alg": alg });
        assert!(
            matches!(set(&key), Err(KeyMaterialError::ShortSecret { .. })),
            "{key}"
        );
    }
}

#[test]
fn keys_for_something_else_verify_nothing() {
    let mut ec: Value = serde_json::from_str(EC).unwrap();
    assert_eq!(usable(&ec), [Algorithm::ES256]);
    for (name, value) in [
        ("use", json!("enc")),
        ("key_ops", json!(["sign"])),
        ("alg", json!("ES384")),
        ("crv", json!("P-384")),
        ("kty", json!("XX")),
    ] {
        let mut key = ec.clone();
        key[name] = value;
        assert_eq!(usable(&key), [], "{key}");
    }
    ec["key_ops"] = json!(["verify"]);
    ec["use"] = json!("sig");
    assert_eq!(usable(&ec), [Algorithm::ES256]);
}

#[test]
fn only_a_key_without_alg_leaves_a_choice() {
    let rsa = SigningKey::generate(Algorithm::PS256).unwrap();
    let mut key = Value::Object(rsa.public_jwk().unwrap());
    assert_eq!(usable(&key), [Algorithm::PS256]);
    key.as_object_mut().unwrap().remove("alg");
    assert_eq!(usable(&key), [Algorithm::RS256, Algorithm::PS256]);
    let secret = |length: usize| json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(vec![1; length]) });
    assert_eq!(usable(&secret(32)), [Algorithm::HS256]);
    assert_eq!(
        usable(&secret(64)),
        [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512]
    );
}

#[test]
fn a_set_is_of_one_mind() {
    let parse = |keys: &[Value]| JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes());
    let named = |kid: &str| {
        let mut key: Value = serde_json::from_str(EC).unwrap();
        key["kid"] = json!(kid);
        key
    };
    let secret = json!({ "kty": "oct", "kid": "s", "k": URL_SAFE_NO_PAD.encode([1; 32]) });
    assert!(parse(&[named("a"), named("a")]).is_err());
    assert!(parse(&[named("a"), secret]).is_err());
    assert!(parse(&vec![named("a"); 101]).is_err());
    assert!(JwkSet::parse(br#"{"keys":{}}"#).is_err());
    let two = parse(&[named("a"), named("b")]).unwrap();
    assert_eq!((two.len(), two.is_empty()), (2, false));
    assert!(two.find(Some("a")).is_some());
    assert!(two.find(Some("c")).is_none());
    assert!(two.find(None).is_none(), "there is a choice");
    let nameless: Value = serde_json::from_str(EC).unwrap();
    assert!(
        parse(std::slice::from_ref(&nameless))
            .unwrap()
            .find(Some("any"))
            .is_some()
    );
    assert!(
        parse(&[nameless, named("b")])
            .unwrap()
            .find(Some("any"))
            .is_none()
    );
    assert!(parse(&[named("a")]).unwrap().find(Some("b")).is_none());
}

#[test]
fn the_published_document_has_public_members_only() {
    let keys = [
        Algorithm::ES256,
        Algorithm::EdDSA,
        Algorithm::RS256,
        Algorithm::HS256,
    ]
    .map(|algorithm| {
        Arc::new(if algorithm.is_symmetric() {
            SigningKey::from_secret(algorithm, &[1; 32]).unwrap()
        } else {
            SigningKey::generate(algorithm).unwrap()
        })
    });
    let ring = RingSnapshot::signing(Arc::clone(&keys[0]), &keys[1..]);
    let document: Value = serde_json::from_slice(ring.jwks()).unwrap();
    let members: Vec<Vec<&String>> = document["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key.as_object().unwrap().keys().collect())
        .collect();
    let (ec, okp, rsa): (&[&str], &[&str], &[&str]) = (
        &["alg", "crv", "kid", "kty", "use", "x", "y"],
        &["alg", "crv", "kid", "kty", "use", "x"],
        &["alg", "e", "kid", "kty", "n", "use"],
    );
    assert_eq!(members, [ec, okp, rsa], "and the secret is not in it");
    assert!(JwkSet::parse(ring.jwks()).is_ok(), "we read what we write");
    let again = RingSnapshot::signing(Arc::clone(&keys[0]), &keys[1..]);
    assert_eq!(ring.etag(), again.etag());
    let other = RingSnapshot::signing(Arc::clone(&keys[0]), &[]);
    assert_ne!(ring.etag(), other.etag());
    assert!(ring.etag().starts_with('"') && ring.etag().ends_with('"'));
    let secret = RingSnapshot::signing(Arc::clone(&keys[3]), &[]);
    assert_eq!(&**secret.jwks(), br#"{"keys":[]}"#);
}

#[test]
fn algorithm_and_secret_agree() {
    let config = |algorithm: Option<Algorithm>, secret: Option<&str>, previous: &[&str]| KeyConfig {
        algorithm,
        secret: secret.map(Into::into),
        previous_secrets: previous.iter().map(|secret| (*secret).into()).collect(),
        access_ttl: std::time::Duration::from_secs(900),
    };
    let long = "0123456789abcdef0123456789abcdef";
    assert_eq!(config(None, None, &[]).algorithm().unwrap(), Algorithm::ES256);
    assert_eq!(
        config(None, Some(long), &[]).algorithm().unwrap(),
        Algorithm::HS256
    );
    assert!(matches!(
        config(Some(Algorithm::ES256), Some(long), &[]).check(),
        Err(KeyError::SecretUnused(_))
    ));
    assert!(matches!(
        config(Some(Algorithm::HS256), None, &[]).check(),
        Err(KeyError::SecretMissing(_))
    ));
    assert!(config(None, Some(long), &[long]).check().is_ok());
    assert!(config(None, Some("short"), &[]).check().is_err());
    assert!(config(None, Some(long), &["short"]).check().is_err());
    assert!(config(Some(Algorithm::HS384), Some(long), &[]).check().is_err());
}
