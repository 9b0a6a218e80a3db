use std::sync::Arc;

use serde_json::json;

use super::{AccountError, Authority, Caller, TokenPair, TryLater, limits::Account};
use crate::{
    access::Principal,
    audit::kind,
    password::{
        Password,
        pool::{JobClass, Target},
    },
    store::{AttemptKey, Credentials, KeptSession, SetPassword, UserActError, UserUpdate},
    user::{DisplayName, Email, User},
};

/// What a user changes of themselves.
pub struct ProfileChange {
    /// New name.
    pub name: Option<DisplayName>,
    /// New email.
    pub email: Option<Email>,
    /// The password, which a new email needs.
    pub password: Option<Password>,
}

impl Authority {
    /// The caller's profile; none when the account was deleted this moment.
    pub async fn me(&self, principal: &Principal) -> Result<Option<Arc<User>>, TryLater> {
        Ok(self.profiles.get(&self.store, principal.user).await?)
    }

    /// Changes name or email. A new email needs the password: a stolen access token alone must not take the account
    /// over.
    pub async fn change_profile(
        &self,
        caller: &Caller,
        principal: &Principal,
        change: ProfileChange,
    ) -> Result<User, AccountError> {
        if change.email.is_some() {
            let password = change.password.ok_or(AccountError::WrongPassword)?;
            self.confirm(caller, principal, password).await?;
        } else {
            // Each change is kept in the audit log and told to all nodes: one account must not fill the disk.
            self.limit(&self.rules.password, caller, Some(Account::User(principal.user)))
                .await?;
        }
        let context = self.context(caller);
        let update = UserUpdate {
            name: change.name,
            email: change.email,
            session_epoch: Some(principal.session_epoch),
            ..UserUpdate::default()
        };
        let user = principal.user;
        let updated = self
            .act(&context, move |store, context| async move {
                store.update_user(&context, user, update).await
            })
            .await?;
        Ok(updated.user)
    }

    /// Changes the password: every earlier access token is void, all other sessions end, this one goes on with a new
    /// pair.
    pub async fn change_password(
        &self,
        caller: &Caller,
        principal: &Principal,
        current: Password,
        new: Password,
    ) -> Result<TokenPair, AccountError> {
        let found = self.confirm(caller, principal, current).await?;
        self.check_password(&new, &found.email, &found.name)
            .map_err(AccountError::Password)?;
        let hash = self.hash(JobClass::Reserved, new).await?;
        let context = self.context(caller);
        let act = SetPassword {
            user: principal.user,
            password: hash,
            session_epoch: Some(principal.session_epoch),
            keep: Some(KeptSession {
                session: principal.session,
                sealed_salt: self.session_keys.seal_salt(principal.session, &*self.rng),
                idle_expires_at: context.now + self.config.sessions.idle,
            }),
            event: kind::PASSWORD_CHANGED,
        };
        let (standing, session) = self
            .act(&context, |store, context| async move {
                store.set_password(&context, act).await
            })
            .await?;
        Ok(self.grant_opened(&standing, session.as_ref(), context.now)?)
    }

    /// Deletes the caller's account.
    pub async fn delete_account(
        &self,
        caller: &Caller,
        principal: &Principal,
        password: Password,
    ) -> Result<(), AccountError> {
        self.confirm(caller, principal, password).await?;
        let context = self.context(caller);
        let (user, epoch) = (principal.user, principal.session_epoch);
        self.act(&context, move |store, context| async move {
            store.delete_user(&context, user, Some(epoch)).await
        })
        .await?;
        Ok(())
    }

    /// Checks the caller's password. Guesses are limited and counted against the session, not the account: whoever
    /// stole an access token must not lock the owner out.
    ///
    /// What follows must be done as of [`Principal::session_epoch`]: the token was believed before the password was
    /// hashed, and whoever logged out everywhere or changed the password meanwhile ended this session too.
    async fn confirm(
        &self,
        caller: &Caller,
        principal: &Principal,
        password: Password,
    ) -> Result<Credentials, AccountError> {
        self.limit(&self.rules.password, caller, Some(Account::User(principal.user)))
            .await?;
        let found = self
            .store
            .credentials(principal.user)
            .await
            .map_err(TryLater::from)?;
        let Some(found) = found else {
            return Err(AccountError::Act(UserActError::NotFound));
        };
        if found.session_epoch != principal.session_epoch {
            return Err(AccountError::Act(UserActError::Behind));
        }
        let permit = self.pool.admit(JobClass::Reserved).map_err(TryLater::from)?;
        let attempts = AttemptKey::session(principal.session);
        let count = self
            .store
            .count_attempt(&attempts, self.clock.now())
            .await
            .map_err(TryLater::from)?;
        let target = match found.password.clone() {
            Some(hash) => Target::Stored(hash),
            None => Target::Dummy {
                identifier: found.email.key().as_str().to_owned(),
            },
        };
        match permit.verify(password, target).await {
            Ok(verdict) if verdict.matches && count <= self.config.max_failures => {
                // Taken back rather than cleared: earlier wrong guesses of this session still count.
                self.store
                    .refund_attempt(&attempts)
                    .await
                    .map_err(TryLater::from)?;
                Ok(found)
            }
            Ok(_) => {
                self.password_refused(caller, principal, count > self.config.max_failures);
                Err(AccountError::WrongPassword)
            }
            Err(error) => {
                let _ = self.store.refund_attempt(&attempts).await;
                Err(AccountError::TryLater(error.into()))
            }
        }
    }

    /// Notes a wrong password that came with a good access token: a stolen one guesses unseen otherwise.
    fn password_refused(&self, caller: &Caller, principal: &Principal, locked: bool) {
        let context = self.context(caller);
        let detail = json!({ "session": principal.session, "locked": locked });
        self.audit
            .note(context.event(kind::PASSWORD_REFUSED, Some(principal.user), detail));
    }
}
