use proptest::prelude::*;

use super::*;
use crate::password::{
    Password,
    compute::{Memory, matches},
};

const PASSWORD: &str = "correct horse 9 battery";

fn fits(hash: &StoredHash, password: &str) -> bool {
    let parts = hash.parts().unwrap();
    matches(
        &parts,
        Password::new(password).expose().as_bytes(),
        &mut Memory::default(),
    )
    .unwrap()
}

/// Made by passlib 1.7.4 and Django 5.2.
const BY_OTHERS: [(&str, &str); 12] = [
    (
        "$bcrypt-sha256$v=2,t=2b,r=5$dRFCjC/427xgXms3F8Qb.u$u3WnKDC6iAb2LXwwXMoba1gYsNavmHO",
        "$bcrypt-sha256$v=2,t=2b,r=5",
    ),
    (
        "$bcrypt-sha256$2b,5$qgSr4tjoVApoTcOhhVQ9mO$DQ0c0/XdY5IpSFJFVj/tqI5qZCPb0rq",
        "$bcrypt-sha256$2b,5",
    ),
    (
        "$2b$05$cYzlmIfoo6RjFsqPfH11yeye6xKMhOD/AJmiHvneBkxSMsRX.GmP2",
        "$2b$05",
    ),
    (
        "$pbkdf2-sha256$1000$z9k7ZyzlPIcQQijFGCNkTA$aWhm/ijyAc77TAIQD1EkXdaQUnfUDDwQM70nuhehXdQ",
        "$pbkdf2-sha256$1000",
    ),
    (
        "$pbkdf2-sha512$1000$YywFYIxxbu1dqxUixJjTWg$j9cYE8mSTIaHbsOPUG0AjD3JKGJsaoSrrgPq5dS9wec2i9m5N.g5/Ka5o05Rpw8m6/8ZuykLwAwaxGYNSipp/w",
        "$pbkdf2-sha512$1000",
    ),
    (
        "$scrypt$ln=10,r=8,p=1$jZGyNibk3DuHcE4JAWBszQ$47MjD1l+2tU29Ovta0Lsyu6b+0mM+zuZCX8vCUm705o",
        "$scrypt$ln=10,r=8,p=1",
    ),
    (
        "$argon2id$v=19$m=1024,t=2,p=2$M0ZIKSUkxBhD6N3bG+PcGw$eDc/iGA6htvs72LOI4YtueTvMGpgLbFUwg5QGMIxviQ",
        "$argon2id$v=19$m=1024,t=2,p=2",
    ),
    (
        "pbkdf2_sha256$1000$seasalt12charsXYZ$8PV37yS5z9fBTpCJ7arIZmTsD0yMrv+4Hyw4j77Z7uU=",
        "$pbkdf2-sha256$i=1000",
    ),
    (
        "bcrypt_sha256$$2b$05$w8k8r2.ue9I3zh50VfcmGuKyZ/RkmjH3ldxqIcGiiwtgSX4gJ7cN.",
        "$bcrypt-sha256-hex$2b,05",
    ),
    (
        "bcrypt$$2b$05$p9JsS.cUxgriYelD0n18JOQzY9MdmokuEKEjpeLvSohtcEWUNQYKi",
        "$2b$05",
    ),
    (
        "scrypt$1024$seasalt12chars$8$1$I7dUsJgFPR1bEeS3qdtHco0o7rF5H9inhCLgMsmtgTzjnTxuxbn0+0LsaNe3+xu9PPhU5BYesRd3gflvTfdBzA==",
        "$scrypt$ln=10,r=8,p=1",
    ),
    (
        "argon2$argon2id$v=19$m=1024,t=2,p=2$c2Vhc2FsdDEyY2hhcnM$EVhA/myQ1YzcZ0NrnRHzX71slw/AESySDitwm7f7eKw",
        "$argon2id$v=19$m=1024,t=2,p=2",
    ),
];

