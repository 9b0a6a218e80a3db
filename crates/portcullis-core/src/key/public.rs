//! Public keys, checked when they are taken, not when they are used (RFC 8725, sections 3.4 and 3.5).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::KeyMaterialError;
use crate::token::Algorithm;

/// A public key as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// P-256.
    Ec { x: Vec<u8>, y: Vec<u8> },
    /// Ed25519.
    Okp { x: Vec<u8> },
    /// Big-endian, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

/// The encodings of Ed25519 points of small order, without the sign bit. Under such a key a signature that anybody
/// can write holds for any message.
const SMALL_ORDER: [[u8; 32]; 5] = [
    little_endian(0x00, 0x00, 0x00),
    little_endian(0x01, 0x00, 0x00),
    little_endian(0xec, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn little_endian(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut point = [middle; 32];
    point[0] = first;
    point[31] = last;
    point
}

impl PublicKey {
    /// The key, if it is good for `algorithm`.
    ///
    /// # Errors
    /// When the key is of another kind, weak, or not on its curve.
    pub(crate) fn parsed(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, KeyMaterialError> {
        match (self, algorithm) {
            (Self::Ec { x, y }, Algorithm::ES256) => {
                if x.len() != 32 || y.len() != 32 {
                    return Err(KeyMaterialError::Form("a coordinate on P-256 has 32 bytes"));
                }
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                    .map_err(|_| KeyMaterialError::Weak("the point is not on P-256"))
            }
            (Self::Okp { x }, Algorithm::EdDSA) => {
                let mut point: [u8; 32] = x
                    .as_slice()
                    .try_into()
                    .map_err(|_| KeyMaterialError::Form("a key on Ed25519 has 32 bytes"))?;
                point[31] &= 0x7f;
                if point[0] >= 0xed && point[1..31].iter().all(|byte| *byte == 0xff) && point[31] == 0x7f {
                    return Err(KeyMaterialError::Form(
                        "the point on Ed25519 is not in its canonical spelling",
                    ));
                }
                if SMALL_ORDER.contains(&point) {
                    return Err(KeyMaterialError::Weak("the point has a small order"));
                }
                ParsedPublicKey::new(&ED25519, x)
                    .map_err(|_| KeyMaterialError::Weak("the point is not on Ed25519"))
            }
            (Self::Rsa { n, e }, Algorithm::RS256 | Algorithm::PS256) => {
                check_rsa(n, e)?;
                let parameters = match algorithm {
                    Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
                    _ => &RSA_PKCS1_2048_8192_SHA256,
                };
                RsaPublicKeyComponents { n, e }
                    .to_parsed_public_key(parameters)
                    .map_err(|_| KeyMaterialError::Form("not an RSA key"))
            }
            _ => Err(KeyMaterialError::Form(
                "the key is not of the kind that the algorithm needs",
            )),
        }
    }

    /// RFC 7638.
    pub(crate) fn thumbprint(&self) -> [u8; 32] {
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        // The required members in the order of their names, without white space (section 3.3).
        let json = match self {
            Self::Ec { x, y } => format!(
                r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
                b64(x),
                b64(y)
            ),
            Self::Okp { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, b64(x)),
            Self::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, b64(e), b64(n)),
        };
        Sha256::digest(json).into()
    }

    /// The name of the key: 128 bits of its thumbprint, which keeps tokens short.
    pub(crate) fn kid(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.thumbprint()[..16])
    }

    /// As a JWK (RFC 7517): public members only, for there are no others here.
    pub(crate) fn jwk(&self, kid: &str, algorithm: Algorithm) -> Map<String, Value> {
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let members = match self {
            Self::Ec { x, y } => vec![
                ("kty", "EC".to_owned()),
                ("crv", "P-256".to_owned()),
                ("x", b64(x)),
                ("y", b64(y)),
            ],
            Self::Okp { x } => vec![
                ("kty", "OKP".to_owned()),
                ("crv", "Ed25519".to_owned()),
                ("x", b64(x)),
            ],
            Self::Rsa { n, e } => vec![("kty", "RSA".to_owned()), ("n", b64(n)), ("e", b64(e))],
        };
        let rest = [("kid", kid), ("use", "sig"), ("alg", algorithm.as_str())]
            .map(|(name, text)| (name, text.to_owned()));
        members
            .into_iter()
            .chain(rest)
            .map(|(name, text)| (name.to_owned(), Value::String(text)))
            .collect()
    }
}

/// Bits of an RSA modulus.
pub(super) fn rsa_bits(n: &[u8]) -> usize {
    n.first().map_or(0, |first| {
        n.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or(0)
    })
}

fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), KeyMaterialError> {
    if n.first().is_none_or(|byte| *byte == 0) || e.first().is_none_or(|byte| *byte == 0) {
        return Err(KeyMaterialError::Form(
            "an RSA number is empty or begins with a zero byte",
        ));
    }
    if rsa_bits(n) < 2048 {
        return Err(KeyMaterialError::Weak("an RSA modulus has at least 2048 bits"));
    }
    if rsa_bits(n) > 8192 {
        return Err(KeyMaterialError::Unsupported(
            "an RSA modulus has at most 8192 bits",
        ));
    }
    if e.len() > 4 {
        return Err(KeyMaterialError::Unsupported(
            "an RSA exponent has at most 32 bits",
        ));
    }
    let exponent = e.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    if exponent < 65_537 || exponent % 2 == 0 {
        return Err(KeyMaterialError::Weak(
            "an RSA exponent is odd and at least 65537",
        ));
    }
    if n.last().is_some_and(|byte| byte % 2 == 0) {
        return Err(KeyMaterialError::Weak("an RSA modulus is odd"));
    }
    if has_roca_primes(n) {
        return Err(KeyMaterialError::Weak(
            "the RSA key can be factored (ROCA, CVE-2017-15361)",
        ));
    }
    Ok(())
}

