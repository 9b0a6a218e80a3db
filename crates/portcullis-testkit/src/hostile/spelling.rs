//! The valid token in other spellings, and parts of it in other places.

use base64::{
    Engine as _, alphabet,
    engine::general_purpose::{GeneralPurpose, NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::json;

use super::{Case, forger::Forger};

pub(super) fn add(forger: &Forger<'_>, cases: &mut Vec<Case>) {
    spelled(forger, cases);
    misplaced(forger, cases);
}

/// The parts of the target's token.
fn parts<'a>(forger: &Forger<'a>) -> [&'a str; 3] {
    let parts: Vec<&str> = forger.target.token.split('.').collect();
    parts.try_into().expect("three parts")
}

fn spelled(forger: &Forger<'_>, cases: &mut Vec<Case>) {
    let token = forger.target.token;
    let [header, payload, signature] = parts(forger);
    let again = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let mut push = |name: &str, token: String| cases.push((name.to_owned(), token));

    push("padded with =", format!("{token}="));
    push("padded with ==", format!("{token}=="));
    push("header padded", format!("{header}=.{payload}.{signature}"));
    push("payload padded", format!("{header}.{payload}=.{signature}"));
    push(
        "a ? after the payload",
        format!("{header}.{payload}?.{signature}"),
    );
    push(
        "a space before the signature",
        format!("{header}.{payload}. {signature}"),
    );
    push(
        "a space within the payload",
        format!("{header}.{} {}.{signature}", &payload[..9], &payload[9..]),
    );
    push(
        "a tab within the header",
        format!("{}\t{}.{payload}.{signature}", &header[..5], &header[5..]),
    );
    push(
        "unused bits in the signature",
        format!("{header}.{payload}.{}", respelled(signature)),
    );
    push("percent-encoded dots", token.replace('.', "%2E"));
    push("in quotes", format!("\"{token}\""));
    push("two, with a comma", format!("{token},{token}"));
    push("Bearer twice", format!("Bearer {token}"));
    push("one part", header.to_owned());
    push("two parts", format!("{header}.{payload}"));
    push("four parts, the last empty", format!("{token}."));
    push("four parts", format!("{token}.{signature}"));
    push("empty signature", format!("{header}.{payload}."));
    push("empty payload", format!("{header}..{signature}"));
    push("empty header", format!(".{payload}.{signature}"));
    push("dots alone", "..".to_owned());
    push("one character", "x".to_owned());
    push(
        "parts in another order",
        format!("{payload}.{header}.{signature}"),
    );
    push("all in capitals", token.to_uppercase());
    push(
        "flattened JSON",
        json!({ "protected": header, "payload": payload, "signature": signature }).to_string(),
    );
    push(
        "general JSON",
        json!({ "payload": payload, "signatures": [{ "protected": header, "signature": signature }] })
            .to_string(),
    );
    let jwe = again(br#"{"alg":"dir","enc":"A128GCM"}"#);
    push(
        "JWE, direct",
        format!("{jwe}..AAAAAAAAAAAAAAAA.{payload}.AAAAAAAAAAAAAAAAAAAAAA"),
    );
    let jwe = again(br#"{"alg":"RSA-OAEP","enc":"A256GCM","zip":"DEF"}"#);
    push(
        "JWE, with a key",
        format!("{jwe}.{signature}.AAAAAAAAAAAAAAAA.{payload}.AAAAAAAAAAAAAAAAAAAAAA"),
    );
    let jwe = again(br#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAA"}"#);
    push(
        "JWE, two billion rounds",
        format!("{jwe}.AAAA.AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"),
    );
    push("too long", format!("{header}.{}.{signature}", "A".repeat(9000)));
}

fn misplaced(forger: &Forger<'_>, cases: &mut Vec<Case>) {
    let [header, payload, signature] = parts(forger);
    let bytes = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let again = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let mut push = |name: &str, token: String| cases.push((name.to_owned(), token));

    push(
        "signature cut off",
        format!("{header}.{payload}.{}", again(&bytes[..bytes.len() - 1])),
    );
    push(
        "signature longer",
        format!("{header}.{payload}.{}", again(&[bytes.as_slice(), &[0]].concat())),
    );
    push(
        "signature longer in front",
        format!("{header}.{payload}.{}", again(&[&[0], bytes.as_slice()].concat())),
    );
    push(
        "signature twice",
        format!("{header}.{payload}.{}", again(&bytes.repeat(2))),
    );
    push(
        "signature of zeros",
        format!("{header}.{payload}.{}", again(&vec![0; bytes.len()])),
    );
    push(
        "signature of ones",
        format!("{header}.{payload}.{}", again(&vec![0xff; bytes.len()])),
    );
    push("signature of one byte", format!("{header}.{payload}.AA"));
    push("signature reversed", {
        let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
        format!("{header}.{payload}.{}", again(&reversed))
    });
    if bytes.len() == 64 {
        // ECDSA as ASN.1 has it, not as JWS does (RFC 7518, section 3.4).
        push(
            "signature in DER",
            format!("{header}.{payload}.{}", again(&asn1(&bytes[..32], &bytes[32..]))),
        );
    }
    let other = forger
        .claims(&json!({ "sub": "01890000-0000-7000-8000-000000000000" }))
        .to_string();
    push(
        "the signature under other claims",
        format!("{header}.{}.{signature}", again(other.as_bytes())),
    );
    let more = forger
        .claims(&json!({ "scope": "me admin", "roles": ["admin", "user"] }))
        .to_string();
    push(
        "the signature under more scopes",
        format!("{header}.{}.{signature}", again(more.as_bytes())),
    );
    let standard = GeneralPurpose::new(&alphabet::STANDARD, NO_PAD).encode([0xfb, 0xff, 0xfe]);
    push(
        "the other base64 alphabet",
        format!("{header}.{payload}.{standard}"),
    );
}

/// The same bytes with other unused bits in the last character. Where none are unused, other bytes.
fn respelled(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = text.split_at(text.len() - 1);
    let at = ALPHABET
        .iter()
        .position(|c| last.as_bytes()[0] == *c)
        .expect("base64url");
    format!("{rest}{}", char::from(ALPHABET[at ^ 1]))
}

fn asn1(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let mut bytes: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
        if bytes.first().is_none_or(|byte| *byte >= 0x80) {
            bytes.insert(0, 0);
        }
        [vec![2, bytes.len().to_le_bytes()[0]], bytes].concat()
    };
    let content = [integer(r), integer(s)].concat();
    [vec![0x30, content.len().to_le_bytes()[0]], content].concat()
}
