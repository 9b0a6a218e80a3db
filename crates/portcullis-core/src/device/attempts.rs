use std::fmt::Write as _;

use crate::{
    id::{SessionId, UserId},
    key::{MacKey, Vault},
    store::AttemptKey,
    user::EmailKey,
};

impl AttemptKey {
    /// Under which the attempts on a user's account are counted, those of known devices apart.
    #[must_use]
    pub fn user(user: UserId) -> Self {
        Self(user.uuid().into_bytes())
    }

    /// Under which wrong passwords are counted that came with an access token of the session. Not the key of the device,
    /// which bears the same identifier: whoever stole the token must not use up the attempts of its owner's next login.
    #[must_use]
    pub fn session(session: SessionId) -> Self {
        let mut key = session.uuid().into_bytes();
        // No UUIDv7 begins so before the year 6429, and only buckets of unknown identifiers begin with 0xffff.
        key[0] ^= 0x80;
        Self(key)
    }
}

/// Names for what was typed where no account has that address: people mistype addresses, and type passwords there.
pub(crate) struct UnknownIdentifiers {
    bucket: MacKey,
    audit: MacKey,
}

impl UnknownIdentifiers {
    /// Derives the keys.
    pub(crate) fn new(vault: &Vault) -> Self {
        Self {
            bucket: MacKey::derive(vault, "unknown identifier bucket"),
            audit: MacKey::derive(vault, "unknown identifier audit"),
        }
    }

    /// Under which attempts on an unknown identifier are counted: one of 65,536 buckets, so that made-up identifiers
    /// cannot fill the table of attempts. Nobody without the key can tell which identifiers share one.
    pub(crate) fn key(&self, identifier: &EmailKey) -> AttemptKey {
        let tag = self.bucket.tag(&[identifier.as_str().as_bytes()]);
        // No UUIDv7 begins so before the year 10889.
        let mut key = [0xff; 16];
        key[14..].copy_from_slice(&tag[..2]);
        AttemptKey(key)
    }

    /// What the audit log keeps of an unknown identifier, 16 hexadecimal digits: enough to see that the same one came
    /// again, useless to who reads the log.
    pub(crate) fn audit_hash(&self, identifier: &str) -> String {
        let tag = self.audit.tag(&[EmailKey::of(identifier).as_str().as_bytes()]);
        let (short, _) = tag.split_at(8);
        short.iter().fold(String::with_capacity(16), |mut text, byte| {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{key::MasterKey, rng::SystemRng};

    #[test]
    fn buckets_are_few_and_all_used() {
        let unknown = UnknownIdentifiers::new(&Vault::new(&MasterKey::generate(&SystemRng)));
        let keys: HashSet<_> = (0..3000)
            .map(|n| unknown.key(&EmailKey::of(&format!("{n}@example.com"))))
            .collect();
        // 3,000 balls in 65,536 buckets: about 67 meet another. Ten standard deviations are 82.
        assert!((2_850..3_000).contains(&keys.len()), "{}", keys.len());
        assert!(keys.iter().all(|key| key.0[..14] == [0xff; 14]));
    }

    #[test]
    fn an_identifier_is_the_same_in_any_case() {
        let unknown = UnknownIdentifiers::new(&Vault::new(&MasterKey::generate(&SystemRng)));
        let (typed, again) = ("Nobody@example.com", "nobody@EXAMPLE.com");
        assert_eq!(
            unknown.key(&EmailKey::of(typed)),
            unknown.key(&EmailKey::of(again))
        );
        assert_eq!(unknown.audit_hash(typed), unknown.audit_hash(again));
    }

    #[test]
    fn hashes_depend_on_the_key_and_hide_the_text() {
        let [one, other] =
            [(); 2].map(|()| UnknownIdentifiers::new(&Vault::new(&MasterKey::generate(&SystemRng))));
        let hash = one.audit_hash("hunter2");
        assert_eq!(hash.len(), 16);
        assert_ne!(hash, other.audit_hash("hunter2"));
        assert_ne!(hash, one.audit_hash("hunter3"));
    }
}
