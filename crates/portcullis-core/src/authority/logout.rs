use super::{Authority, Caller, RefreshError, TryLater, limits::Account};
use crate::{
    access::Principal,
    audit::ActContext,
    id::{SessionId, UserId},
    session::{EndReason, PresentedRefresh},
};

impl Authority {
    /// Ends the caller's session.
    pub async fn logout(&self, caller: &Caller, principal: &Principal) -> Result<(), TryLater> {
        let context = self.context(caller);
        self.end_one(&context, principal.session, principal.user, EndReason::Logout)
            .await?;
        self.counts.logout();
        Ok(())
    }

    /// Ends the session of a refresh token, spent or not: whoever holds one may end what it belongs to.
    pub async fn logout_by_refresh_token(&self, caller: &Caller, token: &str) -> Result<(), RefreshError> {
        let Ok(presented) = PresentedRefresh::read(token, &self.session_keys) else {
            self.limit(&self.rules.refresh, caller, None).await?;
            return Err(RefreshError::Invalid);
        };
        self.limit(
            &self.rules.refresh,
            caller,
            Some(Account::Session(presented.session)),
        )
        .await?;
        if self.end_presented(caller, &presented).await? {
            Ok(())
        } else {
            Err(RefreshError::Invalid)
        }
    }

    /// Ends the session whose refresh token came along with a login, if it still goes on: its browser has another one
    /// now (ASVS 5.0, 7.2.4). Not limited: the login was.
    pub async fn replaced(&self, caller: &Caller, refresh_token: &str) -> Result<(), TryLater> {
        if let Ok(presented) = PresentedRefresh::read(refresh_token, &self.session_keys) {
            self.end_presented(caller, &presented).await?;
        }
        Ok(())
    }

    async fn end_presented(&self, caller: &Caller, presented: &PresentedRefresh) -> Result<bool, TryLater> {
        let session = self.store.session(presented.session).await?;
        let Some(session) = session.filter(|session| self.session_keys.proves(presented, session)) else {
            return Ok(false);
        };
        let context = self.context_as(caller, session.user);
        self.end_one(&context, session.id, session.user, EndReason::Logout)
            .await?;
        self.counts.logout();
        Ok(true)
    }

    /// Ends all sessions of the caller.
    pub async fn logout_everywhere(&self, caller: &Caller, principal: &Principal) -> Result<(), TryLater> {
        self.end_all(caller, principal.user, EndReason::LogoutAll).await?;
        self.counts.logout_everywhere();
        Ok(())
    }

    /// Ends all sessions of a user; gives how many there were, none without such a user.
    pub async fn end_all(
        &self,
        caller: &Caller,
        user: UserId,
        reason: EndReason,
    ) -> Result<Option<u64>, TryLater> {
        let context = self.context(caller);
        let ended = self
            .act(&context, move |store, context| async move {
                store.end_all_sessions(&context, user, reason).await
            })
            .await?;
        self.counts.ended(reason, ended.unwrap_or(0));
        Ok(ended)
    }

    /// Ends one session of a user; false when there is none of that identifier.
    pub(super) async fn end_one(
        &self,
        context: &ActContext,
        session: SessionId,
        owner: UserId,
        reason: EndReason,
    ) -> Result<bool, TryLater> {
        let ended = self
            .act(context, move |store, context| async move {
                store.end_session(&context, session, Some(owner), reason).await
            })
            .await?;
        self.counts.ended(reason, ended.into());
        Ok(ended)
    }
}