#[test]
fn hashes_of_passlib_and_django_fit_their_password_and_no_other() {
    for (text, kind) in BY_OTHERS {
        let hash = StoredHash::import(text).unwrap().unwrap();
        assert_eq!(hash.kind(), kind, "{text}");
        assert!(fits(&hash, PASSWORD), "{text}");
        assert!(!fits(&hash, "correct horse 9 batterz"), "{text}");
        // What is stored is read back alike.
        assert!(
            fits(&StoredHash::parse(hash.expose()).unwrap(), PASSWORD),
            "{text}"
        );
    }
}

#[test]
fn what_is_hashed_before_bcrypt_has_no_length() {
    let long = "$bcrypt-sha256$v=2,t=2b,r=4$VFiwB5CkgSaIKoBuDhgPQO$q0RmCz02G0D6/jorXjACATPqtC7uHCi";
    let hash = StoredHash::import(long).unwrap().unwrap();
    assert!(fits(&hash, &"\u{fc}".repeat(100)));
    assert!(!fits(&hash, &"\u{fc}".repeat(99)));
}

/// The project and the account of the documentation of Firebase's scrypt.
const CONFIG: &str = "hash_config {
  algorithm: SCRYPT,
  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,
  base64_salt_separator: Bw==,
  rounds: 8,
  mem_cost: 14,
}";
const HASH: &str = "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";
const SALT: &str = "42xEC+ixf3L2lw==";

#[test]
fn an_account_of_firebase_fits_its_password() {
    let params = FirebaseParams::parse(CONFIG).unwrap();
    for (hash, salt) in [
        (HASH.to_owned(), SALT),
        (HASH.replace('+', "-").replace('/', "_"), "42xEC-ixf3L2lw"),
    ] {
        let hash = params.import(&hash, salt).unwrap().unwrap();
        assert_eq!(hash.kind(), "$firebase-scrypt$ln=14,r=8,p=1");
        assert!(fits(&hash, "user1password"));
        assert!(!fits(&hash, "user2password"));
    }
    assert!(params.import("", "").unwrap().is_none());
    for (hash, salt) in [(HASH, "?"), ("AAAA", SALT), ("?", SALT), (&HASH[4..], SALT)] {
        assert!(params.import(hash, salt).is_err(), "{hash} {salt}");
    }
    let costly = FirebaseParams::parse(&CONFIG.replace("mem_cost: 14", "mem_cost: 30")).unwrap();
    assert!(matches!(
        costly.import(HASH, SALT).err(),
        Some(HashFormatError::Costly(..))
    ));
    for (from, to) in [
        ("SCRYPT", "BCRYPT"),
        ("rounds: 8", "rounds: x"),
        ("mem_cost", "cost"),
        ("base64_signer_key: jxsp", "base64_signer_key: ?"),
    ] {
        assert!(FirebaseParams::parse(&CONFIG.replace(from, to)).is_err(), "{to}");
    }
    // As JSON, on one line.
    let json = r#"{"algorithm":"SCRYPT","base64_signer_key":"jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==","base64_salt_separator":"Bw==","rounds":8,"mem_cost":14}"#;
    let hash = FirebaseParams::parse(json)
        .unwrap()
        .import(HASH, SALT)
        .unwrap()
        .unwrap();
    assert!(fits(&hash, "user1password"));
}

#[test]
fn accounts_without_a_password_have_none() {
    for text in [
        "",
        "  ",
        "!",
        "!IXg7ehNq3axe9j8ghZvSFTGDZg1lPj5VZblbUpwE",
        "*",
        "*LK*",
    ] {
        assert!(StoredHash::import(text).unwrap().is_none(), "{text}");
    }
}

