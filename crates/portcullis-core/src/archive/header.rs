//! The begin of an archive: readable without the passphrase.

use std::io::{Read, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::ArchiveError;
use crate::{
    clock::Timestamp,
    password::{Argon2Params, Password, derive_key},
    rng::{self, Rng},
};

/// All archives begin with this; then comes the number of their form.
const MAGIC: &[u8] = b"portcullis-backup ";
const FORM: &[u8] = b"1\n";
/// More than any header has.
const LONGEST: usize = 4096;
/// The least characters of a passphrase. Unlike a login it can be tried without end.
const LEAST_PASSPHRASE: usize = 12;
/// The second choice of RFC 9106, section 4, with one lane: a fifth of a second. Tests of other things have a cheaper one.
pub(super) const COST: (u32, u32, u32) = if cfg!(test) { (7_168, 5, 1) } else { (65_536, 3, 1) };

/// What an archive says of itself. Whoever has the passphrase can rely on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// When it was made.
    pub created_at: Timestamp,
    /// Version of the program that made it.
    pub version: String,
    /// Engine of the database: `sqlite` or `postgres`.
    pub engine: String,
}

/// As it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    header: Header,
    argon2: [u32; 3],
    salt: String,
}

/// The readable part, not yet believed.
pub(super) struct Begin {
    pub(super) header: Header,
    params: Argon2Params,
    salt: Vec<u8>,
    /// Of all that stands before it.
    digest: [u8; 32],
    check: [u8; 32],
}

/// The key of the rest.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// Writes the begin; gives the key for what follows.
pub(super) fn write(
    to: &mut impl Write,
    header: &Header,
    passphrase: &Password,
    rng: &dyn Rng,
) -> Result<Key, ArchiveError> {
    if passphrase.length() < LEAST_PASSPHRASE {
        return Err(ArchiveError::Short {
            least: LEAST_PASSPHRASE,
        });
    }
    let salt: [u8; 16] = rng::bytes(rng);
    let params = Argon2Params::new(COST.0, COST.1, COST.2).map_err(ArchiveError::Costly)?;
    let written = Written {
        header: header.clone(),
        argon2: [params.memory(), params.passes(), params.lanes()],
        salt: STANDARD.encode(salt),
    };
    let json = serde_json::to_vec(&written).map_err(|_| ArchiveError::Form("its header"))?;
    let length = u32::try_from(json.len())
        .ok()
        .filter(|_| json.len() <= LONGEST)
        .ok_or(ArchiveError::Form("its header is too long"))?;
    let mut bytes = [MAGIC, FORM].concat();
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&json);
    let digest = Sha256::digest(&bytes).into();
    let (check, key) = keys(passphrase, params, &salt, &digest)?;
    bytes.extend_from_slice(&digest);
    bytes.extend_from_slice(&*check);
    to.write_all(&bytes).map_err(ArchiveError::Io)?;
    Ok(key)
}

/// Two keys that depend on the passphrase and on every byte of the header.
fn keys(
    passphrase: &Password,
    params: Argon2Params,
    salt: &[u8],
    digest: &[u8; 32],
) -> Result<(Key, Key), ArchiveError> {
    let stretched =
        derive_key(passphrase, params, salt).map_err(|_| ArchiveError::Memory(params.memory()))?;
    let extracted = Hkdf::<Sha256>::new(Some(digest), &*stretched);
    Ok((
        expand(&extracted, b"portcullis backup check"),
        expand(&extracted, b"portcullis backup pieces"),
    ))
}

#[expect(clippy::expect_used, reason = "32 bytes are within what HKDF expands to")]
fn expand(extracted: &Hkdf<Sha256>, purpose: &[u8]) -> Key {
    let mut key = Zeroizing::new([0; 32]);
    extracted
        .expand(purpose, &mut *key)
        .expect("short enough to expand");
    key
}

impl Begin {
    /// Reads the begin and nothing behind it.
    pub(super) fn read(from: &mut impl Read) -> Result<Self, ArchiveError> {
        let mut bytes = vec![0; MAGIC.len()];
        from.read_exact(&mut bytes).map_err(|_| ArchiveError::Other)?;
        if bytes != MAGIC {
            return Err(ArchiveError::Other);
        }
        let form = take(from, FORM.len(), &mut bytes)?;
        if form != FORM {
            return Err(ArchiveError::Newer);
        }
        let length = take(from, 4, &mut bytes)?;
        let length = length
            .iter()
            .fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
        if length > LONGEST {
            return Err(ArchiveError::DamagedBegin);
        }
        let json = take(from, length, &mut bytes)?;
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        if take(from, 32, &mut bytes)? != digest {
            return Err(ArchiveError::DamagedBegin);
        }
        let check = take(from, 32, &mut bytes)?;
        let Written {
            header,
            argon2: [memory, passes, lanes],
            salt,
        } = serde_json::from_slice(&json).map_err(|_| ArchiveError::Newer)?;
        Ok(Self {
            header,
            params: Argon2Params::new(memory, passes, lanes).map_err(ArchiveError::Costly)?,
            salt: STANDARD
                .decode(salt)
                .ok()
                .filter(|salt| (16..=64).contains(&salt.len()))
                .ok_or(ArchiveError::Form("its salt"))?,
            digest,
            check: check.try_into().map_err(|_| ArchiveError::DamagedBegin)?,
        })
    }

    /// The key of the rest.
    pub(super) fn unlock(&self, passphrase: &Password) -> Result<Key, ArchiveError> {
        let (check, key) = keys(passphrase, self.params, &self.salt, &self.digest)?;
        if bool::from(check.ct_eq(&self.check)) {
            Ok(key)
        } else {
            Err(ArchiveError::Passphrase)
        }
    }
}

/// The next bytes, which are also appended to all that were read.
fn take(from: &mut impl Read, number: usize, all: &mut Vec<u8>) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = vec![0; number];
    from.read_exact(&mut bytes)?;
    all.extend_from_slice(&bytes);
    Ok(bytes)
}
