//! Private keys from outside.

use aws_lc_rs::{
    rsa::KeyPairComponents,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair, RsaPublicKeyComponents,
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{KeyMaterialError, SigningKey, jwk::Members};
use crate::token::{Algorithm, json};

/// How to import a key.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions {
    /// Its algorithm: needed only to sign with an RSA key by PS256; without it the key's own `alg`, or that of its
    /// kind (RS256 for RSA).
    pub algorithm: Option<Algorithm>,
    /// Signs at once, rather than being the next.
    pub activate: bool,
}

/// Reads PEM (PKCS#8, SEC 1, PKCS#1), PKCS#8 in DER, or a private JWK.
pub(super) fn private_key(text: &[u8], algorithm: Option<Algorithm>) -> Result<SigningKey, KeyMaterialError> {
    let trimmed = text.trim_ascii();
    if trimmed.first() == Some(&b'{') {
        return from_jwk(trimmed, algorithm);
    }
    match std::str::from_utf8(trimmed) {
        Ok(pem) if pem.contains("-----BEGIN ") => from_pem(pem, algorithm),
        _ => from_pkcs8(text, algorithm),
    }
}

fn from_pem(pem: &str, algorithm: Option<Algorithm>) -> Result<SigningKey, KeyMaterialError> {
    // `openssl ecparam` writes the parameters in a block before the key.
    let mut blocks = pem.split("-----BEGIN ").skip(1).filter_map(|block| {
        let (label, rest) = block.split_once("-----")?;
        label.ends_with("PRIVATE KEY").then_some((label, rest))
    });
    let (label, rest) = blocks
        .next()
        .ok_or(KeyMaterialError::Form("the PEM holds no private key"))?;
    if blocks.next().is_some() {
        return Err(KeyMaterialError::Form("the PEM holds more than one private key"));
    }
    let (body, end) = rest
        .split_once("-----END ")
        .ok_or(KeyMaterialError::Form("the PEM has no end"))?;
    if !end.starts_with(&format!("{label}-----")) {
        return Err(KeyMaterialError::Form("the PEM ends otherwise than it begins"));
    }
    if label == "ENCRYPTED PRIVATE KEY" || body.contains("ENCRYPTED") {
        return Err(KeyMaterialError::Unsupported(
            "the key is encrypted: decrypt it with `openssl pkcs8 -in FILE -topk8 -nocrypt`",
        ));
    }
    let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    let der = STANDARD
        .decode(body.as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| KeyMaterialError::Form("the PEM is not base64"))?;
    match label {
        "PRIVATE KEY" => from_pkcs8(&der, algorithm),
        "EC PRIVATE KEY" => {
            only(algorithm, Algorithm::ES256)?;
            let pair =
                EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).map_err(|_| {
                    KeyMaterialError::Unsupported("of the elliptic curves only P-256 is supported")
                })?;
            SigningKey::from_ec(pair)
        }
        "RSA PRIVATE KEY" => {
            let pair =
                RsaKeyPair::from_der(&der).map_err(|_| KeyMaterialError::Form("not an RSA private key"))?;
            SigningKey::from_rsa(rsa(algorithm)?, pair)
        }
        _ => Err(KeyMaterialError::Unsupported(
            "use PKCS#8: `openssl pkcs8 -in FILE -topk8 -nocrypt`",
        )),
    }
}

fn from_pkcs8(der: &[u8], algorithm: Option<Algorithm>) -> Result<SigningKey, KeyMaterialError> {
    if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
        only(algorithm, Algorithm::ES256)?;
        return SigningKey::from_ec(pair);
    }
    if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
        only(algorithm, Algorithm::EdDSA)?;
        return SigningKey::from_ed(pair);
    }
    if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
        return SigningKey::from_rsa(rsa(algorithm)?, pair);
    }
    Err(KeyMaterialError::Form(
        "not an unencrypted private key on P-256 or Ed25519 or of RSA (2048 to 8192 bits), in PEM, PKCS#8 or JWK",
    ))
}

fn from_jwk(text: &[u8], wanted: Option<Algorithm>) -> Result<SigningKey, KeyMaterialError> {
    let members = Members(json::object(text).map_err(KeyMaterialError::Form)?);
    let algorithm = match members.algorithm()? {
        Some(own) => {
            only(wanted, own)?;
            Some(own)
        }
        None => wanted,
    };
    let invalid = |_| KeyMaterialError::Form("the private key does not belong to the public one");
    match members.text("kty")? {
        "EC" => {
            members.curve("P-256")?;
            only(algorithm, Algorithm::ES256)?;
            let point = [vec![4], members.bytes("x")?, members.bytes("y")?].concat();
            let d = Zeroizing::new(members.bytes("d")?);
            EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &d, &point)
                .map_err(invalid)
                .and_then(SigningKey::from_ec)
        }
        "OKP" => {
            members.curve("Ed25519")?;
            only(algorithm, Algorithm::EdDSA)?;
            let d = Zeroizing::new(members.bytes("d")?);
            if d.len() != 32 {
                return Err(KeyMaterialError::Form("a private key on Ed25519 has 32 bytes"));
            }
            Ed25519KeyPair::from_seed_and_public_key(&d, &members.bytes("x")?)
                .map_err(invalid)
                .and_then(SigningKey::from_ed)
        }
        "RSA" => {
            if members.0.contains_key("oth") {
                return Err(KeyMaterialError::Unsupported("an RSA key has two primes"));
            }
            let secret = |name| members.bytes(name).map(Zeroizing::new);
            let components = KeyPairComponents {
                public_key: RsaPublicKeyComponents {
                    n: Zeroizing::new(members.bytes("n")?),
                    e: Zeroizing::new(members.bytes("e")?),
                },
                d: secret("d")?,
                p: secret("p")?,
                q: secret("q")?,
                dP: secret("dp")?,
                dQ: secret("dq")?,
                qInv: secret("qi")?,
            };
            let pair = RsaKeyPair::from_components(&components).map_err(invalid)?;
            SigningKey::from_rsa(rsa(algorithm)?, pair)
        }
        _ => Err(KeyMaterialError::Unsupported(
            "a key that signs is of kind EC, OKP or RSA; a shared secret belongs into the configuration",
        )),
    }
}

fn only(wanted: Option<Algorithm>, own: Algorithm) -> Result<(), KeyMaterialError> {
    if wanted.is_none_or(|algorithm| algorithm == own) {
        Ok(())
    } else {
        Err(KeyMaterialError::Form(
            "the key is for another algorithm than asked for",
        ))
    }
}

fn rsa(wanted: Option<Algorithm>) -> Result<Algorithm, KeyMaterialError> {
    match wanted {
        None => Ok(Algorithm::RS256),
        Some(algorithm @ (Algorithm::RS256 | Algorithm::PS256)) => Ok(algorithm),
        Some(_) => Err(KeyMaterialError::Form("an RSA key is for RS256 or PS256")),
    }
}
