use super::{Authority, Caller, RefreshError, TokenPair, TryLater};
use crate::{
    session::{PresentedRefresh, RefreshAct},
    store::RefreshOutcome,
};

impl Authority {
    /// Carries a session on: a new pair for a refresh token, which is spent (design section 4).
    pub async fn refresh(&self, caller: &Caller, token: &str) -> Result<TokenPair, RefreshError> {
        let Ok(presented) = PresentedRefresh::read(token, &self.session_keys) else {
            self.limit(&self.rules.refresh, caller, None)?;
            return Err(RefreshError::Invalid);
        };
        self.limit(
            &self.rules.refresh,
            caller,
            Some(presented.session.uuid().as_bytes()),
        )?;
        let session = presented.session;
        let act = RefreshAct {
            context: self.context(caller),
            presented,
            rules: self.config.sessions,
            keys: self.session_keys.clone(),
        };
        let outcome = self
            .store
            .refresh(&act)
            .await
            .map_err(|error| TryLater::from(self.failed(&act.context, error)))?;
        match outcome {
            RefreshOutcome::Granted { session, standing } => Ok(self.grant(&standing, &session)?),
            RefreshOutcome::Refused(refusal) => {
                tracing::info!(%session, reason = %refusal, request_id = caller.request_id, "refresh.refused");
                Err(RefreshError::Invalid)
            }
            RefreshOutcome::Ended { reason, changes } => {
                self.settle_changes(&changes);
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
