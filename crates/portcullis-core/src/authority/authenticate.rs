use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use super::{AuthenticateError, Authority};
use crate::{revocation::Stale, token::VerifiedToken};

/// How often what outlives a request looks whether its token still lives and this node still hears of changes. Between
/// two looks a revocation is noticed at once, by the index itself.
const LOOK: Duration = Duration::from_secs(1);

/// Why a token that was good is no longer.
///
/// ```
/// use portcullis_core::authority::Ended;
///
/// /// The code with which a WebSocket is closed (RFC 6455, section 7.4.1).
/// fn close_code(ended: Ended) -> u16 {
///     match ended {
///         Ended::Expired | Ended::Revoked => 1008,
///         Ended::Unknown => 1013,
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It expired.
    Expired,
    /// It was revoked: logged out, disabled, a new password, new roles, ..
    Revoked,
    /// This node no longer hears of revocations, so it cannot tell.
    Unknown,
}

impl Authority {
    /// Who presents this access token. Costs no database query (design section 5).
    ///
    /// # Errors
    /// When the token is not good, or that cannot be told.
    pub async fn authenticate(&self, token: &str) -> Result<Arc<VerifiedToken>, AuthenticateError> {
        let verified = match self.verifier.verify(token, self.clock.now()) {
            Ok(verified) => verified,
            Err(error) => return Err(self.refused(error.into())),
        };
        if let Err(Stale) = self.follower.ensure_fresh().await {
            return Err(self.refused(AuthenticateError::Stale));
        }
        self.check(verified)
    }

    fn refused(&self, error: AuthenticateError) -> AuthenticateError {
        self.counts.refused_token(&error);
        error
    }

    /// The same without waiting: `None` where the index must be read first.
    ///
    /// # Errors
    /// When the token is not good.
    pub fn authenticate_now(&self, token: &str) -> Option<Result<Arc<VerifiedToken>, AuthenticateError>> {
        // Asked before the signature is checked, so that this is not done twice.
        if !self.follower.is_fresh() {
            return None;
        }
        Some(
            self.verifier
                .verify(token, self.clock.now())
                .map_err(|error| self.refused(error.into()))
                .and_then(|verified| self.check(verified)),
        )
    }

    fn check(&self, verified: Arc<VerifiedToken>) -> Result<Arc<VerifiedToken>, AuthenticateError> {
        self.index
            .check(&verified.principal, &verified.kid)
            .map_err(|_revoked| self.refused(AuthenticateError::Revoked))?;
        Ok(verified)
    }

    /// Resolves when the token is good no longer, for what outlives one request: web sockets, event streams.
    pub fn ended(
        self: &Arc<Self>,
        verified: Arc<VerifiedToken>,
    ) -> impl Future<Output = Ended> + Send + use<> {
        let authority = Arc::clone(self);
        async move {
            let mut revoked = pin!(authority.index.revoked(&verified.principal, &verified.kid));
            loop {
                let left = verified.expires_at.since(authority.clock.now());
                if left.is_zero() {
                    return Ended::Expired;
                }
                if authority.follower.ensure_fresh().await.is_err() {
                    return Ended::Unknown;
                }
                tokio::select! {
                    biased;
                    _ = &mut revoked => return Ended::Revoked,
                    () = tokio::time::sleep(LOOK.min(left)) => {}
                }
            }
        }
    }
}
