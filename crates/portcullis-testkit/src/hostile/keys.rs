//! Other keys than the server's: none, public ones as secrets, ones that the token brings along.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use super::{
    Case,
    forger::{Forger, by_secret, signing_input},
    spki::spki,
};

pub(super) fn add(forger: &Forger<'_>, cases: &mut Vec<Case>) {
    unsigned(forger, cases);
    confused(forger, cases);
    brought_along(forger, cases);
    injected(forger, cases);
}

fn unsigned(forger: &Forger<'_>, cases: &mut Vec<Case>) {
    let signature = forger.target.token.rsplit('.').next().expect("a signature");
    for none in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "NoNe",
        "none ",
        " none",
        "non\u{435}",
        "",
    ] {
        for kid in [true, false] {
            let with = if kid { "with kid" } else { "without kid" };
            let mut members = json!({ "alg": none });
            if !kid {
                members["kid"] = Value::Null;
            }
            let signed = signing_input(
                &forger.header(&members).to_string(),
                &forger.valid.claims.to_string(),
            );
            cases.push((
                format!("alg `{none}` {with}, empty signature"),
                format!("{signed}."),
            ));
            cases.push((
                format!("alg `{none}` {with}, the valid signature"),
                format!("{signed}.{signature}"),
            ));
            cases.push((
                format!("alg `{none}` {with}, any signature"),
                format!("{signed}.AAAA"),
            ));
        }
    }
    for (name, alg) in [
        ("missing", Value::Null),
        ("a number", json!(256)),
        ("a list", json!(["ES256"])),
    ] {
        let header = forger.header(&json!({ "alg": alg }));
        let claims = &forger.valid.claims;
        cases.push((
            format!("alg is {name}"),
            forger.signed(&header.to_string(), &claims.to_string()),
        ));
    }
}

/// What is published, used as if it were a shared secret (RFC 8725, section 2.1).
fn confused(forger: &Forger<'_>, cases: &mut Vec<Case>) {
    for (number, key) in forger.keys.iter().enumerate() {
        let der = spki(key);
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----",
            wrapped(&STANDARD.encode(&der))
        );
        let jwk = key.to_string();
        let member = |name: &str| {
            URL_SAFE_NO_PAD
                .decode(key[name].as_str().unwrap_or_default())
                .expect("base64url")
        };
        let forms: [(&str, Vec<u8>); 10] = [
            ("its DER", der),
            ("its PEM", format!("{pem}\n").into_bytes()),
            ("its PEM without the last line break", pem.clone().into_bytes()),
            ("its PEM with CRLF", pem.replace('\n', "\r\n").into_bytes()),
            ("its JWK", jwk.into_bytes()),
            ("the JWKS", forger.target.jwks.as_bytes().to_vec()),
            ("its x", member("x")),
            ("its modulus", member("n")),
            ("its x in base64url", key["x"].as_str().unwrap_or_default().into()),
            ("its kid", key["kid"].as_str().unwrap_or_default().into()),
        ];
        for (form, secret) in forms {
            for alg in ["HS256", "HS384", "HS512"] {
                let header = forger.header(&json!({ "alg": alg, "kid": key["kid"] }));
                let token = by_secret(alg, &secret, &header, &forger.valid.claims);
                cases.push((format!("{alg} with {form} as the secret (key {number})"), token));
            }
        }
    }
    for alg in ["HS256", "HS384", "HS512"] {
        for (name, secret) in [
            ("empty", ""),
            ("`secret`", "secret"),
            ("the issuer", forger.target.issuer),
        ] {
            let header = forger.header(&json!({ "alg": alg }));
            let token = by_secret(alg, secret.as_bytes(), &header, &forger.valid.claims);
            cases.push((format!("{alg} with a secret that is {name}"), token));
        }
    }
    for alg in [
        "ES256", "EdDSA", "RS256", "PS256", "ES384", "RS512", "ES256K", "HS257",
    ] {
        let header = forger.header(&json!({ "alg": alg }));
        cases.push((
            format!("alg {alg}, another's signature"),
            forger.by_own_key(&header, &forger.valid.claims),
        ));
    }
}

