use super::*;

const ARGON2ID: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$tK1kxwBOsZ/Xj7ZgGSxxMDYTV9lvdJle4NPOUJ9Yiak";

fn error(text: &str) -> HashFormatError {
    match StoredHash::parse(text) {
        Ok(_) => panic!("taken: {text}"),
        Err(error) => error,
    }
}

#[test]
fn what_cannot_be_checked_is_refused_with_the_reason() {
    for text in [
        "",
        "plain password",
        "$6$rounds=5000$salt$digest",
        "5f4dcc3b5aa765d61d8327deb882cf99",
    ] {
        assert_eq!(error(text), HashFormatError::Unknown, "{text}");
    }
    let digest = &ARGON2ID[ARGON2ID.len() - 43..];
    for text in [
        "$argon2id$v=19$m=19456,t=2,p=1".to_owned(),
        "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg".to_owned(),
        format!("{ARGON2ID}$more"),
        format!("{ARGON2ID}="),
        format!("{}l", &ARGON2ID[..ARGON2ID.len() - 1]),
        format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA${digest}"),
        "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1".to_owned(),
        format!(
            "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg${}",
            "A".repeat(88)
        ),
        format!("$pbkdf2-sha256$i=1000,l=16$MDEyMzQ1Njc4OWFiY2RlZg${digest}"),
        "$2b$05$Ts.S.mxC.F2ZK6eQnNX4Lu2yAm4WnlvQN86wLTbpLChI85tBEZUB".to_owned(),
        "$2b$05$Ts.S.mxC.F2ZK6eQnNX4Lu2yAm4WnlvQN86wLTbpLChI85tBEZUBé".to_owned(),
        "$2b$05$Ts.S.mxC.F2ZK6eQnNX4Lu2yAm4WnlvQN86wLTbpLChI85tBEZUB$".to_owned(),
    ] {
        assert!(matches!(error(&text), HashFormatError::Malformed(..)), "{text}");
    }
    // The digest is what shows how much work PBKDF2 is, where the parameters do not say.
    let long = "A".repeat(86);
    assert!(matches!(
        error(&format!("$pbkdf2-sha256$3000000$MDEyMzQ1Njc4OWFiY2RlZg${long}")),
        HashFormatError::Costly(..)
    ));
    assert!(StoredHash::parse(&format!("$pbkdf2-sha512$3000000$MDEyMzQ1Njc4OWFiY2RlZg${long}")).is_ok());
}

#[test]
fn white_space_around_an_imported_hash_is_dropped() {
    assert_eq!(
        StoredHash::parse(&format!(" {ARGON2ID}\n")).unwrap().expose(),
        ARGON2ID
    );
}

#[test]
fn ours_reads_back() {
    let params = Argon2Params::new(47_104, 1, 2).unwrap();
    let hash = StoredHash::compose(params, &[1; 16], &[2; 32]);
    assert_eq!(hash.kind(), "$argon2id$v=19$m=47104,t=1,p=2");
    let parts = hash.parts().unwrap();
    assert_eq!(parts.recipe, params.into());
    assert_eq!(
        (parts.salt.get(), parts.digest.get()),
        ([1u8; 16].as_slice(), [2u8; 32].as_slice())
    );
    assert!(!needs_rehash(&hash, &params));
}

#[test]
fn weaker_and_other_hashes_are_replaced() {
    let needs = |text: &str, params| needs_rehash(&StoredHash::from_stored(text.to_owned()), &params);
    let usual = Argon2Params::default();
    assert!(!needs(ARGON2ID, usual));
    assert!(needs(ARGON2ID, Argon2Params::new(19_456, 3, 1).unwrap()));
    assert!(needs(ARGON2ID, Argon2Params::new(47_104, 1, 1).unwrap()));
    for text in [
        ARGON2ID.replace("argon2id", "argon2i"),
        ARGON2ID.replace("argon2id", "argon2d"),
        ARGON2ID.replace("v=19", "v=16"),
        ARGON2ID.replace("v=19$", ""),
        ARGON2ID.replace("MDEyMzQ1Njc4OWFiY2RlZg", "MDEyMzQ1Njc4OQ"),
        "$2b$05$Ts.S.mxC.F2ZK6eQnNX4Lu2yAm4WnlvQN86wLTbpLChI85tBEZUBC".to_owned(),
        "no hash".to_owned(),
    ] {
        assert!(needs(&text, usual), "{text}");
    }
}
