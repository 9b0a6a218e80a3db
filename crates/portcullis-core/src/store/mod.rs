//! The Store port: what Portcullis needs of a database.
//!
//! Each method is a whole act: it happens entirely or not at all, together with its audit event and its
//! [`Change`]s, and is durable when the method returns `Ok`. No transaction leaves the store.

mod acts;
mod errors;
mod queries;

use async_trait::async_trait;

pub use self::{
    acts::{
        AttemptKey, DeletedUser, KeptSession, KeySet, LinkIdentity, NewIdentity, NewUser, OpenSession,
        Opened, ProviderSessions, RefreshOutcome, SeenIdentity, SetPassword, StoredKey, UnlinkIdentity,
        UserUpdate, Written,
    },
    errors::{IdentityActError, KeyActError, OpenSessionError, RoleActError, StoreError, UserActError},
    queries::{AuditFilter, Credentials, Expired, Purged, UserFilter},
};
use crate::{
    access::{Role, RoleGraph, RoleName},
    audit::{ActContext, AuditEvent},
    clock::Timestamp,
    id::{SessionId, UserId},
    identity::{Identity, Once},
    revocation::{Change, ChangeKind, FeedRead, FeedSnapshot, Lanes},
    session::{EndReason, RefreshAct, SessionRecord, SessionSummary, StoredSession},
    user::{EmailKey, Standing, User},
};

/// Under this name [`Store::meta`] has a mark while rows are being moved into the database, and after that was interrupted:
/// it holds a part of an installation then, and nothing may open on it.
pub const UNFINISHED: &str = "unfinished";

