//! Passwords.

mod stored;

pub use self::stored::StoredHash;