#[test]
fn what_would_take_a_minute_is_refused() {
    for text in [
        "pbkdf2_sha256$500000000$seasalt12charsXYZ$8PV37yS5z9fBTpCJ7arIZmTsD0yMrv+4Hyw4j77Z7uU=",
        "bcrypt_sha256$$2b$20$w8k8r2.ue9I3zh50VfcmGuKyZ/RkmjH3ldxqIcGiiwtgSX4gJ7cN.",
        "$bcrypt-sha256$v=2,t=2b,r=20$dRFCjC/427xgXms3F8Qb.u$u3WnKDC6iAb2LXwwXMoba1gYsNavmHO",
        "$2b$20$cYzlmIfoo6RjFsqPfH11yeye6xKMhOD/AJmiHvneBkxSMsRX.GmP2",
        "scrypt$1073741824$seasalt12chars$8$1$I7dUsJgFPR1bEeS3qdtHco0o7rF5H9inhCLgMsmtgTw=",
        "argon2$argon2id$v=19$m=4194304,t=2,p=2$c2Vhc2FsdDEyY2hhcnM$EVhA/myQ1YzcZ0NrnRHzX71slw/AESySDitwm7f7eKw",
        "$firebase-scrypt$ln=30,r=8,p=1$jZGyNibk3DuHcE4JAWBszQ$47MjD1l+2tU29Ovta0Lsyu6b+0mM+zuZCX8vCUm705o",
    ] {
        let error = StoredHash::import(text).err().unwrap();
        assert!(matches!(error, HashFormatError::Costly(..)), "{text}: {error}");
    }
}

#[test]
fn other_forms_are_refused_without_a_word_of_the_hash() {
    for text in [
        "md5$seasalt12chars$f6d5a5b9d7d0b0f2c5b1f8b8d7f0d8d3",
        "pbkdf2_sha1$260000$seasalt12chars$kMTdBg8b1iPyFp4lq3Sp1aNvTPc=",
        "$6$rounds=5000$seasalt$Zqk1mP7xQ0",
        "pbkdf2_sha256$x$seasalt12charsXYZ$8PV37yS5z9fBTpCJ7arIZmTsD0yMrv+4Hyw4j77Z7uU=",
        "pbkdf2_sha256$1000$seasalt12charsXYZ$?",
        "pbkdf2_sha256$1000$short$8PV37yS5z9fBTpCJ7arIZmTsD0yMrv+4Hyw4j77Z7uU=",
        "pbkdf2_sha256$1000$seasalt12charsXYZ",
        "bcrypt_sha256$$2x$05$w8k8r2.ue9I3zh50VfcmGuKyZ/RkmjH3ldxqIcGiiwtgSX4gJ7cN.",
        "bcrypt_sha256$$2b$05$w8k8r2.ue9I3zh50Vfcm",
        "$bcrypt-sha256$v=3,t=2b,r=5$dRFCjC/427xgXms3F8Qb.u$u3WnKDC6iAb2LXwwXMoba1gYsNavmHO",
        "$bcrypt-sha256$v=2,t=2x,r=5$dRFCjC/427xgXms3F8Qb.u$u3WnKDC6iAb2LXwwXMoba1gYsNavmHO",
        "$bcrypt-sha256$v=2,t=2b,r=5$dRFCjC/427xgXms3F8Qb.u$",
        "scrypt$1000$seasalt12chars$8$1$I7dUsJgFPR1bEeS3qdtHco0o7rF5H9inhCLgMsmtgTw=",
        "scrypt$1024$seasalt12chars$8$1",
        "argon2$argon2id",
    ] {
        let error = StoredHash::import(text).err().unwrap();
        let said = error.to_string();
        for secret in ["seasalt", "w8k8r2", "Zqk1mP7xQ0", "dRFCjC"] {
            assert!(!said.contains(secret), "{said}");
        }
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "(pbkdf2_sha256|scrypt|bcrypt_sha256|argon2|\\$firebase-scrypt|\\$bcrypt-sha256)(\\$[a-zA-Z0-9=,+/.é]{0,30}){0,6}") {
        let _ = StoredHash::import(&text);
        let _ = FirebaseParams::parse(&text);
    }
}
