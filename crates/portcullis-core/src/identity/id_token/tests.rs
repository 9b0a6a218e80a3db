use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::*;
use crate::{identity::ClientAssertion, key::SigningKey};

const IDP: &str = "https://idp.example";

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000)
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::ES256).unwrap()
}

fn set(key: &SigningKey) -> JwkSet {
    let jwks = json!({ "keys": [key.public_jwk().unwrap()] });
    JwkSet::published(jwks.to_string().as_bytes()).unwrap()
}

fn signed(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let text = [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()))
        .join(".");
    let signature = key.sign(text.as_bytes()).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn header(key: &SigningKey) -> Value {
    json!({ "alg": "ES256", "kid": &**key.kid() })
}

fn claims() -> Value {
    json!({
        "iss": IDP, "sub": "s-1", "aud": "app", "nonce": "n-1",
        "iat": now().unix_seconds(), "exp": now().unix_seconds() + 300,
    })
}

fn with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

const EXPECTED: ExpectedIdToken<'static> = ExpectedIdToken {
    issuer: IDP,
    client: "app",
    nonce: "n-1",
    access_token: Some("access"),
};

#[test]
fn an_id_token_says_what_it_must_or_is_refused() {
    let key = key();
    let hash = half_hash(Algorithm::ES256, "access");
    let soon = now().unix_seconds();
    for good in [
        json!({}),
        json!({"aud": ["app"]}),
        json!({"aud": ["app", "other"], "azp": "app"}),
        json!({"at_hash": hash}),
        json!({"iat": soon + 20}),
        json!({"exp": soon - 20}),
    ] {
        let token = signed(&key, &header(&key), &with(&good));
        assert!(
            check_id_token(&token, &set(&key), &EXPECTED, now()).is_ok(),
            "{good}"
        );
    }
    for (bad, why) in [
        (
            json!({"iss": "https://idp.example/"}),
            TokenError::WrongIssuer.into(),
        ),
        (json!({"iss": null}), TokenError::MissingClaim("iss").into()),
        (json!({"aud": "other"}), TokenError::WrongAudience.into()),
        (
            json!({"aud": ["other", "app2"]}),
            TokenError::WrongAudience.into(),
        ),
        (
            json!({"aud": ["app", "other"]}),
            ProviderTokenError::AuthorizedParty,
        ),
        (json!({"azp": "other"}), ProviderTokenError::AuthorizedParty),
        (json!({"azp": 7}), ProviderTokenError::AuthorizedParty),
        (json!({"nonce": "n-2"}), ProviderTokenError::Nonce),
        (json!({"nonce": null}), ProviderTokenError::Nonce),
        (
            json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
            ProviderTokenError::AccessTokenHash,
        ),
        (json!({"at_hash": 7}), ProviderTokenError::AccessTokenHash),
        (json!({"exp": soon - 30}), TokenError::Expired.into()),
        (json!({"exp": null}), TokenError::MissingClaim("exp").into()),
        (json!({"exp": "tomorrow"}), TokenError::BadClaim("exp").into()),
        (json!({"iat": soon + 31}), TokenError::NotYetValid.into()),
        (json!({"iat": null}), TokenError::MissingClaim("iat").into()),
        (json!({"sub": null}), TokenError::MissingClaim("sub").into()),
    ] {
        let token = signed(&key, &header(&key), &with(&bad));
        assert_eq!(
            check_id_token(&token, &set(&key), &EXPECTED, now()),
            Err(why),
            "{bad}"
        );
    }
}

