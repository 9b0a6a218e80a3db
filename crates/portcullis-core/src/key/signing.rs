use std::sync::Arc;

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RSA_PSS_SHA256, RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{
    KeyError, KeyMaterialError, VerifyingKey, import,
    public::{PublicKey, rsa_bits},
    secret::HmacKey,
};
use crate::token::Algorithm;

/// Least bits of an RSA key that signs.
const LEAST_RSA: usize = 3072;

/// A key to sign with.
pub struct SigningKey {
    algorithm: Algorithm,
    header: String,
    material: Material,
    public: Option<PublicKey>,
    verifying: Arc<VerifyingKey>,
}

#[expect(clippy::large_enum_variant, reason = "an installation has a handful of keys")]
enum Material {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(RsaKeyPair),
    Secret(HmacKey),
}

/// The key could not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signing failed")]
pub struct SignError;

impl SigningKey {
    /// A new key pair. RSA has 3072 bits, and takes a second of computing. Randomness is that of the operating
    /// system, as AWS-LC draws it.
    ///
    /// # Errors
    /// When the algorithm has no key pairs, or AWS-LC fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let material = match algorithm {
            Algorithm::ES256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Material::Ec),
            Algorithm::EdDSA => Ed25519KeyPair::generate().map(Material::Ed),
            Algorithm::RS256 | Algorithm::PS256 => {
                RsaKeyPair::generate(rsa::KeySize::Rsa3072).map(Material::Rsa)
            }
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
                return Err(KeyError::SecretMissing(algorithm));
            }
        };
        Ok(Self::pair(algorithm, material.map_err(|_| KeyError::Generate)?)?)
    }

    /// A key pair from its PKCS#8 (RFC 5208), unencrypted.
    ///
    /// # Errors
    /// When it is not one of the kind that `algorithm` needs, or is weak.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyMaterialError> {
        let material = match algorithm {
            Algorithm::ES256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Material::Ec)
            }
            Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8(der).map(Material::Ed),
            Algorithm::RS256 | Algorithm::PS256 => RsaKeyPair::from_pkcs8(der).map(Material::Rsa),
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
                return Err(KeyMaterialError::Unsupported("HMAC has a secret, no key pair"));
            }
        };
        Self::pair(
            algorithm,
            material.map_err(|_| {
                KeyMaterialError::Form("not a PKCS#8 key of the kind that the algorithm needs")
            })?,
        )
    }

    pub(super) fn from_ec(pair: EcdsaKeyPair) -> Result<Self, KeyMaterialError> {
        Self::pair(Algorithm::ES256, Material::Ec(pair))
    }

    pub(super) fn from_ed(pair: Ed25519KeyPair) -> Result<Self, KeyMaterialError> {
        Self::pair(Algorithm::EdDSA, Material::Ed(pair))
    }

    pub(super) fn from_rsa(algorithm: Algorithm, pair: RsaKeyPair) -> Result<Self, KeyMaterialError> {
        Self::pair(algorithm, Material::Rsa(pair))
    }

    /// A shared secret. Its `kid` is a function of it, so that nodes with the same secret agree.
    ///
    /// # Errors
    /// When it is shorter than the hash, or `algorithm` is not HMAC.
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyMaterialError> {
        let key = HmacKey::new(algorithm, secret)?;
        let name = key.sign(format!("portcullis kid {algorithm}").as_bytes());
        let kid = URL_SAFE_NO_PAD.encode(&name[..16]);
        let verifying = VerifyingKey::secret(&kid, algorithm, secret)?;
        Ok(Self::new(algorithm, Material::Secret(key), None, verifying))
    }

    fn pair(algorithm: Algorithm, material: Material) -> Result<Self, KeyMaterialError> {
        let public = match &material {
            Material::Ec(pair) => match pair.public_key().as_ref().split_at_checked(33) {
                Some(([4, x @ ..], y)) => PublicKey::Ec {
                    x: x.to_vec(),
                    y: y.to_vec(),
                },
                _ => return Err(KeyMaterialError::Form("not an uncompressed point")),
            },
            Material::Ed(pair) => PublicKey::Okp {
                x: pair.public_key().as_ref().to_vec(),
            },
            Material::Rsa(pair) => {
                let key = pair.public_key();
                let n = key.modulus().big_endian_without_leading_zero().to_vec();
                if rsa_bits(&n) < LEAST_RSA {
                    return Err(KeyMaterialError::Weak(
                        "an RSA key that signs has at least 3072 bits",
                    ));
                }
                PublicKey::Rsa {
                    n,
                    e: key.exponent().big_endian_without_leading_zero().to_vec(),
                }
            }
            Material::Secret(_) => return Err(KeyMaterialError::Form("not a key pair")),
        };
        let verifying = VerifyingKey::public(&public.kid(), algorithm, &public)?;
        Ok(Self::new(algorithm, material, Some(public), verifying))
    }

    fn new(
        algorithm: Algorithm,
        material: Material,
        public: Option<PublicKey>,
        verifying: VerifyingKey,
    ) -> Self {
        // A kid is base64url, an algorithm a word: nothing needs escaping.
        let header = format!(
            r#"{{"typ":"at+jwt","alg":"{algorithm}","kid":"{}"}}"#,
            verifying.kid()
        );
        Self {
            algorithm,
            header: URL_SAFE_NO_PAD.encode(header),
            material,
            public,
            verifying: Arc::new(verifying),
        }
    }

    /// The name by which tokens refer to it.
    #[must_use]
    pub fn kid(&self) -> &Arc<str> {
        self.verifying.kid()
    }

    /// Its one algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn verifying(&self) -> &Arc<VerifyingKey> {
        &self.verifying
    }

    /// The public half as a JWK; none for a shared secret.
    #[must_use]
    pub fn public_jwk(&self) -> Option<Map<String, Value>> {
        Some(self.public.as_ref()?.jwk(self.kid(), self.algorithm))
    }

    /// A private key from outside: PEM (PKCS#8, SEC 1, PKCS#1), PKCS#8 in DER, or a private JWK. `algorithm` is needed
    /// only to sign with an RSA key by PS256.
    ///
    /// # Errors
    /// When it is not a usable key, is weak, or is for another algorithm.
    pub fn from_text(text: &[u8], algorithm: Option<Algorithm>) -> Result<Self, KeyMaterialError> {
        import::private_key(text, algorithm)
    }

    /// The header of its tokens of type `typ`, in base64url.
    pub(crate) fn header_of(&self, typ: &str) -> String {
        let header = json!({ "typ": typ, "alg": self.algorithm, "kid": &**self.kid() });
        URL_SAFE_NO_PAD.encode(header.to_string())
    }

    /// The header of its access tokens, in base64url.
    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    /// The key pair as PKCS#8, to be sealed.
    ///
    /// # Errors
    /// For a shared secret, and when AWS-LC fails.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyMaterialError> {
        let failed = |_| KeyMaterialError::Form("the key cannot be written as PKCS#8");
        let copy = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
        match &self.material {
            Material::Ec(pair) => pair.to_pkcs8v1().map(|der| copy(der.as_ref())).map_err(failed),
            Material::Ed(pair) => pair.to_pkcs8v1().map(|der| copy(der.as_ref())).map_err(failed),
            Material::Rsa(pair) => pair.as_der().map(|der| copy(der.as_ref())).map_err(failed),
            Material::Secret(_) => Err(KeyMaterialError::Unsupported("HMAC has a secret, no key pair")),
        }
    }

    /// Signs.
    ///
    /// # Errors
    /// When AWS-LC fails, which it has no reason to.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        // Asked for by the interface and ignored: AWS-LC has its own.
        let random = SystemRandom::new();
        match &self.material {
            Material::Ec(pair) => pair
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SignError),
            Material::Ed(pair) => pair
                .try_sign(message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SignError),
            Material::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding = match self.algorithm {
                    Algorithm::PS256 => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                pair.sign(padding, &random, message, &mut signature)
                    .map(|()| signature)
                    .map_err(|_| SignError)
            }
            Material::Secret(key) => Ok(key.sign(message)),
        }
    }
}
