//! The kernels give the same.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use portcullis_argon2::{Algorithm, Argon2, Block, Kernel, Params, Version};
use proptest::prelude::*;

fn digest(argon2: &Argon2, password: &[u8], salt: &[u8], length: usize) -> Vec<u8> {
    // What another hash has left there.
    let mut memory = vec![Block::new(); argon2.blocks()];
    for (index, block) in memory.iter_mut().enumerate() {
        block.as_mut().fill(index as u64);
    }
    let mut digest = vec![0; length];
    argon2
        .hash_into(password, salt, &mut memory, &mut digest)
        .unwrap();
    digest
}

proptest! {
    #[test]
    fn every_kernel_gives_the_same(
        algorithm in prop::sample::select(vec![Algorithm::Argon2d, Algorithm::Argon2i, Algorithm::Argon2id]),
        version in prop::sample::select(vec![Version::V0x10, Version::V0x13]),
        lanes in 1u32..5,
        memory in 8u32..1500,
        passes in 1u32..5,
        length in 4usize..200,
        password in prop::collection::vec(any::<u8>(), 0..200),
        salt in prop::collection::vec(any::<u8>(), 8..64),
    ) {
        let params = Params::new(memory.max(8 * lanes), passes, lanes, None).unwrap();
        let ours = Argon2::new(algorithm, version, params.clone());
        let portable = Argon2::new(algorithm, version, params).portable();
        prop_assert_eq!(portable.kernel(), Kernel::Portable);
        prop_assert_eq!(
            digest(&ours, &password, &salt, length),
            digest(&portable, &password, &salt, length)
        );
    }
}
