//! Headers and claims with one thing wrong each.

use serde_json::{Value, json};

use super::{Case, forger::Forger};

pub(super) fn add(forger: &Forger<'_>, cases: &mut Vec<Case>) {
    headers(forger, cases);
    times(forger, cases);
    parties(forger, cases);
    twice(forger, cases);
    shapes(forger, cases);
}

fn push_claims(forger: &Forger<'_>, cases: &mut Vec<Case>, name: &str, members: &Value) {
    let claims = forger.claims(members);
    cases.push((
        name.to_owned(),
        forger.signed(&forger.valid.header.to_string(), &claims.to_string()),
    ));
}

fn headers(forger: &Forger<'_>, cases: &mut Vec<Case>) {
    for (name, members) in [
        ("typ missing", json!({ "typ": null })),
        ("typ JWT (an ID token)", json!({ "typ": "JWT" })),
        ("typ rt+jwt (a refresh token)", json!({ "typ": "rt+jwt" })),
        ("typ logout+jwt", json!({ "typ": "logout+jwt" })),
        ("typ dpop+jwt", json!({ "typ": "dpop+jwt" })),
        ("typ is a list", json!({ "typ": ["at+jwt"] })),
        ("crit with something unknown", json!({ "crit": ["x"], "x": 1 })),
        (
            "crit with something known",
            json!({ "crit": ["exp"], "exp": 9_999_999_999_i64 }),
        ),
        ("crit b64", json!({ "crit": ["b64"], "b64": false })),
        ("crit empty", json!({ "crit": [] })),
        ("crit is no list", json!({ "crit": "exp" })),
    ] {
        let header = forger.header(&members);
        cases.push((
            name.to_owned(),
            forger.signed(&header.to_string(), &forger.valid.claims.to_string()),
        ));
    }
}

fn times(forger: &Forger<'_>, cases: &mut Vec<Case>) {
    let now = forger.valid.claims["iat"].as_i64().expect("iat");
    let exp = forger.valid.claims["exp"].as_i64().expect("exp");
    for (name, members) in [
        ("exp missing", json!({ "exp": null })),
        ("exp is a string", json!({ "exp": exp.to_string() })),
        ("exp is a date", json!({ "exp": "2099-01-01T00:00:00Z" })),
        ("exp is a list", json!({ "exp": [exp] })),
        ("exp is an object", json!({ "exp": { "$gt": 0 } })),
        ("exp is true", json!({ "exp": true })),
        ("exp past by two minutes", json!({ "exp": now - 121 })),
        ("exp past by a year", json!({ "exp": now - 31_536_000 })),
        ("exp 0", json!({ "exp": 0 })),
        ("exp negative", json!({ "exp": -exp })),
        ("nbf in an hour", json!({ "nbf": now + 3600 })),
        ("nbf is a string", json!({ "nbf": now.to_string() })),
        ("iat in an hour", json!({ "iat": now + 3600 })),
        ("iat missing", json!({ "iat": null })),
    ] {
        push_claims(forger, cases, name, &members);
    }
    // `json!(null)` above takes the member out; here it stays, as null.
    for name in ["exp", "iss", "aud", "sub", "jti", "sid"] {
        let mut claims = forger.valid.claims.clone();
        claims[name] = Value::Null;
        let token = forger.signed(&forger.valid.header.to_string(), &claims.to_string());
        cases.push((format!("{name} is null"), token));
    }
}

