use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{clock::Timestamp, key::Vault, rng::Rng};

/// Longest ticket that is looked at, in bytes: it fits a cookie.
pub const MOST_TICKET: usize = 3_800;

/// Names what is good for one use, and until when it could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once {
    /// A hash of it.
    pub id: [u8; 16],
    /// From then on it is good for nothing anyway, and need not be remembered.
    pub until: Timestamp,
}

impl Once {
    /// What this text names among things of this kind.
    #[must_use]
    pub fn of(kind: &str, text: &str, until: Timestamp) -> Self {
        let digest = Sha256::new()
            .chain_update(kind.len().to_be_bytes())
            .chain_update(kind)
            .chain_update(text)
            .finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self { id, until }
    }
}

/// What somebody carries for us a short while, sealed: nobody reads or changes it, and nothing is stored until it comes back.
/// So nobody can fill a store with sign-ins that were only begun.
#[derive(Clone)]
pub struct Tickets(Arc<Vault>);

/// A ticket that came back.
#[derive(Debug)]
pub struct Ticket<T> {
    /// What was sealed.
    pub content: T,
    /// To be spent ([`Store::spend`](crate::store::Store::spend)) before the content is acted on.
    pub once: Once,
}

#[derive(Serialize, Deserialize)]
struct Sealed<T> {
    until: i64,
    content: T,
}

impl Tickets {
    /// Sealed with the keys of this vault.
    #[must_use]
    pub fn new(vault: Arc<Vault>) -> Self {
        Self(vault)
    }

    /// Seals `content` until then. It opens as a ticket of the same `kind` only. None when it is too long.
    #[must_use]
    pub fn seal<T: Serialize>(
        &self,
        kind: &str,
        content: &T,
        until: Timestamp,
        rng: &dyn Rng,
    ) -> Option<SecretString> {
        let sealed = Sealed {
            until: until.millis(),
            content,
        };
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(&sealed).ok()?);
        let text = URL_SAFE_NO_PAD.encode(self.0.seal(&place(kind), &plain, rng));
        (text.len() <= MOST_TICKET).then(|| text.into())
    }

    /// What was sealed in `text`, if it was sealed here as a ticket of this kind and its time is not over.
    #[must_use]
    pub fn open<T: DeserializeOwned>(&self, kind: &str, text: &str, now: Timestamp) -> Option<Ticket<T>> {
        if text.len() > MOST_TICKET {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let plain = self.0.open(&place(kind), &sealed).ok()?;
        let sealed: Sealed<T> = serde_json::from_slice(&plain).ok()?;
        let until = Timestamp::from_millis(sealed.until);
        (now < until).then(|| Ticket {
            content: sealed.content,
            once: Once::of(kind, text, until),
        })
    }
}

fn place(kind: &str) -> Vec<u8> {
    format!("ticket {kind}").into_bytes()
}
