use async_trait::async_trait;
use portcullis_core::{
    access::{Role, RoleGraph, RoleName},
    audit::{ActContext, AuditEvent},
    clock::Timestamp,
    id::{SessionId, UserId},
    identity::{Identity, Once},
    revocation::{Change, ChangeKind, FeedRead, Lanes},
    session::{EndReason, RefreshAct, SessionRecord, SessionSummary, StoredSession},
    store::{
        AttemptKey, AuditFilter, Credentials, DeletedUser, Expired, IdentityActError, KeyActError, KeySet,
        LinkIdentity, NewUser, OpenSession, OpenSessionError, Opened, ProviderSessions, RefreshOutcome,
        RoleActError, SetPassword, Store, StoreError, StoredKey, UnlinkIdentity, UserActError, UserFilter,
        UserUpdate, Written,
    },
    user::{EmailKey, Standing, User},
};

use crate::{
    Database,
    act::Done,
    audit,
    database::read,
    feed,
    identity::{self, EndProviderSessions, Link, Unlink},
    key,
    role::{DeleteRole, PutRole, Roles},
    session::{self, EndAllSessions, EndSession, Open, Refresh},
    upkeep::{self, MetaOrInsert, Purge, SetMeta, TakeLease},
    user::{self, ChangePassword, CountAttempt, CreateUser, DeleteUser, RefundAttempt, UpdateUser},
};

fn written<T>(done: Done<T>) -> Written<T> {
    Written {
        value: done.value,
        changes: done.changes,
    }
}

fn opened(done: Done<(Standing, Option<StoredSession>)>) -> Opened {
    let (standing, session) = done.value;
    Opened {
        standing,
        session,
        changes: done.changes,
    }
}

#[async_trait]
impl Store for Database {
    async fn create_user(&self, context: &ActContext, user: NewUser) -> Result<Opened, UserActError> {
        let context = context.clone();
        Ok(opened(self.act(CreateUser { context, user }).await?))
    }

    async fn user(&self, id: UserId) -> Result<Option<Standing>, StoreError> {
        let roles = Roles::of_reader(self.role_cache());
        read!(self, reader, |c| user::by_id(c, roles, id))
    }

    async fn user_by_email(&self, email: &EmailKey) -> Result<Option<Standing>, StoreError> {
        let roles = Roles::of_reader(self.role_cache());
        read!(self, reader, |c| user::by_email(c, roles, email))
    }

    async fn credentials_by_email(&self, email: &EmailKey) -> Result<Option<Credentials>, StoreError> {
        read!(self, reader, |c| user::credentials_by_email(c, email))
    }

    async fn credentials(&self, id: UserId) -> Result<Option<Credentials>, StoreError> {
        read!(self, reader, |c| user::credentials_by_id(c, id))
    }

    async fn count_attempt(&self, key: &AttemptKey, now: Timestamp) -> Result<u32, StoreError> {
        Ok(self.act(CountAttempt { key: *key, now }).await?.value)
    }

    async fn refund_attempt(&self, key: &AttemptKey) -> Result<(), StoreError> {
        self.act(RefundAttempt { key: *key }).await.map(|done| done.value)
    }

    async fn open_session(&self, context: &ActContext, act: OpenSession) -> Result<Opened, OpenSessionError> {
        let context = context.clone();
        let done = self.act(Open { context, act }).await?;
        let (standing, session) = done.value;
        Ok(Opened {
            standing,
            session: Some(session),
            changes: done.changes,
        })
    }

    async fn refresh(&self, act: &RefreshAct) -> Result<RefreshOutcome, StoreError> {
        let done = self.act(Refresh { act: act.clone() }).await?;
        Ok(match done.value {
            RefreshOutcome::Ended { reason, .. } => RefreshOutcome::Ended {
                reason,
                changes: done.changes,
            },
            other => other,
        })
    }

    async fn end_session(
        &self,
        context: &ActContext,
        session: SessionId,
        owner: Option<UserId>,
        reason: EndReason,
    ) -> Result<Written<bool>, StoreError> {
        let context = context.clone();
        let act = EndSession {
            context,
            session,
            owner,
            reason,
        };
        Ok(written(self.act(act).await?))
    }

    async fn end_all_sessions(
        &self,
        context: &ActContext,
        user: UserId,
        reason: EndReason,
    ) -> Result<Written<Option<u64>>, StoreError> {
        let context = context.clone();
        let act = EndAllSessions {
            context,
            user,
            reason,
        };
        Ok(written(self.act(act).await?))
    }

    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionSummary>, StoreError> {
        read!(self, reader, |c| session::list(c, user, now))
    }

    async fn session_records(&self, user: UserId, limit: u32) -> Result<Vec<SessionRecord>, StoreError> {
        read!(self, reader, |c| session::records(c, user, limit))
    }

    async fn session(&self, id: SessionId) -> Result<Option<StoredSession>, StoreError> {
        read!(self, reader, |c| session::by_id(c, id))
    }

    async fn set_password(&self, context: &ActContext, act: SetPassword) -> Result<Opened, UserActError> {
        let context = context.clone();
        Ok(opened(self.act(ChangePassword { context, act }).await?))
    }

    async fn update_user(
        &self,
        context: &ActContext,
        user: UserId,
        update: UserUpdate,
    ) -> Result<Written<Standing>, UserActError> {
        let context = context.clone();
        let act = UpdateUser {
            context,
            user,
            update,
        };
        Ok(written(self.act(act).await?))
    }

