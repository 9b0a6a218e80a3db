//! Password hashes as other systems write them, brought into the forms that are stored.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD_NO_PAD},
};
use zeroize::Zeroizing;

use super::{HashFormatError, StoredHash};

/// With padding or without.
const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl StoredHash {
    /// Reads a hash that another system made, in one of the forms of [`StoredHash::parse`] (PHC strings, bcrypt, passlib) or as
    /// Django writes them: `pbkdf2_sha256$..`, `argon2$..`, `bcrypt_sha256$..`, `bcrypt$..`, `scrypt$..`. `None` is an
    /// account without a password, which is empty, or begins with `!` or `*`.
    ///
    /// ```
    /// use portcullis_core::password::StoredHash;
    ///
    /// let hash = StoredHash::import("pbkdf2_sha256$870000$seasalt12chars$8PV37yS5z9fBTpCJ7arIZmTsD0yMrv+4Hyw4j77Z7uU=")?;
    /// assert_eq!(hash.map(|hash| hash.kind().to_owned()).as_deref(), Some("$pbkdf2-sha256$i=870000"));
    /// assert!(StoredHash::import("!IXg7ehNq3axe9j8ghZvSFTGDZg1lPj5VZblbUpwE")?.is_none());
    /// # Ok::<(), portcullis_core::password::HashFormatError>(())
    /// ```
    ///
    /// # Errors
    /// When it cannot be checked, or checking it would cost too much, with the reason and never a part of the hash.
    pub fn import(text: &str) -> Result<Option<Self>, HashFormatError> {
        let text = text.trim();
        if text.is_empty() || text.starts_with(['!', '*']) {
            return Ok(None);
        }
        let hash = match text.split_once('$') {
            Some(("pbkdf2_sha256", rest)) => django_pbkdf2(rest)?,
            Some(("scrypt", rest)) => django_scrypt(rest)?,
            Some(("bcrypt_sha256", rest)) => django_bcrypt(rest)?,
            // In front of what is the common form otherwise, with its `$` or without.
            Some(("argon2" | "bcrypt", rest)) if rest.starts_with('$') => Self::parse(rest)?,
            Some(("argon2", _)) => Self::parse(&text["argon2".len()..])?,
            _ => Self::parse(text)?,
        };
        Ok(Some(hash))
    }
}

/// In the form of PHC strings.
fn compose(kind: &str, salt: &[u8], digest: &[u8]) -> Result<StoredHash, HashFormatError> {
    let mut text = Zeroizing::new(String::with_capacity(256));
    text.push_str(kind);
    for bytes in [salt, digest] {
        text.push('$');
        STANDARD_NO_PAD.encode_string(bytes, &mut text);
    }
    StoredHash::parse(&text)
}

fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    // Bounded before it is decoded; no digest of ours is longer.
    if text.len() > 256 {
        return None;
    }
    let text = Zeroizing::new(text.replace('-', "+").replace('_', "/"));
    ANY_PADDING.decode(text.as_bytes()).ok().map(Zeroizing::new)
}

/// `ITERATIONS$SALT$DIGEST`, the salt as it stands.
fn django_pbkdf2(rest: &str) -> Result<StoredHash, HashFormatError> {
    const FORM: HashFormatError =
        HashFormatError::Malformed("Django PBKDF2", "pbkdf2_sha256$ITERATIONS$SALT$DIGEST");
    let [rounds, salt, digest] = parts(rest).ok_or(FORM)?;
    let digest = decode(digest).ok_or(FORM)?;
    compose(&format!("$pbkdf2-sha256$i={rounds}"), salt.as_bytes(), &digest)
}

/// `N$SALT$R$P$DIGEST`.
fn django_scrypt(rest: &str) -> Result<StoredHash, HashFormatError> {
    const FORM: HashFormatError = HashFormatError::Malformed("Django scrypt", "scrypt$N$SALT$R$P$DIGEST");
    let [n, salt, r, p, digest] = parts(rest).ok_or(FORM)?;
    let n: u32 = n.parse().ok().filter(|n: &u32| n.is_power_of_two()).ok_or(FORM)?;
    let digest = decode(digest).ok_or(FORM)?;
    let kind = format!("$scrypt$ln={},r={r},p={p}", n.trailing_zeros());
    compose(&kind, salt.as_bytes(), &digest)
}