/// Whether the modulus is of the form that the flawed generator of Infineon's chips gives: a power of 65537 modulo
/// each of many small primes. Of other moduli less than one in 10^8 is.
fn has_roca_primes(n: &[u8]) -> bool {
    // Those modulo which the powers of 65537 are few.
    const PRIMES: [u32; 17] = [
        11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
    ];
    PRIMES.iter().all(|prime| {
        let rest = n
            .iter()
            .fold(0, |rest, byte| (rest << 8 | u32::from(*byte)) % prime);
        let mut power = 1;
        (0..*prime).any(|_| {
            let found = power == rest;
            power = power * (65_537 % prime) % prime;
            found
        })
    })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::UnparsedPublicKey;

    use super::*;

    #[test]
    fn under_a_point_of_small_order_anybody_signs() {
        // R is the neutral point and S is 0: holds whenever the hash is a multiple of the order, 8 at most.
        let mut signature = [0; 64];
        signature[0] = 1;
        for point in SMALL_ORDER {
            let holds = (0..200u32).any(|number| {
                UnparsedPublicKey::new(&ED25519, point)
                    .verify(&number.to_be_bytes(), &signature)
                    .is_ok()
            });
            assert!(holds, "{point:02x?} is in the list for nothing");
            for sign in [0, 0x80] {
                let mut x = point.to_vec();
                x[31] |= sign;
                let refused = PublicKey::Okp { x }.parsed(Algorithm::EdDSA).err();
                assert_eq!(
                    refused,
                    Some(KeyMaterialError::Weak("the point has a small order"))
                );
            }
        }
    }

    #[test]
    fn a_point_has_one_spelling() {
        for first in [0xed, 0xee, 0xff] {
            let x = little_endian(first, 0xff, 0x7f).to_vec();
            let refused = PublicKey::Okp { x }.parsed(Algorithm::EdDSA).err();
            assert!(matches!(refused, Some(KeyMaterialError::Form(_))));
        }
    }

    #[test]
    fn a_modulus_of_the_flawed_form_is_refused() {
        // 65537^128 has 2049 bits, and is a power of 65537 modulo anything. Times 65537: shifted by 16 bits, plus itself.
        let mut n = vec![1u8];
        for _ in 0..128 {
            let mut shifted = n.clone();
            shifted.extend([0, 0]);
            let mut carry = 0;
            for at in 0..shifted.len() {
                let (to, own) = (shifted.len() - 1 - at, n.len().checked_sub(at + 1));
                let sum = u16::from(shifted[to]) + own.map_or(0, |own| u16::from(n[own])) + carry;
                shifted[to] = sum.to_le_bytes()[0];
                carry = sum >> 8;
            }
            assert_eq!(carry, 0);
            n = shifted;
        }
        let key = |n: &[u8]| PublicKey::Rsa {
            n: n.to_vec(),
            e: vec![1, 0, 1],
        };
        let refused = key(&n).parsed(Algorithm::RS256).err();
        assert!(matches!(refused, Some(KeyMaterialError::Weak(reason)) if reason.contains("ROCA")));
        *n.last_mut().unwrap() ^= 2;
        assert!(key(&n).parsed(Algorithm::RS256).is_ok());
    }
}
