use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How a token is signed (RFC 7518, section 3.1; RFC 8037, section 3.1). There is no `none`.
///
/// ```
/// use portcullis_core::token::Algorithm;
///
/// assert_eq!("ES256".parse(), Ok(Algorithm::ES256));
/// assert!("none".parse::<Algorithm>().is_err());
/// assert!(Algorithm::ALL.contains(&Algorithm::PS256));
/// assert_eq!(Algorithm::in_force(None, true), Algorithm::HS256);
/// assert_eq!((Algorithm::HS512.as_str(), Algorithm::HS512.least_secret()), ("HS512", 64));
/// assert!(Algorithm::HS512.is_symmetric() && !Algorithm::ES256.is_symmetric());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Algorithm {
    /// Ed25519.
    EdDSA,
    /// ECDSA with P-256 and SHA-256.
    ES256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
}

/// Not an algorithm that is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown algorithm: use EdDSA, ES256, RS256, PS256, HS256, HS384 or HS512")]
pub struct UnknownAlgorithm;

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::EdDSA,
        Self::ES256,
        Self::RS256,
        Self::PS256,
        Self::HS256,
        Self::HS384,
        Self::HS512,
    ];

    /// The word in `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDSA => "EdDSA",
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }

    /// The one that signs: what is asked for, else HS256 where a secret is given and ES256 where none is.
    #[must_use]
    pub fn in_force(asked: Option<Self>, has_secret: bool) -> Self {
        asked.unwrap_or(if has_secret { Self::HS256 } else { Self::ES256 })
    }

    /// Whether who verifies can also sign: the key is a shared secret.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }

    /// Least length of a shared secret in bytes: that of the hash (RFC 7518, section 3.2). 0 for the others.
    #[must_use]
    pub const fn least_secret(self) -> usize {
        match self {
            Self::HS256 => 32,
            Self::HS384 => 48,
            Self::HS512 => 64,
            Self::EdDSA | Self::ES256 | Self::RS256 | Self::PS256 => 0,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Exactly the registered word: `es256` is none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or(UnknownAlgorithm)
    }
}

impl TryFrom<String> for Algorithm {
    type Error = UnknownAlgorithm;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Algorithm> for &'static str {
    fn from(algorithm: Algorithm) -> Self {
        algorithm.as_str()
    }
}