    async fn delete_user(
        &self,
        context: &ActContext,
        user: UserId,
        session_epoch: Option<i64>,
    ) -> Result<Written<DeletedUser>, UserActError> {
        let context = context.clone();
        let act = DeleteUser {
            context,
            user,
            session_epoch,
        };
        Ok(written(self.act(act).await?))
    }

    async fn users(&self, filter: &UserFilter) -> Result<Vec<User>, StoreError> {
        let roles = Roles::of_reader(self.role_cache());
        read!(self, reader, |c| user::list(c, roles, filter))
    }

    async fn hash_kinds(&self) -> Result<Vec<(String, u64)>, StoreError> {
        read!(self, reader, |c| user::hash_kinds(c))
    }

    async fn identity(&self, issuer: &str, subject: &str) -> Result<Option<Identity>, StoreError> {
        read!(self, reader, |c| identity::by_subject(c, issuer, subject))
    }

    async fn identities(&self, user: UserId) -> Result<Vec<Identity>, StoreError> {
        read!(self, reader, |c| identity::of_user(c, user))
    }

    async fn link_identity(&self, context: &ActContext, act: LinkIdentity) -> Result<(), IdentityActError> {
        let context = context.clone();
        self.act(Link { context, act }).await.map(|done| done.value)
    }

    async fn unlink_identity(
        &self,
        context: &ActContext,
        act: UnlinkIdentity,
    ) -> Result<Written<u64>, IdentityActError> {
        let context = context.clone();
        Ok(written(self.act(Unlink { context, act }).await?))
    }

    async fn end_provider_sessions(
        &self,
        context: &ActContext,
        which: ProviderSessions,
    ) -> Result<Written<u64>, StoreError> {
        let context = context.clone();
        Ok(written(self.act(EndProviderSessions { context, which }).await?))
    }

    async fn spend(&self, once: Once, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.act(upkeep::Spend { once, now }).await?.value)
    }

    async fn roles(&self) -> Result<RoleGraph, StoreError> {
        let roles = Roles::of_reader(self.role_cache());
        let graph = read!(self, reader, |c| roles.now::<StoreError>(c))?;
        Ok(RoleGraph::clone(&graph))
    }

    async fn put_role(&self, context: &ActContext, role: Role) -> Result<Written<bool>, RoleActError> {
        let context = context.clone();
        Ok(written(self.act(PutRole { context, role }).await?))
    }

    async fn delete_role(&self, context: &ActContext, name: &RoleName) -> Result<Written<()>, RoleActError> {
        let context = context.clone();
        let name = name.clone();
        Ok(written(self.act(DeleteRole { context, name }).await?))
    }

    async fn keys(&self) -> Result<KeySet, StoreError> {
        read!(self, reader, |c| key::read(c))
    }

    async fn replace_keys(
        &self,
        context: &ActContext,
        version: i64,
        keys: Vec<StoredKey>,
        change: ChangeKind,
        event: AuditEvent,
    ) -> Result<Written<()>, KeyActError> {
        let context = context.clone();
        let act = key::ReplaceKeys {
            context,
            version,
            keys,
            change,
            event,
        };
        Ok(written(self.act(act).await?))
    }

    async fn stream_feed(
        &self,
        now: Timestamp,
        take: &mut (dyn for<'c> FnMut(&'c [Change]) + Send),
    ) -> Result<Lanes, StoreError> {
        // Whoever loads anew may do so because the store went back in time.
        self.role_cache().forget();
        feed::stream(self, now, take).await
    }

    async fn read_feed(&self, position: &Lanes) -> Result<FeedRead, StoreError> {
        let read = read!(self, feed_reader, |c| feed::read(c, position))?;
        if let FeedRead::Rewritten = read {
            self.role_cache().forget();
        }
        Ok(read)
    }

    async fn feed_moved(&self) {
        self.moved().await;
    }

    async fn append_audit(&self, events: Vec<AuditEvent>) -> Result<(), StoreError> {
        self.act(audit::AppendAudit { events })
            .await
            .map(|done| done.value)
    }

    async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEvent>, StoreError> {
        read!(self, reader, |c| audit::list(c, filter))
    }

    async fn purge(&self, expired: Expired, now: Timestamp) -> Result<u64, StoreError> {
        Ok(self.act(Purge { expired, now }).await?.value)
    }

    async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let act = TakeLease {
            name: name.to_owned(),
            holder: holder.to_owned(),
            now,
            until,
        };
        Ok(self.act(act).await?.value)
    }

    async fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        read!(self, reader, |c| upkeep::meta(c, key))
    }

    async fn meta_or_insert(&self, key: &str, value: &str) -> Result<String, StoreError> {
        let act = MetaOrInsert {
            name: key.to_owned(),
            value: value.to_owned(),
        };
        Ok(self.act(act).await?.value)
    }

    async fn set_meta(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let act = SetMeta {
            name: key.to_owned(),
            value: value.to_owned(),
        };
        self.act(act).await.map(|done| done.value)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        read!(self, feed_reader, |c| upkeep::ping(c))
    }

    /// On the connection that nobody else takes: readiness is asked for by it, and a node whose other connections are all busy
    /// is as good as any other.
    async fn database_time(&self) -> Result<Option<Timestamp>, StoreError> {
        read!(self, feed_reader, |c| upkeep::database_time(c))
    }
}
