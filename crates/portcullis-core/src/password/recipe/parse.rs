//! Recipes from what is written in front of salt and digest, and the bounds of what one check may cost.

use portcullis_argon2::{Algorithm, Version};

use super::{Before, Prf, Recipe, pbkdf2_work, scrypt_work};
use crate::password::{
    HashFormatError,
    params::{MOST_LANES, MOST_MEMORY, MOST_WORK},
};

/// The highest cost of bcrypt: 2^15 rounds take one to two seconds.
const MOST_BCRYPT: u32 = 15;
/// The most N·r·p of scrypt, four times OWASP's setting.
const MOST_SCRYPT_WORK: u64 = 1 << 22;
/// The most rounds of PBKDF2, times blocks of output.
const MOST_PBKDF2: u64 = 5_000_000;

impl Recipe {
    /// From [`StoredHash::kind`](crate::password::StoredHash::kind): `$argon2id$v=19$m=19456,t=2,p=1`, `$2b$10`, ..
    pub(in crate::password) fn parse(kind: &str) -> Result<Self, HashFormatError> {
        let mut parts = kind.split('$');
        let (Some(""), Some(family)) = (parts.next(), parts.next()) else {
            return Err(HashFormatError::Unknown);
        };
        let rest: Vec<&str> = parts.collect();
        match family {
            "argon2id" => argon2(Algorithm::Argon2id, &rest),
            "argon2i" => argon2(Algorithm::Argon2i, &rest),
            "argon2d" => argon2(Algorithm::Argon2d, &rest),
            "2a" | "2b" | "2y" => bcrypt(&rest),
            "bcrypt-sha256" => passlib_bcrypt(&rest),
            "bcrypt-sha256-hex" => django_bcrypt(&rest),
            "scrypt" => scrypt(&rest).map(|(log_n, r, p)| Self::Scrypt { log_n, r, p }),
            "firebase-scrypt" => scrypt(&rest).map(|(log_n, r, p)| Self::Firebase { log_n, r, p }),
            "pbkdf2-sha256" => pbkdf2(Prf::Sha256, &rest),
            "pbkdf2-sha512" => pbkdf2(Prf::Sha512, &rest),
            _ => Err(HashFormatError::Unknown),
        }
    }
}

/// A decimal number as PHC strings have it: no sign, no zeros in front.
fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// The numbers of `a=1,b=2` in the order of `names`, nothing beside them.
fn numbers<const N: usize>(text: &str, names: [&str; N]) -> Option<[u32; N]> {
    let mut pairs = text.split(',');
    let mut found = [0; N];
    for (value, name) in found.iter_mut().zip(names) {
        let (key, digits) = pairs.next()?.split_once('=')?;
        if key != name {
            return None;
        }
        *value = number(digits)?;
    }
    pairs.next().is_none().then_some(found)
}

fn argon2(algorithm: Algorithm, rest: &[&str]) -> Result<Recipe, HashFormatError> {
    const FORM: HashFormatError =
        HashFormatError::Malformed("argon2", "$argon2id$v=19$m=..,t=..,p=..$salt$digest");
    let (version, settings) = match rest {
        ["v=19", settings] => (Version::V0x13, settings),
        // Version 16 is what was meant before the field existed.
        ["v=16", settings] | [settings] => (Version::V0x10, settings),
        _ => return Err(FORM),
    };
    let [memory, passes, lanes] = numbers(settings, ["m", "t", "p"]).ok_or(FORM)?;
    if passes == 0 || lanes == 0 || u64::from(memory) < 8 * u64::from(lanes) {
        return Err(FORM);
    }
    if memory > MOST_MEMORY || lanes > MOST_LANES || u64::from(memory) * u64::from(passes) > MOST_WORK {
        return Err(HashFormatError::Costly(
            "argon2",
            "m=262144 (256 MiB), m times t 1048576, p=16",
        ));
    }
    Ok(Recipe::Argon2 {
        algorithm,
        version,
        memory,
        passes,
        lanes,
    })
}

fn bcrypt(rest: &[&str]) -> Result<Recipe, HashFormatError> {
    let [cost] = rest else {
        return Err(BCRYPT_FORM);
    };
    two_digits(cost)
        .ok_or(BCRYPT_FORM)
        .and_then(|cost| bounded_bcrypt(cost, Before::Nothing, BCRYPT_FORM))
}