/// A database, as Portcullis sees it. Implemented by `portcullis-store` over SQLite and PostgreSQL.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    // Users and sessions

    /// Adds a user, and opens a first session when one is given (registration).
    async fn create_user(&self, context: &ActContext, user: NewUser) -> Result<Opened, UserActError>;

    /// A user with roles and epochs.
    async fn user(&self, id: UserId) -> Result<Option<Standing>, StoreError>;

    /// A user by email.
    async fn user_by_email(&self, email: &EmailKey) -> Result<Option<Standing>, StoreError>;

    /// What a login needs, by email.
    async fn credentials_by_email(&self, email: &EmailKey) -> Result<Option<Credentials>, StoreError>;

    /// What a check of the password needs, by identifier.
    async fn credentials(&self, id: UserId) -> Result<Option<Credentials>, StoreError>;

    /// Counts an attempt before it is evaluated and gives the number of consecutive ones, this one included: so
    /// neither parallel attempts nor a crash get one for free.
    async fn count_attempt(&self, key: &AttemptKey, now: Timestamp) -> Result<u32, StoreError>;

    /// Takes back an attempt that was counted but never evaluated.
    async fn refund_attempt(&self, key: &AttemptKey) -> Result<(), StoreError>;

    /// Opens a session after a successful login: refuses when the user was disabled, deleted, or raised above the
    /// `session_epoch` that was read before the password was checked. Clears the attempts of `clear`, and stores
    /// the upgraded hash if the old one is still there.
    async fn open_session(&self, context: &ActContext, act: OpenSession) -> Result<Opened, OpenSessionError>;

    /// Carries a session on (design section 4): reads it, asks [`RefreshAct::decide`], and does what that says by
    /// one compare-and-swap on the counter.
    async fn refresh(&self, act: &RefreshAct) -> Result<RefreshOutcome, StoreError>;

    /// Ends one session; `owner` restricts it to that user's. Gives whether there was one to end.
    async fn end_session(
        &self,
        context: &ActContext,
        session: SessionId,
        owner: Option<UserId>,
        reason: EndReason,
    ) -> Result<Written<bool>, StoreError>;

    /// Ends all sessions of a user by raising `session_epoch`. Gives how many were live; `None` without such a user.
    async fn end_all_sessions(
        &self,
        context: &ActContext,
        user: UserId,
        reason: EndReason,
    ) -> Result<Written<Option<u64>>, StoreError>;

    /// The live sessions of a user, newest first, the newest 200 at most.
    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionSummary>, StoreError>;

    /// All sessions of a user that are stored, ended ones too, newest first.
    async fn session_records(&self, user: UserId, limit: u32) -> Result<Vec<SessionRecord>, StoreError>;

    /// One session.
    async fn session(&self, id: SessionId) -> Result<Option<StoredSession>, StoreError>;

    /// Stores a new password hash, raises `session_epoch` and `password_epoch`, ends all sessions but the kept one, clears
    /// the attempts counted against the account.
    async fn set_password(&self, context: &ActContext, act: SetPassword) -> Result<Opened, UserActError>;

    /// Changes name, email, roles or status. Roles and status raise `token_epoch`; disabling also raises
    /// `session_epoch` and ends the sessions; enabling clears the attempts. Refused when it would leave no active
    /// user with scope `admin` where there was one.
    async fn update_user(
        &self,
        context: &ActContext,
        user: UserId,
        update: UserUpdate,
    ) -> Result<Written<Standing>, UserActError>;

    /// Deletes a user with all sessions. Refused like [`Store::update_user`], and when `session_epoch`, as of which the
    /// user's password was checked, is no longer that of the user.
    async fn delete_user(
        &self,
        context: &ActContext,
        user: UserId,
        session_epoch: Option<i64>,
    ) -> Result<Written<DeletedUser>, UserActError>;

    /// Users in the order of their identifiers (creation), at most `filter.limit`.
    async fn users(&self, filter: &UserFilter) -> Result<Vec<User>, StoreError>;

    /// How many users there are with each kind of password hash ([`StoredHash::kind`](crate::password::StoredHash::kind)).
    async fn hash_kinds(&self) -> Result<Vec<(String, u64)>, StoreError>;

    // Accounts at providers

    /// The account of this subject at this provider, if it is tied to a user.
    async fn identity(&self, issuer: &str, subject: &str) -> Result<Option<Identity>, StoreError>;

    /// The accounts of a user, oldest first.
    async fn identities(&self, user: UserId) -> Result<Vec<Identity>, StoreError>;

    /// Ties an account to a user. An account belongs to one user, a user has one at each provider, and
    /// [`MOST_IDENTITIES`](crate::identity::MOST_IDENTITIES) altogether.
    async fn link_identity(&self, context: &ActContext, act: LinkIdentity) -> Result<(), IdentityActError>;

    /// Takes an account away from a user, unless it is the last way in
    /// ([`may_unlink`](crate::identity::may_unlink)), and ends the sessions that began by it. Gives how many.
    async fn unlink_identity(
        &self,
        context: &ActContext,
        act: UnlinkIdentity,
    ) -> Result<Written<u64>, IdentityActError>;

    /// Ends the sessions that the provider ended. Gives how many.
    async fn end_provider_sessions(
        &self,
        context: &ActContext,
        which: ProviderSessions,
    ) -> Result<Written<u64>, StoreError>;

    /// Uses up what is good for one use, on all nodes. False when it was used before.
    async fn spend(&self, once: Once, now: Timestamp) -> Result<bool, StoreError>;

    // Roles

    /// All roles.
    async fn roles(&self) -> Result<RoleGraph, StoreError>;

    /// Adds or replaces a role, raises `roles_epoch`. Gives whether it is new. Refused when cyclic, when it implies
    /// an unknown role, or when it would leave no administrator.
    async fn put_role(&self, context: &ActContext, role: Role) -> Result<Written<bool>, RoleActError>;

    /// Deletes a role: users lose it, roles imply it no more. Refused when it would leave no administrator.
    async fn delete_role(&self, context: &ActContext, name: &RoleName) -> Result<Written<()>, RoleActError>;

    // Keys

    /// The signing keys.
    async fn keys(&self) -> Result<KeySet, StoreError>;

    /// Replaces the signing keys if nobody else did since `version` was read; records `change` and `event`.
    async fn replace_keys(
        &self,
        context: &ActContext,
        version: i64,
        keys: Vec<StoredKey>,
        change: ChangeKind,
        event: AuditEvent,
    ) -> Result<Written<()>, KeyActError>;

    // The feed

    /// Gives all changes that can still matter to `take`, part by part, and then the position from which to go on. Changes
    /// newer than that may be among them: taking one twice is harmless.
    async fn stream_feed(
        &self,
        now: Timestamp,
        take: &mut (dyn for<'c> FnMut(&'c [Change]) + Send),
    ) -> Result<Lanes, StoreError>;

    /// The same, all at once: for who knows that there are few.
    async fn load_feed(&self, now: Timestamp) -> Result<FeedSnapshot, StoreError> {
        let mut changes = Vec::new();
        let lanes = self
            .stream_feed(now, &mut |part| changes.extend_from_slice(part))
            .await?;
        Ok(FeedSnapshot { lanes, changes })
    }

    /// The changes since `position`.
    async fn read_feed(&self, position: &Lanes) -> Result<FeedRead, StoreError>;

    /// Resolves when somebody says that the feed has new rows, where the database can carry such word. It may come for
    /// nothing, and it may be lost: who reads the feed at set times does not need it.
    async fn feed_moved(&self) {
        std::future::pending::<()>().await;
    }

    // Audit

    /// Adds events (those that no other act carries with it).
    async fn append_audit(&self, events: Vec<AuditEvent>) -> Result<(), StoreError>;

    /// Events, newest first.
    async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEvent>, StoreError>;

    // Upkeep

    /// Deletes a few hundred rows that nothing can need any more as of `now`, so that no other act waits for long. Gives
    /// how many: none when nothing is left to delete.
    async fn purge(&self, expired: Expired, now: Timestamp) -> Result<u64, StoreError>;

    /// Takes or renews the lease `name` for `holder` until `until`, if it is free, expired or the holder's own.
    async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError>;

    /// A value that belongs to the store as a whole.
    async fn meta(&self, key: &str) -> Result<Option<String>, StoreError>;

    /// Sets a value if it has none yet; gives the one that holds.
    async fn meta_or_insert(&self, key: &str, value: &str) -> Result<String, StoreError>;

    /// Sets a value.
    async fn set_meta(&self, key: &str, value: &str) -> Result<(), StoreError>;

    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// What the clock of the database says; `None` where it is that of this machine (SQLite). Like [`Store::ping`] it asks
    /// the database in any case.
    async fn database_time(&self) -> Result<Option<Timestamp>, StoreError>;
}
