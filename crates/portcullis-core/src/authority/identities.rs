use std::time::Duration;

use super::{Authority, Caller, TryLater};
use crate::{
    access::Principal,
    audit::Actor,
    id::{IdentityId, UserId},
    identity::{Identity, Profile, SignInRules},
    session::EndReason,
    store::{IdentityActError, LinkIdentity, ProviderSessions, UnlinkIdentity},
};

/// Why an account was not linked or unlinked.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The store refused.
    #[error(transparent)]
    Act(IdentityActError),
    /// The token was narrowed: what it may not do, a way in that it makes must not do either.
    #[error("this login was narrowed to some scopes: log in without, and try again")]
    Narrowed,
    /// A token that somebody stole must not become a way in that stays.
    #[error("your login is older than {} minutes: log in again, and try again", max_age.as_secs() / 60)]
    LoginTooOld {
        /// How old it may be.
        max_age: Duration,
    },
    /// Not now.
    #[error(transparent)]
    TryLater(#[from] TryLater),
}

impl From<IdentityActError> for IdentityError {
    fn from(error: IdentityActError) -> Self {
        match error {
            IdentityActError::Store(error) => Self::TryLater(error.into()),
            other => Self::Act(other),
        }
    }
}

impl Authority {
    /// Whether the caller may change by which accounts one signs in as them: with a whole token, of a login of less than ten
    /// minutes ago.
    ///
    /// # Errors
    /// When not.
    pub async fn may_change_identities(&self, principal: &Principal) -> Result<(), IdentityError> {
        if principal.narrowed {
            return Err(IdentityError::Narrowed);
        }
        match self.login_too_old(principal).await? {
            Some(max_age) => Err(IdentityError::LoginTooOld { max_age }),
            None => Ok(()),
        }
    }

    /// Ties the account of a profile that was checked to the caller, who is logged in, and was allowed to when it began
    /// ([`Authority::may_change_identities`]).
    ///
    /// # Errors
    /// When it is somebody else's, or the caller has another one there.
    pub async fn link_identity(
        &self,
        caller: &Caller,
        user: UserId,
        session_epoch: i64,
        rules: &SignInRules,
        profile: &Profile,
    ) -> Result<(), IdentityError> {
        let act = LinkIdentity {
            user,
            session_epoch,
            email: None,
            identity: self.new_identity(rules, profile),
        };
        let context = self.context_as(caller, user);
        self.act(&context, |store, context| async move {
            store.link_identity(&context, act).await
        })
        .await?;
        Ok(())
    }

    /// Takes an account at a provider away from the caller, and ends the sessions that began by it. `usable` are the
    /// providers (`iss`) by which one can sign in now.
    ///
    /// # Errors
    /// When it is the last way in.
    pub async fn unlink_identity(
        &self,
        caller: &Caller,
        principal: &Principal,
        identity: IdentityId,
        usable: Vec<String>,
    ) -> Result<(), IdentityError> {
        self.may_change_identities(principal).await?;
        let act = UnlinkIdentity {
            user: principal.user,
            session_epoch: principal.session_epoch,
            identity,
            usable,
        };
        let context = self.context_as(caller, principal.user);
        let ended = self
            .act(&context, |store, context| async move {
                store.unlink_identity(&context, act).await
            })
            .await?;
        self.counts.ended(EndReason::Unlinked, ended);
        Ok(())
    }

    /// The accounts of a user at providers.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn identities(&self, user: UserId) -> Result<Vec<Identity>, TryLater> {
        Ok(self.store.identities(user).await?)
    }

    /// Ends the sessions that a provider ended. Gives how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn end_provider_sessions(
        &self,
        caller: &Caller,
        which: ProviderSessions,
    ) -> Result<u64, TryLater> {
        let context = self.context_of(caller, Actor::System);
        let ended = self
            .act(&context, |store, context| async move {
                store.end_provider_sessions(&context, which).await
            })
            .await?;
        self.counts.ended(EndReason::Provider, ended);
        Ok(ended)
    }
}
