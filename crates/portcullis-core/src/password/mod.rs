//! Passwords: what they must be, how they are hashed, and the pool of threads that does it.

mod common;
mod compute;
mod params;
mod policy;
pub mod pool;
mod recipe;
mod secret;
mod stored;

pub use self::{
    params::{Argon2Params, Argon2ParamsError},
    policy::{About, Blocked, Blocklist, PasswordPolicy, PasswordRefusal, PasswordWarning},
    secret::Password,
    stored::{HashFormatError, StoredHash, needs_rehash},
};
