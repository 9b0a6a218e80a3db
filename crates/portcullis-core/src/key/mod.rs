//! Keys: the vault that the master key opens, and what is derived from it.

mod vault;

pub use self::vault::{MasterKey, MasterKeyError, Vault, VaultError};
