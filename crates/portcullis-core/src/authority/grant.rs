use std::time::Duration;

use super::{Authority, Caller, TryLater};
use crate::{
    access::{Principal, Scope},
    clock::Timestamp,
    device::DeviceToken,
    id::{DeviceId, SessionId, TokenId},
    session::{NewSession, RefreshToken, StoredSession},
    store::StoreError,
    token::{AccessClaims, AccessToken},
    user::Standing,
};

/// What a login, a registration, a refresh and a new password give.
pub struct TokenPair {
    /// Access token (RFC 9068).
    pub access: AccessToken,
    /// Refresh token: to be used once.
    pub refresh: RefreshToken,
    /// For how long the access token is valid.
    pub expires_in: Duration,
    /// Scopes of the access token.
    pub scopes: Vec<Scope>,
    /// Tells this device apart from strangers at the next login.
    pub device: DeviceToken,
    /// The session that both belong to.
    pub session: SessionId,
    /// For how long the refresh token is valid, unless it is used.
    pub session_expires_in: Duration,
}

/// A part of a second counts as one: the act took it, and clients read whole ones (RFC 6749, section 5.1).
fn whole_seconds(left: Duration) -> Duration {
    Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0))
}

impl Authority {
    /// A session that begins now.
    pub(super) fn new_session(&self, caller: &Caller, narrowed: Option<Vec<Scope>>) -> NewSession {
        let now = self.clock.now();
        let id = SessionId::generate(now, &*self.rng);
        NewSession {
            id,
            sealed_salt: self.session_keys.seal_salt(id, &*self.rng),
            narrowed,
            address: caller.address,
            agent: caller.agent.clone(),
            created_at: now,
            idle_expires_at: now + self.config.sessions.idle,
            expires_at: now + self.config.sessions.absolute,
        }
    }

    /// The tokens of what an act opened that began at `asked`.
    pub(super) fn grant_opened(
        &self,
        standing: &Standing,
        session: Option<&StoredSession>,
        asked: Timestamp,
    ) -> Result<TokenPair, TryLater> {
        let session =
            session.ok_or_else(|| TryLater::Unavailable("the store opened no session".to_owned()))?;
        self.grant(standing, session, asked)
    }

    /// The tokens of a session, as an act found it that began at `asked`. They live from then on: a process that is frozen
    /// between the act and here would otherwise give out, once it wakes, what outlives the memory of a revocation that came
    /// meanwhile.
    pub(super) fn grant(
        &self,
        standing: &Standing,
        session: &StoredSession,
        asked: Timestamp,
    ) -> Result<TokenPair, TryLater> {
        let now = self.clock.now();
        // Not beyond the end of its session: once that is over its row may be gone, and with it what a logout would end.
        let expires_at = (asked + self.config.access_ttl).min(session.idle_expires_at);
        let (scopes, roles) = standing.narrowed(session.narrowed.as_deref());
        let principal = Principal {
            user: standing.user.id,
            session: session.id,
            token: TokenId::generate(now, &*self.rng),
            issued_at: asked,
            expires_at,
            narrowed: session.narrowed.is_some(),
            scopes,
            roles,
            token_epoch: standing.token_epoch,
            session_epoch: session.session_epoch,
            roles_epoch: standing.roles_epoch,
        };
        let claims = AccessClaims {
            issuer: &self.config.issuer,
            audience: &self.config.audience,
            client_id: &self.config.client_id,
            principal: &principal,
        };
        let access = self
            .signer
            .sign(&claims)
            .map_err(|error| TryLater::Unavailable(error.to_string()))?;
        let refresh = RefreshToken::issue(session, &self.session_keys)
            .map_err(|error| StoreError::Corrupt(format!("session {}: {error}", session.id)))?;
        // The device is named after the session: nothing more is stored, and a refresh gives the same one.
        let device = DeviceId::from_uuid(session.id.uuid());
        let device = self
            .devices
            .issue(standing.user.id, device, standing.password_epoch, now);
        Ok(TokenPair {
            access,
            refresh,
            expires_in: whole_seconds(expires_at.since(now)),
            scopes: principal.scopes,
            device,
            session: session.id,
            session_expires_in: session.idle_expires_at.since(now),
        })
    }
}