/// `04` to `31`.
fn two_digits(cost: &str) -> Option<u32> {
    let plain = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| cost.parse().ok()).flatten()
}

fn bounded_bcrypt(cost: u32, before: Before, form: HashFormatError) -> Result<Recipe, HashFormatError> {
    match cost {
        4..=MOST_BCRYPT => Ok(Recipe::Bcrypt { cost, before }),
        16..=31 => Err(HashFormatError::Costly("bcrypt", "cost 15")),
        _ => Err(form),
    }
}

/// passlib: `v=2,t=2b,r=12`, and before that `2b,12`.
fn passlib_bcrypt(rest: &[&str]) -> Result<Recipe, HashFormatError> {
    const FORM: HashFormatError =
        HashFormatError::Malformed("bcrypt-sha256", "$bcrypt-sha256$v=2,t=2b,r=..$salt$digest");
    let [settings] = rest else {
        return Err(FORM);
    };
    let (cost, before) = match settings.split(',').collect::<Vec<_>>()[..] {
        ["v=2", "t=2a" | "t=2b", cost] => (cost.strip_prefix("r="), Before::Hmac),
        ["2a" | "2b", cost] => (Some(cost), Before::Base64),
        _ => return Err(FORM),
    };
    let cost = cost.and_then(number).ok_or(FORM)?;
    bounded_bcrypt(cost, before, FORM)
}

/// As an import writes those of Django: `2b,12`.
fn django_bcrypt(rest: &[&str]) -> Result<Recipe, HashFormatError> {
    const FORM: HashFormatError =
        HashFormatError::Malformed("bcrypt-sha256-hex", "$bcrypt-sha256-hex$2b,12$salt$digest");
    let [settings] = rest else {
        return Err(FORM);
    };
    match settings.split_once(',') {
        Some(("2a" | "2b" | "2y", cost)) => bounded_bcrypt(two_digits(cost).ok_or(FORM)?, Before::Hex, FORM),
        _ => Err(FORM),
    }
}

pub(in crate::password) const BCRYPT_FORM: HashFormatError =
    HashFormatError::Malformed("bcrypt", "$2b$10$ and 53 characters of salt and digest");

fn scrypt(rest: &[&str]) -> Result<(u8, u32, u32), HashFormatError> {
    const FORM: HashFormatError = HashFormatError::Malformed("scrypt", "$scrypt$ln=..,r=..,p=..$salt$digest");
    let [settings] = rest else {
        return Err(FORM);
    };
    let [log_n, r, p] = numbers(settings, ["ln", "r", "p"]).ok_or(FORM)?;
    let log_n = u8::try_from(log_n).map_err(|_| FORM)?;
    if log_n == 0 || r == 0 || p == 0 {
        return Err(FORM);
    }
    let memory = scrypt_work(log_n, r, 1).saturating_mul(128);
    if memory > u64::from(MOST_MEMORY) * 1024 || p > MOST_LANES || scrypt_work(log_n, r, p) > MOST_SCRYPT_WORK
    {
        return Err(HashFormatError::Costly(
            "scrypt",
            "256 MiB (128 times N times r), N times r times p 4194304, p=16",
        ));
    }
    Ok((log_n, r, p))
}

/// PHC (`i=600000` or `i=600000,l=32`), and the form of passlib, which has the bare number of rounds.
fn pbkdf2(prf: Prf, rest: &[&str]) -> Result<Recipe, HashFormatError> {
    const FORM: HashFormatError =
        HashFormatError::Malformed("pbkdf2", "$pbkdf2-sha256$i=..,l=..$salt$digest");
    let [settings] = rest else {
        return Err(FORM);
    };
    let own = u32::try_from(prf.output()).unwrap_or(u32::MAX);
    let [rounds, length] = numbers(settings, ["i", "l"])
        .or_else(|| numbers(settings, ["i"]).map(|[rounds]| [rounds, own]))
        .or_else(|| number(settings).map(|rounds| [rounds, own]))
        .ok_or(FORM)?;
    let length = usize::try_from(length).map_err(|_| FORM)?;
    if rounds == 0 || !(16..=64).contains(&length) {
        return Err(FORM);
    }
    pbkdf2_recipe(prf, rounds, length)
}

