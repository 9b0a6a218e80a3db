//! Argon2 (RFC 9106) in memory that the caller keeps, with the vector instructions of the processor where it has them.
//!
//! The same function as the crate `argon2`, of which it takes settings, memory and the portable code. What is here is the
//! inner loop, written for AVX2: `docs/decisions/0150` says why, and `cargo run --release -p portcullis-bench -- argon2`
//! what it gives. This is the one crate with unsafe code.
//!
//! ```
//! use portcullis_argon2::{Algorithm, Argon2, Block, Params, Version};
//!
//! let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 2, 1, None)?);
//! let mut memory = vec![Block::new(); argon2.blocks()];
//! let mut digest = [0; 32];
//! argon2.hash_into(b"password", b"some salt", &mut memory, &mut digest)?;
//! # Ok::<(), portcullis_argon2::Error>(())
//! ```

mod long_hash;
mod plan;

#[cfg(target_arch = "x86_64")]
mod avx2;

pub use argon2::{Algorithm, AssociatedData, Block, Error, Params, ParamsBuilder, Version};

use plan::Plan;

/// Which code does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// That of the crate `argon2`, on any processor.
    Portable,
    /// Ours for AVX2, on processors of Intel since 2013 and of AMD since 2015.
    Avx2,
}

impl Kernel {
    /// The fastest that this processor has.
    #[must_use]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            return Self::Avx2;
        }
        Self::Portable
    }

    /// Its name in figures and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
        }
    }
}

/// A variant of the function with its costs.
pub struct Argon2<'key> {
    portable: argon2::Argon2<'key>,
    secret: &'key [u8],
    algorithm: Algorithm,
    version: Version,
    kernel: Kernel,
}

impl<'key> Argon2<'key> {
    /// On the fastest kernel that this processor has.
    #[must_use]
    pub fn new(algorithm: Algorithm, version: Version, params: Params) -> Self {
        Self {
            portable: argon2::Argon2::new(algorithm, version, params),
            secret: &[],
            algorithm,
            version,
            kernel: Kernel::detect(),
        }
    }

    /// With a key that is not stored beside the digests (RFC 9106, section 3.1: the secret value).
    ///
    /// # Errors
    /// When it is too long.
    pub fn keyed(
        secret: &'key [u8],
        algorithm: Algorithm,
        version: Version,
        params: Params,
    ) -> Result<Self, Error> {
        Ok(Self {
            portable: argon2::Argon2::new_with_secret(secret, algorithm, version, params)?,
            secret,
            algorithm,
            version,
            kernel: Kernel::detect(),
        })
    }

    /// On the portable kernel: what others do, to compare with.
    #[must_use]
    pub fn portable(self) -> Self {
        Self {
            kernel: Kernel::Portable,
            ..self
        }
    }

    /// The kernel in use.
    #[must_use]
    pub const fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// How many blocks of memory it needs.
    #[must_use]
    pub const fn blocks(&self) -> usize {
        self.portable.params().block_count()
    }

    /// The digest, as long as `digest`. The first [`Argon2::blocks`] of `memory` are overwritten, whatever they hold.
    ///
    /// # Errors
    /// When the salt or the digest is too short, something is too long, or there is too little memory.
    pub fn hash_into(
        &self,
        password: &[u8],
        salt: &[u8],
        memory: &mut [Block],
        digest: &mut [u8],
    ) -> Result<(), Error> {
        match self.kernel {
            Kernel::Portable => self
                .portable
                .hash_password_into_with_memory(password, salt, digest, memory),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => self.hash_avx2(password, salt, memory, digest),
            #[cfg(not(target_arch = "x86_64"))]
            Kernel::Avx2 => Err(Error::AlgorithmInvalid),
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn hash_avx2(
        &self,
        password: &[u8],
        salt: &[u8],
        memory: &mut [Block],
        digest: &mut [u8],
    ) -> Result<(), Error> {
        let params = self.portable.params();
        if salt.len() < argon2::MIN_SALT_LEN {
            return Err(Error::SaltTooShort);
        }
        if digest.len() < params.output_len().unwrap_or(Params::MIN_OUTPUT_LEN) {
            return Err(Error::OutputTooShort);
        }
        if digest.len() > params.output_len().unwrap_or(Params::MAX_OUTPUT_LEN) {
            return Err(Error::OutputTooLong);
        }
        let plan = Plan::new(self.algorithm, self.version, params);
        let memory = memory.get_mut(..plan.blocks()).ok_or(Error::MemoryTooLittle)?;
        let input = long_hash::Input {
            password,
            salt,
            secret: self.secret,
            length: digest.len(),
        };
        let seed = input.seed(self.algorithm, self.version, params)?;
        long_hash::first_blocks(&seed, memory, plan.lane_length())?;
        // SAFETY: this kernel is chosen by `Kernel::detect` alone, where the processor has AVX2.
        unsafe { avx2::fill(memory, plan) };
        long_hash::digest(memory, plan.lane_length(), digest)
    }
}
