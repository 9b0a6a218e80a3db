//! Public keys as other tools write them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// `SubjectPublicKeyInfo` (RFC 5280, section 4.1) of a public JWK: what `openssl` writes as DER.
pub(super) fn spki(key: &Value) -> Vec<u8> {
    let member = |name: &str| {
        URL_SAFE_NO_PAD
            .decode(key[name].as_str().expect("a member"))
            .expect("base64url")
    };
    match key["kty"].as_str().expect("kty") {
        "EC" => {
            let algorithm = [
                0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
                0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
            ];
            let point = [vec![4], member("x"), member("y")].concat();
            der(0x30, &[algorithm.to_vec(), bits(&point)].concat())
        }
        "OKP" => {
            let algorithm = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
            der(0x30, &[algorithm.to_vec(), bits(&member("x"))].concat())
        }
        _ => {
            let algorithm = [
                0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
            ];
            let numbers = [integer(&member("n")), integer(&member("e"))].concat();
            der(0x30, &[algorithm.to_vec(), bits(&der(0x30, &numbers))].concat())
        }
    }
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    der(0x03, &[&[0], bytes].concat())
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if bytes.first().is_some_and(|byte| *byte >= 0x80) {
        &[0]
    } else {
        &[]
    };
    der(0x02, &[sign, bytes].concat())
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let [.., high, low] = length.to_be_bytes();
    let header = match length {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [header, content.to_vec()].concat()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;

    #[test]
    fn spki_is_what_openssl_writes() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let okp = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
        // RFC 8410, section 10.1, has the same prefix.
        assert!(STANDARD.encode(spki(&okp)).starts_with("MCowBQYDK2VwAyEA"));
        assert_eq!(spki(&okp).len(), 44);
        let ec = json!({ "kty": "EC", "x": URL_SAFE_NO_PAD.encode([1; 32]), "y": URL_SAFE_NO_PAD.encode([2; 32]) });
        assert!(
            STANDARD
                .encode(spki(&ec))
                .starts_with("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE")
        );
        assert_eq!(spki(&ec).len(), 91);
        let rsa = json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xfb; 256]), "e": "AQAB" });
        assert!(
            STANDARD
                .encode(spki(&rsa))
                .starts_with("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA")
        );
        assert_eq!(spki(&rsa).len(), 294);
    }
}