/// With a digest of `length` bytes, if that is not too much work.
pub(in crate::password) fn pbkdf2_recipe(
    prf: Prf,
    rounds: u32,
    length: usize,
) -> Result<Recipe, HashFormatError> {
    if pbkdf2_work(prf, rounds, length) > MOST_PBKDF2 {
        return Err(HashFormatError::Costly(
            "pbkdf2",
            "5000000 rounds, each block of output counted",
        ));
    }
    Ok(Recipe::Pbkdf2 { prf, rounds, length })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::password::Argon2Params;

    #[test]
    fn kinds_and_their_work() {
        let work = |kind| Recipe::parse(kind).unwrap().work();
        assert_eq!(work("$argon2id$v=19$m=19456,t=2,p=1"), 38_912);
        assert_eq!(work("$argon2i$m=512,t=3,p=4"), 1_536);
        assert_eq!(work("$2y$12"), 4_096);
        assert_eq!(work("$scrypt$ln=17,r=8,p=1"), 1 << 20);
        assert_eq!(work("$pbkdf2-sha256$i=600000,l=32"), 600_000);
        assert_eq!(work("$pbkdf2-sha256$i=600000,l=64"), 1_200_000);
        assert_eq!(work("$pbkdf2-sha512$210000"), 210_000);
        assert_eq!(
            Recipe::parse(&format!("$argon2id$v=19${}", Argon2Params::default())),
            Ok(Argon2Params::default().into())
        );
    }

    #[test]
    fn what_costs_too_much_is_refused() {
        for kind in [
            "$argon2id$v=19$m=262145,t=1,p=1",
            "$argon2id$v=19$m=262144,t=5,p=1",
            "$argon2id$v=19$m=65536,t=4294967295,p=1",
            "$argon2id$v=19$m=19456,t=2,p=17",
            "$2b$16",
            "$scrypt$ln=22,r=8,p=1",
            "$scrypt$ln=255,r=4294967295,p=4294967295",
            "$scrypt$ln=17,r=8,p=5",
            "$scrypt$ln=1,r=1,p=17",
            "$pbkdf2-sha256$i=5000001",
            "$pbkdf2-sha256$i=2500001,l=64",
        ] {
            assert!(
                matches!(Recipe::parse(kind), Err(HashFormatError::Costly(..))),
                "{kind}"
            );
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for kind in [
            "",
            "argon2id",
            "$argon2id",
            "$argon2id$v=19",
            "$argon2id$v=18$m=19456,t=2,p=1",
            "$argon2id$v=19$t=2,m=19456,p=1",
            "$argon2id$v=19$m=19456,t=2,p=1,data=AAAA",
            "$argon2id$v=19$m=019456,t=2,p=1",
            "$argon2id$v=19$m=+19456,t=2,p=1",
            "$argon2id$v=19$m=,t=2,p=1",
            "$argon2id$v=19$m=19456,t=0,p=1",
            "$argon2id$v=19$m=15,t=1,p=2",
            "$2b$3",
            "$2b$03",
            "$2b$32",
            "$scrypt$ln=0,r=8,p=1",
            "$scrypt$ln=17,r=0,p=1",
            "$pbkdf2-sha256$i=0",
            "$pbkdf2-sha256$i=1000,l=8",
            "$pbkdf2-sha256$i=1000,l=65",
        ] {
            assert!(
                matches!(
                    Recipe::parse(kind),
                    Err(HashFormatError::Malformed(..) | HashFormatError::Unknown)
                ),
                "{kind}"
            );
        }
        for kind in ["$2x$10", "$1", "$6$rounds=5000", "$pbkdf2$i=1000", "$sha1", "md5"] {
            assert_eq!(Recipe::parse(kind), Err(HashFormatError::Unknown), "{kind}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_or_passes_the_bounds(kind in "\\$(argon2id|2b|scrypt|pbkdf2-sha512)(\\$[vmtplnri=,0-9]{0,24}){0,3}") {
            if let Ok(recipe) = Recipe::parse(&kind) {
                prop_assert!(recipe.work() <= MOST_PBKDF2);
            }
        }
    }
}
