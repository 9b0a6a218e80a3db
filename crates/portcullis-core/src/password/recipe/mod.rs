//! Recipes: how a password hash is computed.

mod parse;

use portcullis_argon2::{Algorithm, Version};

use super::Argon2Params;
pub(super) use parse::{BCRYPT_FORM, pbkdf2_recipe};

/// How a hash is computed: family and cost, all but salt and digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recipe {
    Argon2 {
        algorithm: Algorithm,
        version: Version,
        memory: u32,
        passes: u32,
        lanes: u32,
    },
    Bcrypt {
        cost: u32,
        before: Before,
    },
    Scrypt {
        log_n: u8,
        r: u32,
        p: u32,
    },
    /// Scrypt makes a key, and the digest is the keystream of AES-256-CTR under it.
    Firebase {
        log_n: u8,
        r: u32,
        p: u32,
    },
    Pbkdf2 {
        prf: Prf,
        rounds: u32,
        /// Length of the digest, bytes.
        length: usize,
    },
}

/// What is done with a password before bcrypt, which reads 72 bytes only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    /// SHA-256 in hexadecimal (Django).
    Hex,
    /// SHA-256 in base64 (passlib, version 1).
    Base64,
    /// HMAC-SHA-256 under the salt as it is written, in base64 (passlib, version 2).
    Hmac,
}

/// The hash inside PBKDF2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prf {
    Sha256,
    Sha512,
}

/// What jobs of like pace have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Argon2,
    Bcrypt,
    Scrypt,
    Pbkdf2Sha256,
    Pbkdf2Sha512,
}

impl Prf {
    pub(super) const fn output(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl From<Argon2Params> for Recipe {
    fn from(params: Argon2Params) -> Self {
        Self::Argon2 {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            memory: params.memory(),
            passes: params.passes(),
            lanes: params.lanes(),
        }
    }
}

impl Recipe {
    /// What jobs of like pace have in common.
    pub(super) const fn family(&self) -> Family {
        match self {
            Self::Argon2 { .. } => Family::Argon2,
            Self::Bcrypt { .. } => Family::Bcrypt,
            Self::Scrypt { .. } | Self::Firebase { .. } => Family::Scrypt,
            Self::Pbkdf2 { prf: Prf::Sha256, .. } => Family::Pbkdf2Sha256,
            Self::Pbkdf2 { prf: Prf::Sha512, .. } => Family::Pbkdf2Sha512,
        }
    }

    /// How much is to be done, in units of the family.
    pub(super) fn work(&self) -> u64 {
        match *self {
            Self::Argon2 { memory, passes, .. } => u64::from(memory) * u64::from(passes),
            Self::Bcrypt { cost, .. } => 1 << cost,
            Self::Scrypt { log_n, r, p } | Self::Firebase { log_n, r, p } => scrypt_work(log_n, r, p),
            Self::Pbkdf2 { prf, rounds, length } => pbkdf2_work(prf, rounds, length),
        }
    }

    /// The digest's length, bytes, unless a stored hash has another.
    pub(super) const fn digest_length(&self) -> usize {
        match self {
            Self::Argon2 { .. } | Self::Scrypt { .. } => 32,
            Self::Bcrypt { .. } => 23,
            Self::Firebase { .. } => 64,
            Self::Pbkdf2 { length, .. } => *length,
        }
    }

    /// Whether the recipe can tell this password from all others. Bcrypt reads 72 bytes and not a byte more, and
    /// takes a zero byte as the end.
    pub(super) fn takes(&self, password: &[u8]) -> bool {
        match self {
            Self::Bcrypt {
                before: Before::Nothing,
                ..
            } => password.len() <= 72 && !password.contains(&0),
            _ => true,
        }
    }

    /// Whether what we make is stronger or of another family.
    pub(super) fn outdated(&self, params: Argon2Params) -> bool {
        match *self {
            Self::Argon2 {
                algorithm: Algorithm::Argon2id,
                version: Version::V0x13,
                memory,
                passes,
                ..
            } => memory < params.memory() || passes < params.passes(),
            _ => true,
        }
    }
}

fn scrypt_work(log_n: u8, r: u32, p: u32) -> u64 {
    u64::from(r)
        .saturating_mul(u64::from(p))
        .saturating_mul(1u64.checked_shl(u32::from(log_n)).unwrap_or(u64::MAX))
}

fn pbkdf2_work(prf: Prf, rounds: u32, length: usize) -> u64 {
    u64::from(rounds) * length.div_ceil(prf.output()) as u64
}
