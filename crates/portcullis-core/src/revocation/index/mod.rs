mod table;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use papaya::{Compute, HashMap, Operation};
use tokio::sync::watch;

use self::table::{Cursor, Table};
use super::{Change, ChangeKind};
use crate::{
    access::{Principal, RoleName},
    clock::Timestamp,
};

/// Why a token that verifies is void all the same. The client learns only that it is (`invalid_token`); this is for
/// logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Revoked {
    /// The key that signed it was revoked.
    #[error("the signing key was revoked")]
    Key,
    /// Its session ended.
    #[error("the session ended")]
    Session,
    /// All sessions of the user ended, or the password changed.
    #[error("all sessions of the user ended")]
    Sessions,
    /// Roles or status of the user changed: a refresh brings a token that states the new ones.
    #[error("roles or status of the user changed")]
    User,
    /// The user was deleted.
    #[error("the user was deleted")]
    Deleted,
    /// A role that it carries, or if it is narrowed any role, was edited or deleted: a refresh brings a token that
    /// states the new scopes.
    #[error("a role of the token was edited")]
    Role,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct LeastEpoch {
    epoch: i64,
    until: Timestamp,
}

/// All that can void a live token, in memory; read without locks and without a query.
///
/// Entries only ever grow stricter: an epoch merges to the greater, an `until` to the later, so changes may arrive
/// in any order and any number of times. Entries leave by [`Index::purge`] alone, when no token that they void can
/// be valid any longer.
///
/// ```
/// use portcullis_core::{
///     clock::Timestamp,
///     id::SessionId,
///     revocation::{ChangeKind, Index},
///     rng::SystemRng,
/// };
///
/// let now = Timestamp::from_unix_seconds(1_700_000_000);
/// let session = SessionId::generate(now, &SystemRng);
/// let index = Index::new();
/// index.deny(&[ChangeKind::SessionEnded { session }], now);
/// assert_eq!(index.len(), 1);
/// ```
pub struct Index {
    /// Those that ended.
    sessions: Table<0>,
    /// The least valid `token_epoch` and `session_epoch` of each.
    users: Table<2>,
    roles: HashMap<RoleName, LeastEpoch>,
    /// The greatest epoch that was ever in `roles`: a token that is at least as new needs no look there. It spares that look
    /// and decides nothing: an edit that was purged, or that the store has lost, voids no token of later.
    newest_role_edit: AtomicI64,
    keys: HashMap<String, Timestamp>,
    /// Whether there ever was one in `keys`. It spares a look in the many years between two and decides nothing.
    any_key: AtomicBool,
    version: watch::Sender<u64>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            sessions: Table::default(),
            users: Table::default(),
            roles: HashMap::new(),
            newest_role_edit: AtomicI64::new(i64::MIN),
            keys: HashMap::new(),
            any_key: AtomicBool::new(false),
            version: watch::Sender::new(0),
        }
    }
}

impl Index {
    /// An empty one: it knows of nothing, so let nothing in before it is loaded
    /// ([`Follower::load`](super::Follower::load)).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes changes in. In force for every [`Index::check`] that begins after the return.
    pub fn apply(&self, changes: &[Change]) {
        self.take(changes.iter().map(|change| (&change.kind, change.until)));
    }

    /// Takes in what an act would have voided whose outcome is unknown
    /// ([`StoreError::OutcomeUnknown`](crate::store::StoreError::OutcomeUnknown)): whether or not it happened, it is
    /// denied here until `until`, the present time plus [`retention`](super::retention).
    pub fn deny(&self, kinds: &[ChangeKind], until: Timestamp) {
        self.take(kinds.iter().map(|kind| (kind, until)));
    }

