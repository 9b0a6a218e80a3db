use base64::{
    Engine as _,
    alphabet::BCRYPT,
    engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD_NO_PAD},
};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{
    Argon2Params,
    recipe::{BCRYPT_FORM, Before, Recipe, pbkdf2_recipe},
};

/// A password hash as stored: a PHC string or the modular crypt form of bcrypt. Never shown, never serialized.
///
/// ```
/// use portcullis_core::password::StoredHash;
///
/// let column = "$2b$10$CwTycUXWue0Thq9StjUM0uJ8pZxkVQ4YSGBu0kzF9sQmTYDAq0Q2e".to_owned();
/// assert_eq!(StoredHash::from_stored(column.clone()).expose(), column);
/// ```
#[derive(Clone)]
pub struct StoredHash(SecretString);

/// Why a text is not taken as a password hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashFormatError {
    /// Of no family that can be checked.
    #[error(
        "this is no password hash that can be checked: possible are $argon2id$, $argon2i$, $argon2d$, bcrypt ($2a$, \
         $2b$, $2y$), $scrypt$, $pbkdf2-sha256$ and $pbkdf2-sha512$"
    )]
    Unknown,
    /// Of a known family, but of another form.
    #[error("this {0} hash does not have the form {1}")]
    Malformed(&'static str, &'static str),
    /// Checking it would take too much memory or time.
    #[error("checking this {0} hash would cost too much for a login: at most {1}")]
    Costly(&'static str, &'static str),
}

impl StoredHash {
    /// From what was stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// Checks a hash that comes from elsewhere (an import): its family, its form, and that checking a password
    /// against it cannot exhaust memory or time.
    ///
    /// ```
    /// use portcullis_core::password::{HashFormatError, StoredHash};
    ///
    /// assert!(StoredHash::parse("$2b$10$CwTycUXWue0Thq9StjUM0uJ8pZxkVQ4YSGBu0kzF9sQmTYDAq0Q2e").is_ok());
    /// assert_eq!(StoredHash::parse("5f4dcc3b5aa765d61d8327deb882cf99").err(), Some(HashFormatError::Unknown));
    /// ```
    ///
    /// # Errors
    /// When it cannot be used, with the reason. White space around it is dropped.
    pub fn parse(text: &str) -> Result<Self, HashFormatError> {
        let hash = Self(SecretString::from(text.trim()));
        hash.parts()?;
        Ok(hash)
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
        // bcrypt alone keeps salt and digest in one last part, the others in two.
        let keep_off = if text.starts_with("$2") { 1 } else { 2 };
        let mut end = text.len();
        for _ in 0..keep_off {
            end = text[..end].rfind('$').unwrap_or(0);
        }
        &text[..end]
    }

    /// What we make: Argon2id, version 19, with 16 bytes of salt and 32 of digest.
    pub(super) fn compose(params: Argon2Params, salt: &[u8], digest: &[u8]) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(160));
        text.push_str("$argon2id$v=19$");
        text.push_str(&params.to_string());
        for bytes in [salt, digest] {
            text.push('$');
            STANDARD_NO_PAD.encode_string(bytes, &mut text);
        }
        Self(SecretString::from(text.as_str()))
    }

    /// All that checking a password needs.
    pub(super) fn parts(&self) -> Result<Parts, HashFormatError> {
        let kind = self.kind();
        let mut recipe = Recipe::parse(kind)?;
        let rest = self.expose()[kind.len()..].strip_prefix('$').unwrap_or_default();
        if let Recipe::Bcrypt { before, .. } = recipe {
            let (salt, digest) = if before == Before::Nothing {
                rest.split_at_checked(22)
            } else {
                rest.split_once('$')
            }
            .ok_or(BCRYPT_FORM)?;
            return bcrypt_parts(recipe, salt, digest).ok_or(BCRYPT_FORM);
        }
        let malformed = HashFormatError::Malformed(
            "imported",
            "..$salt$digest, both in base64 without padding, a salt of 8 to 64 bytes and a digest of 16 to 64",
        );
        let (salt, digest) = rest.split_once('$').ok_or(malformed)?;
        // passlib writes a dot for the plus sign.
        let decode = |text: &str| match recipe {
            Recipe::Pbkdf2 { .. } => Bytes::decode(&STANDARD_NO_PAD, &text.replace('.', "+")),
            _ => Bytes::decode(&STANDARD_NO_PAD, text),
        };
        let salt = decode(salt)
            .filter(|salt| salt.get().len() >= 8)
            .ok_or(malformed)?;
        let digest = decode(digest)
            .filter(|digest| digest.get().len() >= 16)
            .ok_or(malformed)?;
        if let Recipe::Pbkdf2 { prf, rounds, length } = recipe {
            let stated = kind.contains(",l=");
            if stated && digest.get().len() != length {
                return Err(malformed);
            }
            // Longer output is more work.
            recipe = pbkdf2_recipe(prf, rounds, digest.get().len())?;
        }
        Ok(Parts { recipe, salt, digest })
    }
}

/// Whether a login that succeeded should replace the hash by one of ours: it is of another family or version, it has
/// less memory or fewer passes, or it is not understood.
///
/// ```
/// use portcullis_core::password::{Argon2Params, StoredHash, needs_rehash};
///
/// let hash = StoredHash::from_stored("$2b$10$CwTycUXWue0Thq9StjUM0uJ8pZxkVQ4YSGBu0kzF9sQmTYDAq0Q2e".into());
/// assert!(needs_rehash(&hash, &Argon2Params::default()));
/// ```
#[must_use]
pub fn needs_rehash(hash: &StoredHash, params: &Argon2Params) -> bool {
    hash.parts().map_or(true, |parts| parts.outdated(*params))
}

/// A stored hash, taken apart.
pub(super) struct Parts {
    pub(super) recipe: Recipe,
    pub(super) salt: Bytes,
    pub(super) digest: Bytes,
}

impl Parts {
    /// Whether what we make is stronger.
    pub(super) fn outdated(&self, params: Argon2Params) -> bool {
        self.recipe.outdated(params) || self.salt.get().len() < 16 || self.digest.get().len() < 32
    }
}

/// At most 64 bytes in place: a job that owns them allocates and frees nothing.
pub(super) struct Bytes {
    bytes: Zeroizing<[u8; 64]>,
    length: usize,
}

impl Bytes {
    /// The first 64 bytes of `from`.
    pub(super) fn new(from: &[u8]) -> Self {
        let mut bytes = Zeroizing::new([0; 64]);
        let length = from.len().min(64);
        bytes[..length].copy_from_slice(&from[..length]);
        Self { bytes, length }
    }

    fn decode(engine: &GeneralPurpose, text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 64]);
        let length = engine.decode_slice(text, &mut *bytes).ok()?;
        Some(Self { bytes, length })
    }

    pub(super) fn get(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The base64 of bcrypt. Some programs leave bits set after the salt's last byte, which all implementations ignore.
pub(super) const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// 22 characters of salt and 31 of digest.
fn bcrypt_parts(recipe: Recipe, salt: &str, digest: &str) -> Option<Parts> {
    if salt.len() != 22 || digest.len() != 31 {
        return None;
    }
    Some(Parts {
        recipe,
        salt: Bytes::decode(&BCRYPT_BASE64, salt)?,
        digest: Bytes::decode(&BCRYPT_BASE64, digest)?,
    })
}

#[cfg(test)]
mod tests;
