//! Published examples: they hold, and with one byte changed they do not.

use std::time::Duration;

use super::*;
use crate::{clock::Timestamp, key::JwkSet};

const PAYLOAD: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

/// Name, key, header, payload, signature.
fn examples() -> [(
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
); 4] {
    [
        (
            "RFC 7515, A.1",
            r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#,
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
            PAYLOAD,
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
        (
            "RFC 7515, A.2",
            concat!(
                r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEz"#,
                "P1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdb",
                "BYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NA",
                r#"co9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#
            ),
            "eyJhbGciOiJSUzI1NiJ9",
            PAYLOAD,
            concat!(
                "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9",
                "CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOL",
                "n6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtV",
                "rBp0igcN_IoypGlUPQGe77Rw"
            ),
        ),
        (
            "RFC 7515, A.3",
            r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
            "eyJhbGciOiJFUzI1NiJ9",
            PAYLOAD,
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        (
            "RFC 8037, A.4",
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            "eyJhbGciOiJFZERTQSJ9",
            "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ]
}

#[test]
fn published_signatures_hold() {
    for (name, key, header, payload, signature) in examples() {
        let keys = JwkSet::parse(key.as_bytes()).unwrap();
        let payload_bytes = verify_jws(&format!("{header}.{payload}.{signature}"), &keys);
        assert!(payload_bytes.is_ok(), "{name}: {payload_bytes:?}");
        // `Q` is another character in the middle of all of them.
        let mut changed = signature.to_owned();
        changed.replace_range(20..21, if &signature[20..21] == "Q" { "R" } else { "Q" });
        let refused = verify_jws(&format!("{header}.{payload}.{changed}"), &keys);
        assert_eq!(refused, Err(TokenError::BadSignature), "{name}");
    }
}

#[test]
fn claims_of_others_are_checked_as_asked() {
    let (_, key, header, payload, signature) = examples()[2];
    let keys = JwkSet::parse(key.as_bytes()).unwrap();
    let token = format!("{header}.{payload}.{signature}");
    let in_time = Timestamp::from_unix_seconds(1_300_819_379);
    let verify = |issuer, audience, now| {
        let expected = Expected {
            issuer,
            audience,
            leeway: Duration::ZERO,
        };
        verify_with_jwks(&token, &keys, &expected, now).map(|claims| claims["iss"].clone())
    };
    assert_eq!(verify(Some("joe"), None, in_time), Ok("joe".into()));
    assert_eq!(verify(None, None, in_time), Ok("joe".into()));
    assert_eq!(verify(Some("jo"), None, in_time), Err(TokenError::WrongIssuer));
    assert_eq!(
        verify(None, Some("api"), in_time),
        Err(TokenError::MissingClaim("aud"))
    );
    let late = in_time + Duration::from_secs(1);
    assert_eq!(verify(Some("joe"), None, late), Err(TokenError::Expired));
}

#[test]
fn a_payload_that_is_no_claims_is_only_for_raw() {
    let (_, key, header, payload, signature) = examples()[3];
    let keys = JwkSet::parse(key.as_bytes()).unwrap();
    let token = format!("{header}.{payload}.{signature}");
    assert_eq!(verify_jws(&token, &keys).unwrap(), b"Example of Ed25519 signing");
    let expected = Expected {
        issuer: None,
        audience: None,
        leeway: Duration::ZERO,
    };
    let refused = verify_with_jwks(&token, &keys, &expected, Timestamp::default());
    assert_eq!(refused, Err(TokenError::Malformed("not JSON")));
}
