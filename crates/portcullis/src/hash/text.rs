use portcullis_core::password::{Password, StoredHash};
use secrecy::{ExposeSecret as _, SecretString};

/// A password as it was typed: `&str`, `String`, [`SecretString`], [`Password`].
///
/// ```
/// use portcullis::{core::password::Password, hash::AsPassword};
/// use secrecy::SecretString;
///
/// fn read(password: impl AsPassword) -> Password { password.as_password() }
/// let one = read("correct horse battery");
/// let same = read(SecretString::from("correct horse battery"));
/// # drop((one, same));
/// ```
pub trait AsPassword: Send {
    /// The password, in the form in which it is hashed.
    fn as_password(&self) -> Password;
}

impl AsPassword for str {
    fn as_password(&self) -> Password {
        Password::new(self)
    }
}

impl AsPassword for String {
    fn as_password(&self) -> Password {
        Password::new(self)
    }
}

impl AsPassword for SecretString {
    fn as_password(&self) -> Password {
        Password::new(self.expose_secret())
    }
}

impl AsPassword for Password {
    fn as_password(&self) -> Password {
        self.clone()
    }
}

impl<T: AsPassword + Sync + ?Sized> AsPassword for &T {
    fn as_password(&self) -> Password {
        T::as_password(self)
    }
}

/// A hash as it is stored: `&str`, `String`, [`StoredHash`]; or an `Option` of one, `None` when there is no such user or
/// the user has no password.
///
/// ```
/// use portcullis::hash::AsHash;
///
/// assert_eq!(Some("$2b$10$..").as_hash(), Some("$2b$10$.."));
/// assert_eq!(None::<&str>.as_hash(), None);
/// ```
pub trait AsHash: Send {
    /// Its text.
    fn as_hash(&self) -> Option<&str>;
}

impl AsHash for str {
    fn as_hash(&self) -> Option<&str> {
        Some(self)
    }
}

impl AsHash for String {
    fn as_hash(&self) -> Option<&str> {
        Some(self)
    }
}

impl AsHash for StoredHash {
    fn as_hash(&self) -> Option<&str> {
        Some(self.expose())
    }
}

impl<T: AsHash> AsHash for Option<T> {
    fn as_hash(&self) -> Option<&str> {
        self.as_ref().and_then(T::as_hash)
    }
}

impl<T: AsHash + Sync + ?Sized> AsHash for &T {
    fn as_hash(&self) -> Option<&str> {
        T::as_hash(self)
    }
}
