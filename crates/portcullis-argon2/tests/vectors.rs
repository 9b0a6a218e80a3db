//! The vectors of the standard.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use portcullis_argon2::{Algorithm, Argon2, AssociatedData, Block, Error, ParamsBuilder, Version};

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// RFC 9106, sections 5.1 to 5.3, one after the other in the same memory.
#[test]
fn vectors_of_rfc_9106_in_memory_that_was_used_before() {
    let wanted = [
        (
            Algorithm::Argon2d,
            "512b391b6f1162975371d30919734294f868e3be3984f3c1a13a4db9fabe4acb",
        ),
        (
            Algorithm::Argon2i,
            "c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8",
        ),
        (
            Algorithm::Argon2id,
            "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659",
        ),
    ];
    let mut memory = vec![Block::new(); 64];
    let mut params = ParamsBuilder::new();
    params
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .data(AssociatedData::new(&[4; 12]).unwrap());
    for _ in 0..2 {
        for (algorithm, digest) in wanted {
            let keyed =
                || Argon2::keyed(&[3; 8], algorithm, Version::V0x13, params.build().unwrap()).unwrap();
            for argon2 in [keyed(), keyed().portable()] {
                let mut out = [0; 32];
                argon2
                    .hash_into(&[1; 32], &[2; 16], &mut memory, &mut out)
                    .unwrap();
                assert_eq!(hex(&out), digest, "{algorithm:?} {}", argon2.kernel().name());
            }
        }
    }
}

#[test]
fn what_cannot_be_hashed_is_refused_by_every_kernel() {
    let new = || {
        let params = ParamsBuilder::new().m_cost(32).build().unwrap();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
    };
    let mut memory = vec![Block::new(); 32];
    for argon2 in [new(), new().portable()] {
        let mut hash = |salt: &[u8], blocks: usize, length: usize| {
            argon2.hash_into(b"password", salt, &mut memory[..blocks], &mut vec![0; length])
        };
        assert_eq!(hash(&[0; 8], 32, 32), Ok(()));
        assert_eq!(hash(&[0; 7], 32, 32), Err(Error::SaltTooShort));
        assert_eq!(hash(&[0; 8], 31, 32), Err(Error::MemoryTooLittle));
        assert_eq!(hash(&[0; 8], 32, 3), Err(Error::OutputTooShort));
    }
}