/// The token says where its key is (RFC 8725, section 3.10).
fn brought_along(forger: &Forger<'_>, cases: &mut Vec<Case>) {
    let own = forger.own_jwk();
    let trap = forger.target.trap;
    for (name, members) in [
        ("another's key under the server's kid", json!({ "alg": "ES256" })),
        (
            "another's key under its own kid",
            json!({ "alg": "ES256", "kid": own["kid"] }),
        ),
        (
            "another's key without kid",
            json!({ "alg": "ES256", "kid": null }),
        ),
        ("jwk brings the key", json!({ "alg": "ES256", "jwk": own })),
        (
            "jwk brings the key, with its kid",
            json!({ "alg": "ES256", "jwk": own, "kid": own["kid"] }),
        ),
        (
            "jwk brings the key, without kid",
            json!({ "alg": "ES256", "jwk": own, "kid": null }),
        ),
        (
            "jku says where the key is",
            json!({ "alg": "ES256", "jku": trap, "kid": own["kid"] }),
        ),
        (
            "jku with the server's kid",
            json!({ "alg": "ES256", "jku": trap }),
        ),
        (
            "x5u says where the key is",
            json!({ "alg": "ES256", "x5u": trap, "kid": null }),
        ),
        (
            "x5c brings a certificate",
            json!({ "alg": "ES256", "x5c": ["MIIB"], "x5t": "AAAA" }),
        ),
        (
            "iss says where the keys are",
            json!({ "alg": "ES256", "iss": trap }),
        ),
    ] {
        cases.push((
            name.to_owned(),
            forger.by_own_key(&forger.header(&members), &forger.valid.claims),
        ));
    }
    let elsewhere = forger.claims(&json!({ "iss": trap }));
    let header = forger.header(&json!({ "alg": "ES256", "kid": own["kid"] }));
    cases.push((
        "another issuer with its own key".to_owned(),
        forger.by_own_key(&header, &elsewhere),
    ));
    let secret = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode("an attacker's secret of 32 bytes") });
    let header = forger.header(&json!({ "alg": "HS256", "jwk": secret }));
    let token = by_secret(
        "HS256",
        b"an attacker's secret of 32 bytes",
        &header,
        &forger.valid.claims,
    );
    cases.push(("jwk brings a shared secret".to_owned(), token));
}

/// The kid as a path, a query, a command.
fn injected(forger: &Forger<'_>, cases: &mut Vec<Case>) {
    let long = "k".repeat(4000);
    for kid in [
        "",
        "/dev/null",
        "../../../../../../dev/null",
        "../../x' OR 1=1",
        "x' UNION SELECT '' --",
        "\"; DROP TABLE portcullis_keys; --",
        "$(id)",
        "`id`",
        "| id",
        "%00",
        "\u{0}",
        "\r\nX-Injected: 1",
        "http://localhost/",
        "{{7*7}}",
        "../jwks.json",
        &long,
    ] {
        let header = forger.header(&json!({ "alg": "HS256", "kid": kid }));
        let shown: String = kid.escape_debug().take(40).collect();
        cases.push((
            format!("kid `{shown}`, HMAC with an empty secret"),
            by_secret("HS256", b"", &header, &forger.valid.claims),
        ));
    }
    for (name, kid) in [
        ("a number", json!(1)),
        ("a list", json!([])),
        ("an object", json!({ "$ne": "" })),
        ("true", json!(true)),
    ] {
        let header = forger.header(&json!({ "kid": kid }));
        cases.push((
            format!("kid is {name}"),
            forger.signed(&header.to_string(), &forger.valid.claims.to_string()),
        ));
    }
}

fn wrapped(text: &str) -> String {
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("ASCII"))
        .collect();
    lines.join("\n")
}