/// bcrypt of the hexadecimal SHA-256: `$2b$COST$SALT-AND-DIGEST`.
fn django_bcrypt(rest: &str) -> Result<StoredHash, HashFormatError> {
    const FORM: HashFormatError = HashFormatError::Malformed(
        "Django bcrypt",
        "bcrypt_sha256$$2b$12$ and 53 characters of salt and digest",
    );
    let ["", family @ ("2a" | "2b" | "2y"), cost, both] = parts(rest).ok_or(FORM)? else {
        return Err(FORM);
    };
    let (salt, digest) = both.split_at_checked(22).ok_or(FORM)?;
    let text = Zeroizing::new(format!("$bcrypt-sha256-hex${family},{cost}${salt}${digest}"));
    StoredHash::parse(&text)
}

fn parts<const N: usize>(text: &str) -> Option<[&str; N]> {
    let mut parts = text.split('$');
    let mut found = [""; N];
    for part in &mut found {
        *part = parts.next()?;
    }
    parts.next().is_none().then_some(found)
}

/// The parameters of a Firebase project: its accounts are hashed by an scrypt that also needs a key of the project.
///
/// What Firebase stores is that key, encrypted (AES-256-CTR) with what scrypt made of the password. We store the keystream
/// instead, which depends on the password alone, and need the key no more.
pub struct FirebaseParams {
    signer_key: Zeroizing<Vec<u8>>,
    separator: Vec<u8>,
    rounds: u32,
    mem_cost: u32,
}

/// Why a text is not taken as the parameters of a Firebase project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "these are no password hash parameters of Firebase: give what its console shows, hash_config {{ algorithm: SCRYPT, \
     base64_signer_key: .., base64_salt_separator: .., rounds: .., mem_cost: .. }}"
)]
pub struct FirebaseParamsError;

impl FirebaseParams {
    /// From what the console of Firebase shows under "Password Hash Parameters": `name: value` on lines or between commas,
    /// in braces or not.
    ///
    /// # Errors
    /// When one is missing or makes no sense.
    pub fn parse(text: &str) -> Result<Self, FirebaseParamsError> {
        let value = |name: &str| {
            text.split(['\n', ',', '{', '}']).find_map(|part| {
                let (key, value) = part.split_once(':')?;
                (key.trim().trim_matches('"') == name).then(|| value.trim().trim_matches('"'))
            })
        };
        let bytes = |name| value(name).and_then(decode).ok_or(FirebaseParamsError);
        let number = |name| {
            value(name)
                .and_then(|text| text.parse().ok())
                .ok_or(FirebaseParamsError)
        };
        if value("algorithm").is_some_and(|algorithm| algorithm != "SCRYPT") {
            return Err(FirebaseParamsError);
        }
        let signer_key = bytes("base64_signer_key")?;
        if !(16..=64).contains(&signer_key.len()) {
            return Err(FirebaseParamsError);
        }
        Ok(Self {
            signer_key,
            separator: bytes("base64_salt_separator")?.to_vec(),
            rounds: number("rounds")?,
            mem_cost: number("mem_cost")?,
        })
    }

    /// The hash of one account: `passwordHash` and `salt` (`passwordSalt` in CSV), both in base64.
    ///
    /// # Errors
    /// When it is none, or checking it would cost too much.
    pub fn import(&self, hash: &str, salt: &str) -> Result<Option<StoredHash>, HashFormatError> {
        const FORM: HashFormatError = HashFormatError::Malformed(
            "Firebase",
            "a hash as long as the signer key, and a salt, both in base64",
        );
        if hash.trim().is_empty() {
            return Ok(None);
        }
        let hash = decode(hash.trim()).ok_or(FORM)?;
        let mut salt = decode(salt.trim()).ok_or(FORM)?;
        if hash.len() != self.signer_key.len() {
            return Err(FORM);
        }
        salt.extend_from_slice(&self.separator);
        let keystream: Zeroizing<Vec<u8>> =
            Zeroizing::new(hash.iter().zip(&*self.signer_key).map(|(a, b)| a ^ b).collect());
        let kind = format!("$firebase-scrypt$ln={},r={},p=1", self.mem_cost, self.rounds);
        compose(&kind, &salt, &keystream).map(Some)
    }
}

#[cfg(test)]
mod tests;
