use secrecy::{ExposeSecret, SecretString};

/// A password hash as stored: a PHC string or the modular crypt form of bcrypt. Never shown, never serialized.
#[derive(Clone)]
pub struct StoredHash(SecretString);

impl StoredHash {
    /// From what was stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// To be stored or checked.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Family and parameters, `$argon2id$v=19$m=19456,t=2,p=1`: all but salt and digest.
    ///
    /// ```
    /// use portcullis_core::password::StoredHash;
    /// let hash = StoredHash::from_stored("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$ZGlnZXN0".into());
    /// assert_eq!(hash.kind(), "$argon2id$v=19$m=19456,t=2,p=1");
    /// let hash = StoredHash::from_stored("$2b$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234".into());
    /// assert_eq!(hash.kind(), "$2b$10");
    /// ```
    #[must_use]
    pub fn kind(&self) -> &str {
        let text = self.expose();
        // bcrypt keeps salt and digest in one last part, the others in two.
        let keep_off = if text.starts_with("$2") { 1 } else { 2 };
        let mut end = text.len();
        for _ in 0..keep_off {
            end = text[..end].rfind('$').unwrap_or(0);
        }
        &text[..end]
    }
}
