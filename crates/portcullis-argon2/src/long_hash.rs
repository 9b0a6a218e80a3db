//! `BLAKE2b` around the memory: the first blocks and the digest (RFC 9106, sections 3.2 and 3.3).

use argon2::{Algorithm, Block, Error, Params, Version};
use blake2::{
    Blake2b512, Blake2bVarCore, Digest,
    digest::{
        array::Array,
        block_api::{UpdateCore as _, VariableOutputCore as _},
        block_buffer::LazyBuffer,
    },
};
use zeroize::Zeroizing;

/// Half of a digest: what each step of the long hash gives.
const HALF: usize = 32;

/// What is hashed, and how long the digest will be.
pub(crate) struct Input<'a> {
    pub(crate) password: &'a [u8],
    pub(crate) salt: &'a [u8],
    pub(crate) secret: &'a [u8],
    pub(crate) length: usize,
}

impl Input<'_> {
    /// `H0`: everything that the function depends on.
    pub(crate) fn seed(
        &self,
        algorithm: Algorithm,
        version: Version,
        params: &Params,
    ) -> Result<Zeroizing<[u8; 64]>, Error> {
        let size = |bytes: usize, error| u32::try_from(bytes).map(u32::to_le_bytes).map_err(|_| error);
        let mut hash = Blake2b512::new();
        let mut add = |bytes: &[u8]| Digest::update(&mut hash, bytes);
        add(&params.p_cost().to_le_bytes());
        add(&size(self.length, Error::OutputTooLong)?);
        for number in [params.m_cost(), params.t_cost(), version as u32, algorithm as u32] {
            add(&number.to_le_bytes());
        }
        add(&size(self.password.len(), Error::PwdTooLong)?);
        add(self.password);
        add(&size(self.salt.len(), Error::SaltTooLong)?);
        add(self.salt);
        add(&size(self.secret.len(), Error::SecretTooLong)?);
        add(self.secret);
        add(&size(params.data().len(), Error::AdTooLong)?);
        add(params.data());
        Ok(Zeroizing::new(hash.finalize().into()))
    }
}

/// The first two blocks of each lane.
pub(crate) fn first_blocks(seed: &[u8; 64], lanes: &mut [Block], lane_length: usize) -> Result<(), Error> {
    let mut bytes = Zeroizing::new([0; Block::SIZE]);
    for (lane, blocks) in (0u32..).zip(lanes.chunks_exact_mut(lane_length)) {
        for (index, block) in (0u32..).zip(blocks.iter_mut().take(2)) {
            let parts: [&[u8]; 3] = [seed, &index.to_le_bytes(), &lane.to_le_bytes()];
            long_hash(&parts, &mut *bytes)?;
            for (word, bytes) in block.as_mut().iter_mut().zip(bytes.as_chunks::<8>().0) {
                *word = u64::from_le_bytes(*bytes);
            }
        }
    }
    Ok(())
}

/// The digest, from the last blocks of all lanes.
pub(crate) fn digest(lanes: &[Block], lane_length: usize, digest: &mut [u8]) -> Result<(), Error> {
    let mut bytes = Zeroizing::new([0; Block::SIZE]);
    for last in lanes.chunks_exact(lane_length).filter_map(<[Block]>::last) {
        for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(last.as_ref()) {
            *bytes = (u64::from_le_bytes(*bytes) ^ word).to_le_bytes();
        }
    }
    long_hash(&[&*bytes], digest)
}

/// `H'`: a digest of any length.
fn long_hash(parts: &[&[u8]], out: &mut [u8]) -> Result<(), Error> {
    let length = u32::try_from(out.len()).map_err(|_| Error::OutputTooLong)?;
    let length = length.to_le_bytes();
    if out.len() <= 2 * HALF {
        return short_hash([&length[..]].iter().chain(parts), out);
    }
    let mut hash = Blake2b512::new();
    hash.update(length);
    for part in parts {
        hash.update(part);
    }
    let mut step = Zeroizing::new(<[u8; 2 * HALF]>::from(hash.finalize()));
    let mut rest = out;
    loop {
        let (here, after) = rest.split_at_mut(HALF);
        here.copy_from_slice(&step[..HALF]);
        rest = after;
        if rest.len() <= 2 * HALF {
            return short_hash([&step[..]].iter(), rest);
        }
        *step = Blake2b512::digest(*step).into();
    }
}

/// `BLAKE2b` with a digest of at most 64 bytes.
fn short_hash<'a>(parts: impl Iterator<Item = &'a &'a [u8]>, out: &mut [u8]) -> Result<(), Error> {
    let mut hash = Blake2bVarCore::new(out.len()).map_err(|_| Error::OutputTooShort)?;
    let mut buffer = LazyBuffer::default();
    for part in parts {
        buffer.digest_blocks(part, |blocks| hash.update_blocks(blocks));
    }
    let mut full = Array::default();
    hash.finalize_variable_core(&mut buffer, &mut full);
    out.copy_from_slice(full.get(..out.len()).ok_or(Error::OutputTooLong)?);
    Ok(())
}