#[test]
fn the_signature_is_of_the_providers_key_and_of_no_public_secret() {
    let (key, other) = (key(), key());
    let keys = set(&key);
    let check = |token: &str| check_id_token(token, &keys, &EXPECTED, now()).map(drop);
    let refused = |why: TokenError| Err(why.into());

    assert_eq!(
        check(&signed(&other, &header(&key), &claims())),
        refused(TokenError::BadSignature)
    );
    assert_eq!(
        check(&signed(&other, &header(&other), &claims())),
        refused(TokenError::UnknownKey)
    );
    let (body, _) = signed(&key, &json!({"alg": "none"}), &claims())
        .rsplit_once('.')
        .map(|(b, s)| (b.to_owned(), s.to_owned()))
        .unwrap();
    assert!(matches!(
        check(&format!("{body}.")),
        Err(ProviderTokenError::Token(TokenError::Malformed(_)))
    ));
    assert_eq!(
        check(&format!("{body}.AAAA")),
        refused(TokenError::WrongAlgorithm)
    );
    // HS256 with what everybody can fetch.
    let public = serde_json::to_vec(&key.public_jwk().unwrap()).unwrap();
    let hmac = SigningKey::from_secret(Algorithm::HS256, &public).unwrap();
    let token = signed(&hmac, &json!({"alg": "HS256", "kid": &**key.kid()}), &claims());
    assert_eq!(check(&token), refused(TokenError::WrongAlgorithm));
    // An access token or a logout token is no ID token.
    for kind in ["at+jwt", "logout+jwt"] {
        let header = json!({"alg": "ES256", "kid": &**key.kid(), "typ": kind});
        assert_eq!(
            check(&signed(&key, &header, &claims())),
            refused(TokenError::WrongType)
        );
    }
}

#[test]
fn a_logout_token_says_what_it_must_or_is_refused() {
    let key = key();
    let event = json!({ LOGOUT: {} });
    let base = json!({"nonce": null, "jti": "j-1", "events": event, "sid": "p-1"});
    let check = |changes: Value| {
        let mut all = base.clone();
        for (name, value) in changes.as_object().unwrap() {
            all[name] = value.clone();
        }
        let token = signed(&key, &header(&key), &with(&all));
        check_logout_token(&token, &set(&key), IDP, "app", now())
    };
    let found = check(json!({})).unwrap();
    assert_eq!(
        (
            found.subject.as_deref(),
            found.session.as_deref(),
            found.id.as_str()
        ),
        (Some("s-1"), Some("p-1"), "j-1")
    );
    assert_eq!(found.until, now() + Duration::from_secs(330));
    assert!(check(json!({"sub": null})).is_ok());
    assert!(check(json!({"sid": null})).is_ok());
    for bad in [
        json!({"sub": null, "sid": null}),
        json!({"nonce": "n"}),
        json!({"events": null}),
        json!({"events": {"other": {}}}),
        json!({"events": {LOGOUT: true}}),
        json!({"jti": null}),
        json!({"sub": ""}),
    ] {
        let refused = check(bad.clone());
        assert!(
            matches!(refused, Err(ProviderTokenError::Logout(_))),
            "{bad}: {refused:?}"
        );
    }
    for (bad, why) in [
        (json!({"iss": "https://other.example"}), TokenError::WrongIssuer),
        (json!({"aud": "other"}), TokenError::WrongAudience),
        (json!({"exp": now().unix_seconds() - 30}), TokenError::Expired),
        (json!({"iat": null}), TokenError::MissingClaim("iat")),
    ] {
        assert_eq!(check(bad), Err(why.into()));
    }
}

#[test]
fn a_client_says_who_it_is_to_one_provider() {
    let key = key();
    let assertion = ClientAssertion {
        issuer: "app",
        client: "app",
        audience: IDP,
        kid: None,
        id: "j-1",
        lifetime: Duration::from_secs(60),
    };
    let token = assertion.sign(&key, now()).unwrap();
    let expected = crate::token::Expected {
        issuer: Some("app"),
        audience: Some(IDP),
        leeway: Duration::ZERO,
    };
    let claims = crate::token::verify_with_jwks(token.expose_secret(), &set(&key), &expected, now()).unwrap();
    assert_eq!((&claims["sub"], &claims["jti"]), (&json!("app"), &json!("j-1")));
    let named = ClientAssertion {
        kid: Some("ABC"),
        ..assertion
    }
    .sign(&key, now())
    .unwrap();
    let (header, _) = named.expose_secret().split_once('.').unwrap();
    assert!(
        String::from_utf8(URL_SAFE_NO_PAD.decode(header).unwrap())
            .unwrap()
            .contains("\"kid\":\"ABC\"")
    );
}
