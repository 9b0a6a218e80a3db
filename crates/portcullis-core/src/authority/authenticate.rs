use std::{future::Future, sync::Arc};

use super::{AuthenticateError, Authority};
use crate::{revocation::Stale, token::VerifiedToken};

impl Authority {
    /// Who presents this access token. Costs no database query (design section 5).
    pub async fn authenticate(&self, token: &str) -> Result<Arc<VerifiedToken>, AuthenticateError> {
        let verified = self.verifier.verify(token, self.clock.now())?;
        self.follower
            .ensure_fresh()
            .await
            .map_err(|Stale { .. }| AuthenticateError::Stale)?;
        self.index
            .check(&verified.principal, &verified.kid)
            .map_err(|_revoked| AuthenticateError::Revoked)?;
        Ok(verified)
    }

    /// Resolves when the token is revoked; its expiry is the caller's to watch.
    pub fn revoked(&self, verified: Arc<VerifiedToken>) -> impl Future<Output = ()> + Send + use<> {
        let index = self.index.clone();
        async move {
            index.revoked(&verified.principal, &verified.kid).await;
        }
    }
}
