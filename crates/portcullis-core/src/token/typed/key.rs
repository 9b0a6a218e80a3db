use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    key::{KeyError, KeyMaterialError, RingSnapshot, SigningKey},
    token::Algorithm,
};

/// Signs an application's own tokens, and verifies them; perhaps with the keys of earlier, too. Clones share it.
///
/// ```
/// use portcullis_core::token::{Algorithm, typed::TokenKey};
/// use secrecy::SecretString;
///
/// let old = TokenKey::secret(Algorithm::HS256, &SecretString::from("an old secret of 32 bytes, or more"))?;
/// let new = TokenKey::secret(Algorithm::HS256, &SecretString::from("a new secret, of 32 bytes or more"))?;
/// // What the old one signed stays valid until it expires.
/// let key = new.accepting(&old);
///
/// let short = TokenKey::secret(Algorithm::HS256, &SecretString::from("hunter2"));
/// assert!(short.err().unwrap().to_string().contains("at least 32 bytes"));
/// # Ok::<(), portcullis_core::key::KeyMaterialError>(())
/// ```
#[derive(Clone)]
pub struct TokenKey(Arc<Inner>);

struct Inner {
    signing: Arc<SigningKey>,
    previous: Vec<Arc<SigningKey>>,
    ring: RingSnapshot,
}

impl TokenKey {
    /// A shared secret for HS256, HS384 or HS512.
    ///
    /// # Errors
    /// When it is shorter than the hash (32, 48, 64 bytes; RFC 7518, section 3.2), or `algorithm` signs with a key pair.
    pub fn secret(algorithm: Algorithm, secret: &SecretString) -> Result<Self, KeyMaterialError> {
        let key = SigningKey::from_secret(algorithm, secret.expose_secret().as_bytes())?;
        Ok(Self::of(Arc::new(key), Vec::new()))
    }

    /// A private key: PEM (PKCS#8, SEC 1, PKCS#1) or a private JWK, on P-256 (ES256) or Ed25519 (`EdDSA`), or RSA with at
    /// least 3072 bits (RS256 unless `algorithm` says PS256).
    ///
    /// ```
    /// use portcullis_core::{key::KeyMaterialError, token::typed::TokenKey};
    /// use secrecy::SecretString;
    ///
    /// fn of_a_file(pem: &SecretString) -> Result<TokenKey, KeyMaterialError> { TokenKey::private(pem, None) }
    /// ```
    ///
    /// # Errors
    /// When it is none, is weak, or is for another algorithm than asked for.
    pub fn private(text: &SecretString, algorithm: Option<Algorithm>) -> Result<Self, KeyMaterialError> {
        let key = SigningKey::from_text(text.expose_secret().as_bytes(), algorithm)?;
        Ok(Self::of(Arc::new(key), Vec::new()))
    }

    /// A new key pair, gone when the process ends: for tests, and where tokens need not outlive it.
    ///
    /// ```
    /// use portcullis_core::token::{Algorithm, typed::TokenKey};
    ///
    /// let key = TokenKey::generate(Algorithm::ES256)?;
    /// assert_eq!(key.algorithm(), Algorithm::ES256);
    /// assert!(key.jwks().starts_with(br#"{"keys":[{"#));
    /// # Ok::<(), portcullis_core::key::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// When the algorithm has no key pairs, or AWS-LC fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        SigningKey::generate(algorithm).map(|key| Self::of(Arc::new(key), Vec::new()))
    }

    /// Verifies with the keys of `previous`, too.
    #[must_use]
    pub fn accepting(&self, previous: &Self) -> Self {
        let mut others = self.0.previous.clone();
        for key in std::iter::once(&previous.0.signing).chain(&previous.0.previous) {
            let known = std::iter::once(&self.0.signing).chain(&others);
            if !known.into_iter().any(|known| known.kid() == key.kid()) {
                others.push(Arc::clone(key));
            }
        }
        Self::of(Arc::clone(&self.0.signing), others)
    }

    /// Its algorithm.
    ///
    /// ```
    /// # use portcullis_core::token::{Algorithm, typed::TokenKey};
    /// assert_eq!(TokenKey::generate(Algorithm::EdDSA)?.algorithm(), Algorithm::EdDSA);
    /// # Ok::<(), portcullis_core::key::KeyError>(())
    /// ```
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.signing.algorithm()
    }

    /// The public halves as a JWKS document (RFC 7517, section 5), for others who verify; empty for shared secrets.
    ///
    /// ```
    /// use portcullis_core::token::typed::TokenKey;
    ///
    /// /// The body of `/.well-known/jwks.json`.
    /// fn published(key: &TokenKey) -> Vec<u8> { key.jwks().to_vec() }
    /// ```
    #[must_use]
    pub fn jwks(&self) -> &[u8] {
        self.0.ring.jwks()
    }

    fn of(signing: Arc<SigningKey>, previous: Vec<Arc<SigningKey>>) -> Self {
        let ring = RingSnapshot::signing(Arc::clone(&signing), &previous);
        Self(Arc::new(Inner {
            signing,
            previous,
            ring,
        }))
    }

    pub(super) fn signing(&self) -> &SigningKey {
        &self.0.signing
    }

    pub(super) fn ring(&self) -> &RingSnapshot {
        &self.0.ring
    }
}
