//! Passwords: what they must be, how they are hashed, and the pool of threads that does it.

mod common;
mod compute;
mod foreign;
mod params;
mod policy;
pub mod pool;
mod recipe;
mod secret;
mod stored;

use zeroize::Zeroizing;

pub use self::{
    foreign::{FirebaseParams, FirebaseParamsError},
    params::{Argon2Params, Argon2ParamsError},
    policy::{About, Blocked, Blocklist, PasswordPolicy, PasswordRefusal, PasswordWarning},
    secret::Password,
    stored::{HashFormatError, StoredHash, needs_rehash},
};

/// There was not enough memory.
pub(crate) struct NoMemory;

/// A key from a passphrase (Argon2id, RFC 9106), for what lies outside of the database.
pub(crate) fn derive_key(
    passphrase: &Password,
    params: Argon2Params,
    salt: &[u8],
) -> Result<Zeroizing<[u8; 32]>, NoMemory> {
    compute::derive_key(passphrase.expose().as_bytes(), params, salt).map_err(|_| NoMemory)
}
