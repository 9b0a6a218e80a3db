//! What becomes of keys, as decisions over plain values: next, active, retiring, gone.

use std::{fmt, time::Duration};

use serde::Serialize;

use crate::{clock::Timestamp, store::StoredKey};

/// Where in its life a signing key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Published, so that all know it before it signs.
    Next,
    /// Signs. There is exactly one.
    Active,
    /// Signs no more; what it signed can still be valid.
    Retiring,
}

impl KeyState {
    /// The word in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retiring => "retiring",
        }
    }

    fn from_stored(word: &str) -> Option<Self> {
        [Self::Next, Self::Active, Self::Retiring]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

fn is(key: &StoredKey, state: KeyState) -> bool {
    key.state == state.as_str()
}

fn activate(mut key: StoredKey, now: Timestamp) -> StoredKey {
    KeyState::Active.as_str().clone_into(&mut key.state);
    key.activated_at = Some(now);
    key.retire_at = None;
    key
}

fn retire(mut key: StoredKey, until: Timestamp) -> StoredKey {
    KeyState::Retiring.as_str().clone_into(&mut key.state);
    key.retire_at = Some(until);
    key
}

fn await_turn(mut key: StoredKey) -> StoredKey {
    KeyState::Next.as_str().clone_into(&mut key.state);
    key.activated_at = None;
    key.retire_at = None;
    key
}

/// Whether nothing that a key signed can be valid any more.
pub(super) fn is_over(key: &StoredKey, now: Timestamp) -> bool {
    is(key, KeyState::Retiring) && key.retire_at.is_none_or(|at| at <= now)
}

/// What is wrong with the keys as a whole.
pub(super) fn fault(keys: &[StoredKey]) -> Option<String> {
    if let Some(key) = keys
        .iter()
        .find(|key| KeyState::from_stored(&key.state).is_none())
    {
        return Some(format!("the signing key {} is in no known state", key.kid));
    }
    let count = |state| keys.iter().filter(|key| is(key, state)).count();
    if count(KeyState::Active) != 1 {
        return Some(format!("{} signing keys are active", count(KeyState::Active)));
    }
    if count(KeyState::Next) > 1 {
        return Some("several signing keys are next".to_owned());
    }
    for (at, key) in keys.iter().enumerate() {
        if keys[..at].iter().any(|other| other.kid == key.kid) {
            return Some(format!("the signing key {} is there twice", key.kid));
        }
    }
    None
}

/// The first keys.
pub(super) fn found(active: StoredKey, next: StoredKey, now: Timestamp) -> Vec<StoredKey> {
    vec![activate(active, now), await_turn(next)]
}

/// Next becomes active, active retires until `retire_at`, `fresh` becomes next. Without a next key `fresh` signs.
pub(super) fn rotate(
    keys: &[StoredKey],
    fresh: StoredKey,
    now: Timestamp,
    retire_at: Timestamp,
) -> Vec<StoredKey> {
    let mut rest = without_over(keys, now);
    match rest.iter().position(|key| is(key, KeyState::Next)) {
        Some(at) => {
            let next = rest.remove(at);
            succeed(rest, next, Some(fresh), now, retire_at)
        }
        None => succeed(rest, fresh, None, now, retire_at),
    }
}

/// What is to be done with keys of which none is to sign for longer than `after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rotation {
    /// Nothing yet.
    None,
    /// A next key is to be made: there is none, and who keeps the JWKS must know it before it signs.
    Announce,
    /// The next key is to sign.
    Rotate,
}

/// For so long a key is known before it signs: whoever keeps the JWKS for a day has it then.
const ANNOUNCED: Duration = Duration::from_secs(86_400);

/// Whether the active key is old, and the next one known for long enough.
pub(super) fn rotation(keys: &[StoredKey], after: Duration, now: Timestamp) -> Rotation {
    let old = keys
        .iter()
        .any(|key| is(key, KeyState::Active) && key.activated_at.unwrap_or(key.created_at) + after <= now);
    if !old {
        return Rotation::None;
    }
    match keys.iter().find(|key| is(key, KeyState::Next)) {
        None => Rotation::Announce,
        Some(next) if next.created_at + ANNOUNCED <= now => Rotation::Rotate,
        Some(_) => Rotation::None,
    }
}

/// `active` and `next` take over at once; a key that waited for its turn is dropped, for it never signed.
pub(super) fn replace(
    keys: &[StoredKey],
    active: StoredKey,
    next: StoredKey,
    now: Timestamp,
    retire_at: Timestamp,
) -> Vec<StoredKey> {
    let mut rest = without_over(keys, now);
    rest.retain(|key| !is(key, KeyState::Next));
    succeed(rest, active, Some(next), now, retire_at)
}

/// `key` waits for its turn in the place of the one that did.
pub(super) fn put_next(keys: &[StoredKey], key: StoredKey, now: Timestamp) -> Vec<StoredKey> {
    let mut rest = without_over(keys, now);
    rest.retain(|key| !is(key, KeyState::Next));
    rest.push(await_turn(key));
    rest
}

/// `key` signs at once; who waits for its turn goes on waiting.
pub(super) fn put_active(
    keys: &[StoredKey],
    key: StoredKey,
    now: Timestamp,
    retire_at: Timestamp,
) -> Vec<StoredKey> {
    succeed(without_over(keys, now), key, None, now, retire_at)
}

/// Drops `kid`. If it signed, the next key signs from now on (or `spare`, when none waits); `spare` waits for its
/// turn in the place that came free.
pub(super) fn revoke(
    keys: &[StoredKey],
    kid: &str,
    spare: StoredKey,
    now: Timestamp,
) -> Option<Vec<StoredKey>> {
    let mut rest = without_over(keys, now);
    let gone = rest.remove(rest.iter().position(|key| key.kid == kid)?);
    if is(&gone, KeyState::Active) {
        match rest.iter().position(|key| is(key, KeyState::Next)) {
            Some(at) => {
                let next = rest.remove(at);
                rest.insert(0, activate(next, now));
                rest.push(await_turn(spare));
            }
            None => rest.insert(0, activate(spare, now)),
        }
    } else if is(&gone, KeyState::Next) {
        rest.push(await_turn(spare));
    }
    Some(rest)
}

/// The keys that can still matter.
pub(super) fn without_over(keys: &[StoredKey], now: Timestamp) -> Vec<StoredKey> {
    keys.iter().filter(|key| !is_over(key, now)).cloned().collect()
}

fn succeed(
    rest: Vec<StoredKey>,
    active: StoredKey,
    next: Option<StoredKey>,
    now: Timestamp,
    retire_at: Timestamp,
) -> Vec<StoredKey> {
    let rest = rest.into_iter().map(|key| {
        if is(&key, KeyState::Active) {
            retire(key, retire_at)
        } else {
            key
        }
    });
    std::iter::once(activate(active, now))
        .chain(next.map(await_turn))
        .chain(rest)
        .collect()
}

#[cfg(test)]
mod tests;
