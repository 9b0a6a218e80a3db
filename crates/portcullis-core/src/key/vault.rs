use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::rng::{self, Rng};

/// The one secret from which all others of an installation derive or with which they are sealed: 32 bytes.
pub struct MasterKey(SecretBox<[u8; 32]>);

impl Clone for MasterKey {
    fn clone(&self) -> Self {
        Self(SecretBox::new(Box::new(*self.0.expose_secret())))
    }
}

/// Why a text is not a master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// Not 64 hexadecimal digits.
    #[error("a master key is 64 hexadecimal digits (32 bytes): make one with `openssl rand -hex 32`")]
    Form,
}

impl MasterKey {
    /// A new one.
    #[must_use]
    pub fn generate(rng: &dyn Rng) -> Self {
        Self(SecretBox::new(Box::new(rng::bytes(rng))))
    }

    /// From 64 hexadecimal digits; white space around them is dropped.
    ///
    /// # Errors
    /// When it has another form.
    pub fn from_hex(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim().as_bytes();
        if text.len() != 64 {
            return Err(MasterKeyError::Form);
        }
        let mut key = Box::new([0u8; 32]);
        for (byte, pair) in key.iter_mut().zip(text.chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
            match (digit(pair[0]), digit(pair[1])) {
                (Some(high), Some(low)) => *byte = high << 4 | low,
                _ => return Err(MasterKeyError::Form),
            }
        }
        Ok(Self(SecretBox::new(key)))
    }

    /// As 64 hexadecimal digits, to be written to its file.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex(self.0.expose_secret()))
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Seals what is stored and derives keys, each for one purpose (HKDF-SHA-256, RFC 5869; AES-256-GCM).
///
/// ```
/// use portcullis_core::{key::{MasterKey, Vault}, rng::SystemRng};
///
/// let vault = Vault::new(&MasterKey::generate(&SystemRng));
/// let sealed = vault.seal(b"signing key", b"private", &SystemRng);
/// assert_eq!(vault.open(b"signing key", &sealed)?.as_slice(), b"private");
/// assert!(vault.open(b"something else", &sealed).is_err());
/// # Ok::<(), portcullis_core::key::VaultError>(())
/// ```
pub struct Vault {
    extracted: Hkdf<Sha256>,
    seal: LessSafeKey,
}

/// What is sealed does not open: another master key, another place, or damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealed data does not open with this master key")]
pub struct VaultError;

impl Vault {
    /// Opens with `master`.
    #[must_use]
    #[expect(clippy::expect_used, reason = "32 bytes are a key of AES-256")]
    pub fn new(master: &MasterKey) -> Self {
        let extracted = Hkdf::<Sha256>::new(Some(b"portcullis/1"), master.0.expose_secret());
        let key = expand(&extracted, "seal");
        let seal = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key).expect("32 bytes"));
        Self { extracted, seal }
    }

    /// The key for `purpose`.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        expand(&self.extracted, purpose)
    }

    /// A public value by which a store recognizes its master key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex(&self.derive("fingerprint")[..16])
    }

    /// Seals `plain` for one place: it opens only with the same `place`.
    ///
    /// Nonces are random: with 96 bits, 2^32 sealings keep the chance of a repetition below 2^-32 (NIST SP
    /// 800-38D, section 8.3).
    #[must_use]
    #[expect(clippy::expect_used, reason = "AES-GCM seals anything below 64 GiB")]
    pub fn seal(&self, place: &[u8], plain: &[u8], rng: &dyn Rng) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = rng::bytes(rng);
        let mut body = plain.to_vec();
        self.seal
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut body)
            .expect("short enough to seal");
        let mut sealed = Vec::with_capacity(NONCE_LEN + body.len());
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut body);
        sealed
    }

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    /// When it was not sealed so.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(VaultError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self
            .seal
            .open_in_place(nonce, Aad::from(place), &mut body)
            .map_err(|_| VaultError)?
            .len();
        body.truncate(length);
        Ok(body)
    }
}

#[expect(clippy::expect_used, reason = "32 bytes are within what HKDF expands to")]
fn expand(extracted: &Hkdf<Sha256>, purpose: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    extracted
        .expand(purpose.as_bytes(), &mut *key)
        .expect("short enough to expand");
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SystemRng;

    #[test]
    fn hex_round_trips_and_refuses_other_forms() {
        let key = MasterKey::generate(&SystemRng);
        let again = MasterKey::from_hex(&format!("  {}\n", key.to_hex().as_str())).unwrap();
        assert_eq!(Vault::new(&key).fingerprint(), Vault::new(&again).fingerprint());
        assert!(MasterKey::from_hex("abc").is_err());
        assert!(MasterKey::from_hex(&"g".repeat(64)).is_err());
    }

    #[test]
    fn damage_and_other_keys_do_not_open() {
        let vault = Vault::new(&MasterKey::generate(&SystemRng));
        let mut sealed = vault.seal(b"place", b"text", &SystemRng);
        assert!(
            Vault::new(&MasterKey::generate(&SystemRng))
                .open(b"place", &sealed)
                .is_err()
        );
        *sealed.last_mut().unwrap() ^= 1;
        assert_eq!(vault.open(b"place", &sealed), Err(VaultError));
        assert_eq!(vault.open(b"place", b"short"), Err(VaultError));
    }
}