    fn take<'a>(&self, changes: impl Iterator<Item = (&'a ChangeKind, Timestamp)>) {
        let mut stricter = false;
        for (kind, until) in changes {
            stricter |= self.take_one(kind, until);
        }
        if stricter {
            self.version
                .send_modify(|version| *version = version.wrapping_add(1));
        }
    }

    /// Whether anything became stricter.
    fn take_one(&self, kind: &ChangeKind, until: Timestamp) -> bool {
        match kind {
            ChangeKind::SessionEnded { session } => self.sessions.raise(session.uuid().as_u128(), [], until),
            ChangeKind::UserEpochs {
                user,
                token_epoch,
                session_epoch,
            } => self
                .users
                .raise(user.uuid().as_u128(), [*token_epoch, *session_epoch], until),
            ChangeKind::RoleEdited { role, roles_epoch } => {
                let new = LeastEpoch {
                    epoch: *roles_epoch,
                    until,
                };
                let stricter = merge(&self.roles, role.clone(), new, |old| LeastEpoch {
                    epoch: old.epoch.max(new.epoch),
                    until: old.until.max(until),
                });
                // After the entry: who sees this also sees the entry.
                self.newest_role_edit.fetch_max(*roles_epoch, Ordering::SeqCst);
                stricter
            }
            ChangeKind::KeyRevoked { kid } => {
                let stricter = merge(&self.keys, kid.clone(), until, |old| old.max(until));
                // After the entry: who sees this also sees the entry.
                self.any_key.store(true, Ordering::SeqCst);
                stricter
            }
            ChangeKind::KeysChanged | ChangeKind::ProfileChanged { .. } => false,
        }
    }

    /// Whether a token that verified with key `kid` is void. Allocates nothing, waits for nothing.
    ///
    /// The answer is as old as the index: call [`Follower::ensure_fresh`](super::Follower::ensure_fresh) first.
    ///
    /// # Errors
    /// When it is void.
    pub fn check(&self, principal: &Principal, kid: &str) -> Result<(), Revoked> {
        if self.any_key.load(Ordering::SeqCst) && self.keys.pin().contains_key(kid) {
            return Err(Revoked::Key);
        }
        if self.sessions.get(principal.session.uuid().as_u128()).is_some() {
            return Err(Revoked::Session);
        }
        if let Some([token, session]) = self.users.get(principal.user.uuid().as_u128()) {
            if token == i64::MAX || session == i64::MAX {
                return Err(Revoked::Deleted);
            }
            if principal.session_epoch < session {
                return Err(Revoked::Sessions);
            }
            if principal.token_epoch < token {
                return Err(Revoked::User);
            }
        }
        if principal.roles_epoch < self.newest_role_edit.load(Ordering::SeqCst) {
            let roles = self.roles.pin();
            let later = |edit: &LeastEpoch| principal.roles_epoch < edit.epoch;
            let edited = if principal.narrowed {
                roles.values().any(later)
            } else {
                let edit = |role: &RoleName| roles.get(role).is_some_and(later);
                principal.roles.iter().any(edit)
            };
            if edited {
                return Err(Revoked::Role);
            }
        }
        Ok(())
    }

    /// Resolves when the token becomes void; at once when it is. Dropping it ends the watch.
    ///
    /// For what outlives one request (web sockets, event streams). It does not resolve when the token expires, nor
    /// when this node no longer hears of changes: put a timer for `expires_at` beside it.
    pub async fn revoked(&self, principal: &Principal, kid: &str) -> Revoked {
        // Subscribed before the first look, so a change between the two is not missed.
        let mut version = self.watch();
        loop {
            if let Err(reason) = self.check(principal, kid) {
                return reason;
            }
            if version.changed().await.is_err() {
                // The sender lives in `self`, which is borrowed: this cannot be. Never resolving would be wrong in
                // silence.
                return Revoked::Session;
            }
        }
    }

    /// A counter that moves each time the index becomes stricter.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Drops entries that nothing valid can meet any more: those whose `until` is before `now`. Gives how many.
    /// Takes time in proportion to the number of entries: [`Follower::run`](super::Follower::run) does the same in steps.
    pub fn purge(&self, now: Timestamp) -> usize {
        let mut sweep = Sweep::default();
        while !self.sweep(&mut sweep, now, usize::MAX) {}
        sweep.dropped
    }

    /// A step of a purge: goes on where `sweep` has come to, and looks at some `budget` places of the index. The time may be
    /// another one at each step. Whether all is done.
    pub(super) fn sweep(&self, sweep: &mut Sweep, now: Timestamp, budget: usize) -> bool {
        if sweep.visited == 0 {
            // Few: there are no more than roles and keys.
            let before = self.roles.len() + self.keys.len();
            self.roles.pin().retain(|_, least| least.until >= now);
            self.keys.pin().retain(|_, until| *until >= now);
            sweep.dropped += before.saturating_sub(self.roles.len() + self.keys.len());
        }
        let step = if Table::<0>::is_swept(sweep.sessions) {
            self.users.sweep(&mut sweep.users, now, budget)
        } else {
            self.sessions.sweep(&mut sweep.sessions, now, budget)
        };
        sweep.visited += step.visited;
        sweep.dropped += step.dropped;
        Table::<2>::is_swept(sweep.users)
    }

    /// How many entries it holds, by kind.
    #[must_use]
    pub fn sizes(&self) -> [(&'static str, usize); 4] {
        [
            ("session", self.sessions.len()),
            ("user", self.users.len()),
            ("role", self.roles.len()),
            ("key", self.keys.len()),
        ]
    }

    /// How many entries it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sizes().iter().map(|(_, size)| size).sum()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How far a purge has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sweep {
    sessions: Cursor,
    users: Cursor,
    /// Places that were looked at.
    pub(super) visited: usize,
    /// Entries that were dropped.
    pub(super) dropped: usize,
}

/// Inserts `new`, or what `join` makes of the value that is there. Atomic for the key, also against
/// [`Index::purge`]. Gives whether the map changed.
fn merge<K, V>(map: &HashMap<K, V>, key: K, new: V, join: impl Fn(V) -> V) -> bool
where
    K: std::hash::Hash + Eq,
    V: Copy + PartialEq,
{
    let map = map.pin();
    let done = map.compute(key, |entry| match entry {
        None => Operation::Insert(new),
        Some((_, old)) => {
            let joined = join(*old);
            if joined == *old {
                Operation::Abort(())
            } else {
                Operation::Insert(joined)
            }
        }
    });
    !matches!(done, Compute::Aborted(()))
}
