use super::{Authority, Caller, RefreshError, TokenPair, TryLater, limits::Account};
use crate::{
    session::{PresentedRefresh, RefreshAct},
    store::RefreshOutcome,
};

impl Authority {
    /// Carries a session on: a new pair for a refresh token, which is spent (design section 4).
    pub async fn refresh(&self, caller: &Caller, token: &str) -> Result<TokenPair, RefreshError> {
        let result = self.carry_on(caller, token).await;
        self.counts.refresh(&result);
        result
    }

    async fn carry_on(&self, caller: &Caller, token: &str) -> Result<TokenPair, RefreshError> {
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
        let session = presented.session;
        let (rules, keys) = (self.config.sessions, self.session_keys.clone());
        let context = self.context(caller);
        let asked = context.now;
        let outcome = self
            .act(&context, move |store, context| async move {
                let act = RefreshAct {
                    context,
                    presented,
                    rules,
                    keys,
                };
                store.refresh(&act).await
            })
            .await
            .map_err(TryLater::from)?;
        match outcome {
            RefreshOutcome::Granted { session, standing } => Ok(self.grant(&standing, &session, asked)?),
            RefreshOutcome::Refused(refusal) => {
                tracing::info!(%session, reason = %refusal, request_id = caller.request_id, "refresh.refused");
                Err(RefreshError::Invalid)
            }
            RefreshOutcome::Ended { reason, .. } => {
                self.counts.ended(reason, 1);
                tracing::warn!(
                    %session,
                    reason = reason.as_str(),
                    request_id = caller.request_id,
                    "session.ended"
                );
                Err(RefreshError::Invalid)
            }
        }
    }
}
