use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use subtle::ConstantTimeEq;

use super::{MacKey, Vault};

/// Room for the longest token that is sealed so, decoded.
const MOST: usize = 96;
const ID: usize = 4;
const MAC: usize = 16;

/// Makes and reads opaque tokens with a body of `N` bytes: a prefix by which secret scanners and people recognize
/// them, and in base64url: id of the key (4 bytes), body, MAC over both (16).
///
/// Garbage is refused without the database. A token has one spelling.
pub(crate) struct SealedTokens<const N: usize> {
    prefix: &'static str,
    id: [u8; ID],
    key: MacKey,
}

impl<const N: usize> SealedTokens<N> {
    const LENGTH: usize = {
        assert!(ID + N + MAC <= MOST);
        ID + N + MAC
    };

    /// With the key that is derived for `purpose`.
    pub(crate) fn new(vault: &Vault, prefix: &'static str, purpose: &str) -> Self {
        let id = vault.derive(&format!("{purpose} id"));
        Self {
            prefix,
            id: [id[0], id[1], id[2], id[3]],
            key: MacKey::derive(vault, purpose),
        }
    }

    /// The token with this body.
    pub(crate) fn seal(&self, body: &[u8; N]) -> SecretString {
        let mut bytes = Vec::with_capacity(Self::LENGTH);
        bytes.extend_from_slice(&self.id);
        bytes.extend_from_slice(body);
        let mac = self.key.tag(&[&bytes]);
        bytes.extend_from_slice(&mac);
        SecretString::from(format!("{}{}", self.prefix, URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The body of a token that was sealed with this key.
    pub(crate) fn open(&self, token: &str) -> Option<[u8; N]> {
        let text = token.strip_prefix(self.prefix)?;
        // Decoding is strict: no padding, no trailing bits.
        let mut buffer = [0u8; MOST];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut buffer).ok()?;
        if length != Self::LENGTH {
            return None;
        }
        let (sealed, mac) = buffer[..length].split_at(ID + N);
        let (id, body) = sealed.split_at(ID);
        if id != self.id || !bool::from(self.key.tag(&[sealed]).as_slice().ct_eq(mac)) {
            return None;
        }
        body.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;
    use crate::{key::MasterKey, rng::SystemRng};

    fn tokens(vault: &Vault) -> SealedTokens<7> {
        SealedTokens::new(vault, "ptx_", "test")
    }

    #[test]
    fn only_the_own_key_and_the_own_purpose_open() {
        let vault = Vault::new(&MasterKey::generate(&SystemRng));
        let token = tokens(&vault).seal(b"content");
        assert_eq!(tokens(&vault).open(token.expose_secret()), Some(*b"content"));
        let other = Vault::new(&MasterKey::generate(&SystemRng));
        assert_eq!(tokens(&other).open(token.expose_secret()), None);
        assert_eq!(
            SealedTokens::<7>::new(&vault, "ptx_", "other").open(token.expose_secret()),
            None
        );
        assert_eq!(
            SealedTokens::<7>::new(&vault, "pty_", "test").open(token.expose_secret()),
            None
        );
        assert_eq!(
            SealedTokens::<8>::new(&vault, "ptx_", "test").open(token.expose_secret()),
            None
        );
    }

    proptest! {
        #[test]
        fn no_other_spelling_opens(at in 0usize..40, c in "[ -~]") {
            let vault = Vault::new(&MasterKey::from_hex(&"07".repeat(32)).unwrap());
            let token = tokens(&vault).seal(b"content").expose_secret().to_owned();
            for changed in [
                format!("{}{c}{}", &token[..at], &token[at + 1..]),
                format!("{}{c}{}", &token[..at], &token[at..]),
                format!("{token}{c}"),
                token[..at].to_owned(),
            ] {
                if changed != token {
                    prop_assert_eq!(tokens(&vault).open(&changed), None);
                }
            }
        }
    }
}
