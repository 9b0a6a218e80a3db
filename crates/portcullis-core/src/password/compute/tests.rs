use proptest::prelude::*;

use super::*;
use crate::password::{Password, StoredHash};

fn check(hash: &str, password: &str, memory: &mut Memory) -> bool {
    let parts = StoredHash::parse(hash).unwrap().parts().unwrap();
    matches(&parts, Password::new(password).expose().as_bytes(), memory).unwrap()
}

const PASSWORD: &str = "Tr0mbón 字🦀";

/// Made by argon2-cffi, bcrypt, hashlib and passlib of Python.
const BY_OTHERS: [&str; 16] = [
    "$argon2id$v=19$m=256,t=3,p=1$c29tZXNhbHQxMjM0NTY3OA$+G0tkSsYroWS9XrVzmJXV0QARtvMHmA1C6XBh4oQO00",
    "$argon2i$v=19$m=256,t=3,p=1$c29tZXNhbHQxMjM0NTY3OA$TDzu+Y79XLS/qR4yGKO86c0hr5mwMEkTaLnNVTTsmTk",
    "$argon2d$v=19$m=256,t=3,p=1$c29tZXNhbHQxMjM0NTY3OA$p8PLYgAM4NFdvtA3ba7HNFwWohf4iKEngj8A2pVJTRw",
    "$argon2id$v=19$m=512,t=2,p=4$c29tZXNhbHQxMjM0NTY3OA$udgJ4xzO7eBCxal+YG55mgZwJRhmxevZ0lgU+jZpajw",
    "$argon2i$v=16$m=256,t=3,p=1$c29tZXNhbHQxMjM0NTY3OA$dunKngpCFB1nz8qYTiVqh2FFVrFPfCF2S0tSe2MhibQ",
    "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$tK1kxwBOsZ/Xj7ZgGSxxMDYTV9lvdJle4NPOUJ9Yiak",
    "$2a$05$ljroqvEQxDfnhzji5vbKTOg4wo4i5HefBhK7fsrsTZYbzpibbvAcW",
    "$2b$05$Ts.S.mxC.F2ZK6eQnNX4Lu2yAm4WnlvQN86wLTbpLChI85tBEZUBC",
    "$2y$05$.XHfMWOnE9bkhWbC3wTtV.s5NN1QKBDr4JU7pI2Ba/YExMTO7H7IS",
    "$scrypt$ln=10,r=8,p=2$c2FsdHNhbHRzYWx0c2FsdA$Mbv80Yyl2WV1Ig4/S7nuNnW4WJYoo1xyvj/SvFwDG5E",
    "$scrypt$ln=9,r=8,p=1$TmkN4RwDoDSG8N47J4Rw7g$oA4nyX63uoDA5x7iJoYtqOJFLSc6QMg69uKkJ5GMgFE",
    "$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA$QvdYhFhiNYDZeEGk17TSnnI73MMj/3vv25yWzZxlHqg",
    "$pbkdf2-sha256$i=1000,l=64$c2FsdHNhbHRzYWx0c2FsdA\
     $QvdYhFhiNYDZeEGk17TSnnI73MMj/3vv25yWzZxlHqjxBEoqzarkag0CJYot3MWcjM4w55dEOQEy3ZsZmYvmbg",
    "$pbkdf2-sha512$i=777$c2FsdHNhbHRzYWx0c2FsdA$BLQv079WM8rDM/pY33JDUv2he4hvrfx7UTFmca0IaLM",
    "$pbkdf2-sha256$900$XuudM0YIoVQq5XyPEeJ87w$Jt7/MuS.aD9vMeYmPptz2wXrP.pT.QCWhL3lO3QN6Xs",
    "$pbkdf2-sha512$900$zVnrPafUeg.h9B5DSCklJA\
     $3wTnjzEEHACfGyEi5b1TRhNHYzMUCxHZMp3qmF3nm5JbS43rc0g3I1ilwgPUU5rSVRB8ChAQsvv0/NbMR7y3SA",
];

#[test]
fn hashes_by_other_implementations_are_understood() {
    let mut memory = Memory::default();
    for hash in BY_OTHERS {
        assert!(check(hash, PASSWORD, &mut memory), "{hash}");
        assert!(
            check(hash, &PASSWORD.replace('ó', "o\u{301}"), &mut memory),
            "{hash}: decomposed"
        );
        for wrong in ["", "Tr0mbón 字", "tr0mbón 字🦀", "Tr0mbón 字🦀 "] {
            assert!(!check(hash, wrong, &mut memory), "{hash}: {wrong}");
        }
    }
}

#[test]
fn one_changed_digit_of_the_digest_is_another_hash() {
    let mut memory = Memory::default();
    for hash in BY_OTHERS {
        let mut changed = hash.to_owned().into_bytes();
        let at = changed.len() - 5;
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(
            !check(std::str::from_utf8(&changed).unwrap(), PASSWORD, &mut memory),
            "{hash}"
        );
    }
}

#[test]
fn bcrypt_never_takes_a_password_for_its_beginning() {
    let mut memory = Memory::default();
    let of_72 = "$2b$04$/Er5AUNqVUSsAV6Wmy8bcehJJkNPmi72Y/Vy4r3nTrv9gNHy4cHQi";
    assert!(check(of_72, &"x".repeat(72), &mut memory));
    assert!(!check(of_72, &"x".repeat(73), &mut memory));
    assert!(!check(
        of_72,
        &format!("{}, and more", "x".repeat(72)),
        &mut memory
    ));
    // To bcrypt, which repeats the key with a zero byte after it, these two are one.
    let of_abc = "$2b$04$CU1IhfQp55Wgzw3/eacXce.zKKKu9CePRE8ChFwOyDiYYOp2HRQLy";
    assert!(check(of_abc, "abc", &mut memory));
    assert!(!check(of_abc, "abc\0abc", &mut memory));
    assert!(!check(of_abc, "abc\0", &mut memory));
}

#[test]
fn memory_grows_is_kept_and_is_given_back() {
    let mut memory = Memory::default();
    assert_eq!(memory.size(), 0);
    let place = memory.blocks(64).unwrap().as_ptr();
    assert_eq!(memory.size(), 64 * 1024);
    assert_eq!(memory.blocks(64).unwrap().as_ptr(), place, "reused");
    assert_eq!(memory.blocks(8).unwrap().len(), 8);
    assert_eq!(memory.size(), 64 * 1024);
    memory.blocks(RESERVE + 1).unwrap();
    memory.keep_at_most(33 * 1024 + 1);
    assert_eq!(memory.size(), (RESERVE + 1) * 1024);
    memory.keep_at_most(64);
    assert_eq!(memory.size(), 0);
    assert!(memory.blocks(usize::MAX).is_err());
    assert_eq!(memory.blocks(64).unwrap().len(), 64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn used_memory_gives_what_fresh_memory_gives(
        jobs in prop::collection::vec(("[a-z]{0,12}", any::<[u8; 16]>(), 8u32..300, 1u32..3, 1u32..4), 1..6)
    ) {
        let mut used = Memory::default();
        for (password, salt, memory, passes, lanes) in jobs {
            let memory = memory.max(8 * lanes);
            let recipe = Recipe::parse(&format!("$argon2id$v=19$m={memory},t={passes},p={lanes}")).unwrap();
            let (mut ours, mut fresh) = ([0; 32], [0; 32]);
            compute(&recipe, password.as_bytes(), &salt, &mut used, &mut ours).unwrap();
            compute(&recipe, password.as_bytes(), &salt, &mut Memory::default(), &mut fresh).unwrap();
            prop_assert_eq!(ours, fresh);
        }
    }
}
