use crate::{
    store::{KeyActError, StoreError},
    token::Algorithm,
};

/// Why something is not taken as a key.
///
/// ```
/// use portcullis_core::key::{JwkSet, KeyMaterialError};
///
/// assert!(matches!(JwkSet::parse(b"no JSON"), Err(KeyMaterialError::Form(_))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyMaterialError {
    /// Not in a form that is read.
    #[error("not a usable key: {0}")]
    Form(&'static str),
    /// A kind of key that is not supported.
    #[error("unsupported key: {0}")]
    Unsupported(&'static str),
    /// Too weak, or invalid in a way that makes it worthless.
    #[error("weak key: {0}")]
    Weak(&'static str),
    /// A shared secret that is shorter than the hash (RFC 7518, section 3.2).
    #[error(
        "a secret for {algorithm} has at least {least} bytes, this one has {got}: \
         make one with `openssl rand -base64 {least}`"
    )]
    ShortSecret {
        /// For which algorithm.
        algorithm: Algorithm,
        /// Least length in bytes.
        least: usize,
        /// Its length in bytes.
        got: usize,
    },
}

/// Why the signing keys could not be opened or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The key or secret is not acceptable.
    #[error(transparent)]
    Material(#[from] KeyMaterialError),
    /// A shared secret with an algorithm that has key pairs.
    #[error(
        "a secret is configured, but {0} signs with a key pair: remove the secret, or use HS256, HS384 or HS512"
    )]
    SecretUnused(Algorithm),
    /// An algorithm that needs a shared secret, without one.
    #[error("{0} signs with a shared secret, and none is configured: configure one, or use ES256")]
    SecretMissing(Algorithm),
    /// The stored key does not open.
    #[error("the signing key {0} does not open: it was sealed with another master key, or is damaged")]
    Sealed(String),
    /// Keys come from the configuration.
    #[error(
        "tokens are signed with the configured secret: change the configuration, and list the earlier secret as a previous one"
    )]
    SharedSecret,
    /// The imported key is for another algorithm than the configured one, which would take over again at the next start.
    #[error(
        "token.algorithm is {configured}, and the key is for {key}: configure {key} first, or no algorithm"
    )]
    OtherAlgorithm {
        /// The configured algorithm.
        configured: Algorithm,
        /// That of the key.
        key: Algorithm,
    },
    /// No such key.
    #[error("there is no key `{0}`")]
    Unknown(String),
    /// The key is there already.
    #[error("the key {0} is there already")]
    Exists(String),
    /// Others keep changing the keys.
    #[error("the keys are being changed by others: try again")]
    Contended,
    /// No key could be made.
    #[error("making a key failed")]
    Generate,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<KeyActError> for KeyError {
    fn from(error: KeyActError) -> Self {
        match error {
            KeyActError::Moved => Self::Contended,
            KeyActError::Store(error) => Self::Store(error),
        }
    }
}
