use super::{Authority, Caller, TryLater};
use crate::{
    access::Principal,
    id::SessionId,
    session::{EndReason, SessionSummary},
};

impl Authority {
    /// The caller's sessions, newest first.
    pub async fn my_sessions(&self, principal: &Principal) -> Result<Vec<SessionSummary>, TryLater> {
        Ok(self.store.sessions(principal.user, self.clock.now()).await?)
    }

    /// Ends one of the caller's sessions; false when there is none of that identifier.
    pub async fn end_my_session(
        &self,
        caller: &Caller,
        principal: &Principal,
        session: SessionId,
    ) -> Result<bool, TryLater> {
        let context = self.context(caller);
        self.end_one(&context, session, principal.user, EndReason::Ended)
            .await
    }
}
