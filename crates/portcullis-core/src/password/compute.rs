//! One hash, computed in memory that the caller keeps.

use aws_lc_rs::{
    cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    iv::FixedLength,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use pbkdf2::pbkdf2_hmac;
use portcullis_argon2::{Argon2, Block, Params};
use sha2::{Digest as _, Sha256, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{
    Argon2Params,
    recipe::{Before, Prf, Recipe},
    stored::{BCRYPT_BASE64, Parts},
};

/// glibc serves requests of more than 32 MiB by a mapping of their own whatever came before, and gives that back to
/// the system at once when it is freed. Smaller ones it learns to keep. So no less is reserved: pages that are never
/// written cost address space only.
const RESERVE: usize = 33 * 1024;

/// The machine has not enough memory, or the settings are outside of what the implementation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ComputeError;

/// The memory in which Argon2 works, kept from one hash to the next.
#[derive(Default)]
pub(super) struct Memory(Vec<Block>);

impl Memory {
    fn blocks(&mut self, count: usize) -> Result<&mut [Block], ComputeError> {
        if count > self.0.capacity() {
            self.give_back();
            self.0
                .try_reserve_exact(count.max(RESERVE))
                .map_err(|_| ComputeError)?;
        }
        if count > self.0.len() {
            self.0.resize(count, Block::new());
        }
        Ok(&mut self.0[..count])
    }

    /// Bytes in use.
    pub(super) fn size(&self) -> usize {
        self.0.len() * Block::SIZE
    }

    /// Gives all of it back to the system.
    pub(super) fn give_back(&mut self) {
        self.0 = Vec::new();
    }

    /// Gives it back if it holds more than `usual` KiB.
    pub(super) fn keep_at_most(&mut self, usual: u32) {
        if self.0.len() > usize::try_from(usual).unwrap_or(usize::MAX) {
            self.give_back();
        }
    }
}

/// The digest of `password`, as long as `digest`.
pub(super) fn compute(
    recipe: &Recipe,
    password: &[u8],
    salt: &[u8],
    memory: &mut Memory,
    digest: &mut [u8],
) -> Result<(), ComputeError> {
    match *recipe {
        Recipe::Argon2 {
            algorithm,
            version,
            memory: size,
            passes,
            lanes,
        } => {
            let params = Params::new(size, passes, lanes, None).map_err(|_| ComputeError)?;
            let argon2 = Argon2::new(algorithm, version, params);
            argon2
                .hash_into(password, salt, memory.blocks(argon2.blocks())?, digest)
                .map_err(|_| ComputeError)
        }
        Recipe::Bcrypt { cost, before } => {
            let mut buffer = Zeroizing::new([0; 64]);
            let password = prepare(before, password, salt, &mut buffer)?;
            let salt = salt.try_into().map_err(|_| ComputeError)?;
            // With a zero byte at the end where there is room for it, as all since $2a$ do.
            let mut padded = Zeroizing::new([0u8; 72]);
            let length = password.len().min(72);
            padded[..length].copy_from_slice(&password[..length]);
            let full = bcrypt::bcrypt(cost, salt, &padded[..(length + 1).min(72)]);
            digest.copy_from_slice(full.get(..digest.len()).ok_or(ComputeError)?);
            Ok(())
        }
        Recipe::Scrypt { log_n, r, p } => {
            let params = scrypt::Params::new(log_n, r, p).map_err(|_| ComputeError)?;
            scrypt::scrypt(password, salt, &params, digest).map_err(|_| ComputeError)
        }
        Recipe::Firebase { log_n, r, p } => {
            let params = scrypt::Params::new(log_n, r, p).map_err(|_| ComputeError)?;
            let mut key = Zeroizing::new([0u8; 32]);
            scrypt::scrypt(password, salt, &params, &mut *key).map_err(|_| ComputeError)?;
            keystream(&key, digest)
        }
        Recipe::Pbkdf2 {
            prf: Prf::Sha256,
            rounds,
            ..
        } => {
            pbkdf2_hmac::<Sha256>(password, salt, rounds, digest);
            Ok(())
        }
        Recipe::Pbkdf2 {
            prf: Prf::Sha512,
            rounds,
            ..
        } => {
            pbkdf2_hmac::<Sha512>(password, salt, rounds, digest);
            Ok(())
        }
    }
}

/// What bcrypt reads in the place of the password: into `buffer`, its first bytes.
fn prepare<'a>(
    before: Before,
    password: &'a [u8],
    salt: &[u8],
    buffer: &'a mut [u8; 64],
) -> Result<&'a [u8], ComputeError> {
    let digest: Zeroizing<[u8; 32]> = Zeroizing::new(match before {
        Before::Nothing => return Ok(password),
        Before::Hex | Before::Base64 => Sha256::digest(password).into(),
        Before::Hmac => {
            // The salt is the key as it is written.
            let mut text = [0; 24];
            let length = BCRYPT_BASE64
                .encode_slice(salt, &mut text)
                .map_err(|_| ComputeError)?;
            let mut mac = keyed(&text[..length]);
            mac.update(password);
            mac.finalize().into_bytes().into()
        }
    });
    if before == Before::Hex {
        for (pair, byte) in buffer.chunks_exact_mut(2).zip(*digest) {
            pair.copy_from_slice(&[hex_digit(byte >> 4), hex_digit(byte & 15)]);
        }
        return Ok(buffer);
    }
    let length = STANDARD.encode_slice(*digest, buffer).map_err(|_| ComputeError)?;
    Ok(&buffer[..length])
}

const fn hex_digit(digit: u8) -> u8 {
    if digit < 10 {
        b'0' + digit
    } else {
        b'a' + digit - 10
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("any key")
}

/// AES-256-CTR from a counter of zero (NIST SP 800-38A, section 6.5).
fn keystream(key: &[u8; 32], into: &mut [u8]) -> Result<(), ComputeError> {
    into.fill(0);
    let key = UnboundCipherKey::new(&AES_256, key).map_err(|_| ComputeError)?;
    let key = EncryptingKey::ctr(key).map_err(|_| ComputeError)?;
    let start = EncryptionContext::Iv128(FixedLength::from([0; 16]));
    key.less_safe_encrypt(into, start)
        .map(drop)
        .map_err(|_| ComputeError)
}

/// A key from a passphrase, in memory that is allocated for it alone.
pub(super) fn derive_key(
    passphrase: &[u8],
    params: Argon2Params,
    salt: &[u8],
) -> Result<Zeroizing<[u8; 32]>, ComputeError> {
    let mut key = Zeroizing::new([0; 32]);
    compute(
        &params.into(),
        passphrase,
        salt,
        &mut Memory::default(),
        &mut *key,
    )?;
    Ok(key)
}

/// Whether the password is the one of the hash, in time that does not depend on the answer.
pub(super) fn matches(parts: &Parts, password: &[u8], memory: &mut Memory) -> Result<bool, ComputeError> {
    let wanted = parts.digest.get();
    let mut buffer = Zeroizing::new([0u8; 64]);
    let digest = &mut buffer[..wanted.len()];
    compute(&parts.recipe, password, parts.salt.get(), memory, digest)?;
    let equal: bool = digest.ct_eq(wanted).into();
    Ok(equal & parts.recipe.takes(password))
}

#[cfg(test)]
mod tests;
