use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{MacKey, Vault};
use crate::rng::{self, Rng};

const RANDOM: usize = 16;
const MAC: usize = 16;

/// Makes and checks tokens that mean something together with one other thing only, to which they are bound: a session.
/// Nothing is stored, and who has the token alone, or one of another session, has nothing.
///
/// In base64url: random (16 bytes), MAC over it and what it is bound to (16, HMAC-SHA-256).
///
/// ```
/// use portcullis_core::{key::BoundTokens, rng::SystemRng};
/// use secrecy::ExposeSecret;
///
/// let tokens = BoundTokens::generate(&SystemRng);
/// let token = tokens.issue(b"session 1", &SystemRng);
/// assert!(tokens.holds(token.expose_secret(), b"session 1"));
/// assert!(!tokens.holds(token.expose_secret(), b"session 2"));
/// ```
pub struct BoundTokens(MacKey);

/// A secret that is too short to be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret for this has at least 32 bytes: make one by `openssl rand -base64 48`")]
pub struct ShortSecret;

impl BoundTokens {
    /// With the key that is derived for `purpose`.
    #[must_use]
    pub fn derive(vault: &Vault, purpose: &str) -> Self {
        Self(MacKey::derive(vault, purpose))
    }

    /// With a shared secret, so that several nodes take each other's tokens.
    ///
    /// # Errors
    /// When it is shorter than 32 bytes.
    pub fn from_secret(secret: &SecretString) -> Result<Self, ShortSecret> {
        let secret = secret.expose_secret().as_bytes();
        if secret.len() < 32 {
            return Err(ShortSecret);
        }
        Ok(Self(MacKey::of_secret(secret, "bound tokens")))
    }

    /// With a key of its own, that nobody else has and that ends with it.
    #[must_use]
    pub fn generate(rng: &dyn Rng) -> Self {
        Self(MacKey::of_secret(
            &*Zeroizing::new(rng::bytes::<32>(rng)),
            "bound tokens",
        ))
    }

    /// A fresh token, bound to `to`.
    pub fn issue(&self, to: &[u8], rng: &dyn Rng) -> SecretString {
        let random: [u8; RANDOM] = rng::bytes(rng);
        let mut bytes = [0; RANDOM + MAC];
        bytes[..RANDOM].copy_from_slice(&random);
        bytes[RANDOM..].copy_from_slice(&self.0.tag(&[&random, to]));
        SecretString::from(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Whether `token` was issued by this key, bound to `to`. Takes as long for one as for another.
    #[must_use]
    pub fn holds(&self, token: &str, to: &[u8]) -> bool {
        // Decoding is strict: no padding, no trailing bits, so a token has one spelling.
        let mut bytes = [0; RANDOM + MAC];
        if URL_SAFE_NO_PAD.decode_slice(token, &mut bytes) != Ok(RANDOM + MAC) {
            return false;
        }
        let (random, mac) = bytes.split_at(RANDOM);
        self.0.tag(&[random, to]).as_slice().ct_eq(mac).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{key::MasterKey, rng::SystemRng};

    #[test]
    fn each_key_and_purpose_takes_its_own() {
        let vault = Vault::new(&MasterKey::generate(&SystemRng));
        let secret = |text: &str| BoundTokens::from_secret(&text.repeat(32).into()).unwrap();
        let kinds = [
            BoundTokens::derive(&vault, "a"),
            BoundTokens::derive(&vault, "b"),
            BoundTokens::generate(&SystemRng),
            BoundTokens::generate(&SystemRng),
            secret("a"),
            secret("b"),
        ];
        for (i, one) in kinds.iter().enumerate() {
            let token = one.issue(b"s", &SystemRng);
            for (j, other) in kinds.iter().enumerate() {
                assert_eq!(other.holds(token.expose_secret(), b"s"), i == j, "{i} {j}");
            }
        }
        let again = secret("a").issue(b"s", &SystemRng);
        assert!(secret("a").holds(again.expose_secret(), b"s"));
        assert_ne!(
            again.expose_secret(),
            secret("a").issue(b"s", &SystemRng).expose_secret()
        );
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(BoundTokens::from_secret(&"a".repeat(31).into()).is_err());
        assert!(BoundTokens::from_secret(&"a".repeat(32).into()).is_ok());
    }

    proptest! {
        #[test]
        fn no_other_spelling_and_no_other_binding_holds(at in 0usize..43, c in "[ -~]", to in any::<Vec<u8>>()) {
            let tokens = BoundTokens::generate(&SystemRng);
            let token = tokens.issue(b"session", &SystemRng).expose_secret().to_owned();
            prop_assert_eq!(token.len(), 43);
            prop_assert_eq!(tokens.holds(&token, &to), to == b"session");
            for changed in [
                format!("{}{c}{}", &token[..at], &token[at + 1..]),
                format!("{}{c}{}", &token[..at], &token[at..]),
                format!("{token}{c}"),
                token[..at].to_owned(),
            ] {
                if changed != token {
                    prop_assert!(!tokens.holds(&changed, b"session"), "{}", changed);
                }
            }
        }
    }
}