fn parties(forger: &Forger<'_>, cases: &mut Vec<Case>) {
    let (issuer, audience) = (forger.target.issuer, forger.target.audience);
    for (name, members) in [
        ("iss missing", json!({ "iss": null })),
        ("iss of another", json!({ "iss": "https://evil.example.com" })),
        ("iss with a slash more", json!({ "iss": format!("{issuer}/") })),
        (
            "iss longer",
            json!({ "iss": format!("{issuer}.evil.example.com") }),
        ),
        ("iss in capitals", json!({ "iss": issuer.to_uppercase() })),
        ("iss is a list", json!({ "iss": [issuer] })),
        ("aud missing", json!({ "aud": null })),
        ("aud of another", json!({ "aud": "https://other.example.com" })),
        (
            "aud longer",
            json!({ "aud": format!("{audience}.evil.example.com") }),
        ),
        ("aud shorter", json!({ "aud": audience[..audience.len() - 1] })),
        ("aud empty", json!({ "aud": "" })),
        ("aud is an empty list", json!({ "aud": [] })),
        ("aud is a list of others", json!({ "aud": ["a", "b"] })),
        ("aud is a list in a list", json!({ "aud": [[audience]] })),
        ("aud is an object", json!({ "aud": { "0": audience } })),
        ("aud is a number", json!({ "aud": 1 })),
        ("sub missing", json!({ "sub": null })),
        ("sub is a number", json!({ "sub": 1 })),
        ("sub is a list", json!({ "sub": [forger.valid.claims["sub"]] })),
        ("sub is no user", json!({ "sub": "admin" })),
        ("jti missing", json!({ "jti": null })),
        ("sid missing", json!({ "sid": null })),
        ("client_id missing", json!({ "client_id": null })),
        ("te missing", json!({ "te": null })),
        ("se is a string", json!({ "se": "9" })),
        ("re is a fraction", json!({ "re": 0.5 })),
        ("scope is a list", json!({ "scope": ["admin"] })),
        ("roles is a string", json!({ "roles": "admin" })),
    ] {
        push_claims(forger, cases, name, &members);
    }
}

fn twice(forger: &Forger<'_>, cases: &mut Vec<Case>) {
    let (header, claims) = (forger.valid.header.to_string(), forger.valid.claims.to_string());
    let first = |json: &str, member: &str| json.replacen('{', &format!("{{{member},"), 1);
    let last = |json: &str, member: &str| format!("{},{member}}}", &json[..json.len() - 1]);
    let alg = forger.valid.header["alg"].as_str().expect("alg");
    for (name, header, claims) in [
        (
            "alg twice, none first",
            first(&header, r#""alg":"none""#),
            claims.clone(),
        ),
        (
            "alg twice, none last",
            last(&header, r#""alg":"none""#),
            claims.clone(),
        ),
        (
            "alg twice, the same",
            first(&header, &format!(r#""alg":"{alg}""#)),
            claims.clone(),
        ),
        ("kid twice", last(&header, r#""kid":"x""#), claims.clone()),
        ("typ twice", first(&header, r#""typ":"JWT""#), claims.clone()),
        (
            "exp twice, far first",
            header.clone(),
            first(&claims, r#""exp":9999999999"#),
        ),
        (
            "exp twice, far last",
            header.clone(),
            last(&claims, r#""exp":9999999999"#),
        ),
        (
            "sub twice, one escaped",
            header.clone(),
            first(&claims, r#""\u0073ub":"admin""#),
        ),
        (
            "a nested member twice",
            header.clone(),
            first(&claims, r#""x":{"a":1,"a":2}"#),
        ),
    ] {
        cases.push((name.to_owned(), forger.signed(&header, &claims)));
    }
}

fn shapes(forger: &Forger<'_>, cases: &mut Vec<Case>) {
    let (header, claims) = (forger.valid.header.to_string(), forger.valid.claims.to_string());
    let deep = format!("{}1{}", "[".repeat(2000), "]".repeat(2000));
    for (name, header, claims) in [
        ("claims are a list", header.as_str(), format!("[{claims}]")),
        ("claims are a string", header.as_str(), json!(claims).to_string()),
        ("claims are null", header.as_str(), "null".to_owned()),
        ("claims are empty", header.as_str(), String::new()),
        ("claims are an empty object", header.as_str(), "{}".to_owned()),
        (
            "claims are cut off",
            header.as_str(),
            claims[..claims.len() - 1].to_owned(),
        ),
        (
            "claims are followed by more",
            header.as_str(),
            format!("{claims}{{}}"),
        ),
        (
            "claims begin with a byte order mark",
            header.as_str(),
            format!("\u{feff}{claims}"),
        ),
        (
            "claims have a comment",
            header.as_str(),
            claims.replacen('{', "{/**/", 1),
        ),
        (
            "claims have a comma too many",
            header.as_str(),
            claims.replacen('}', ",}", 1),
        ),
        (
            "claims are deeply nested",
            header.as_str(),
            claims.replacen('{', &format!("{{\"x\":{deep},"), 1),
        ),
        ("header is a list", "[]", claims.clone()),
        ("header is an empty object", "{}", claims.clone()),
        ("header is not JSON", "ES256", claims.clone()),
    ] {
        cases.push((name.to_owned(), forger.signed(header, &claims)));
    }
}
