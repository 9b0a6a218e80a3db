use std::{sync::Arc, time::Duration};

use super::{EndReason, SessionKeys, StoredSession, token::PresentedRefresh};
use crate::audit::ActContext;

/// Limits of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRules {
    /// For how long after a rotation the spent token gets the same successor again: a lost answer costs nothing.
    pub grace: Duration,
    /// A session that is not refreshed for so long ends.
    pub idle: Duration,
    /// A session ends after so long, whatever is done.
    pub absolute: Duration,
}

impl Default for SessionRules {
    /// 10 seconds, 7 days, 90 days.
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(10),
            idle: Duration::from_secs(7 * 86_400),
            absolute: Duration::from_secs(90 * 86_400),
        }
    }
}

/// A presented refresh token and all that is needed to decide about it.
#[derive(Clone)]
pub struct RefreshAct {
    /// Circumstances. Its actor is filled in by the decision: the session's user.
    pub context: ActContext,
    /// What was presented; its MAC holds.
    pub presented: PresentedRefresh,
    /// Limits.
    pub rules: SessionRules,
    /// Opens the salt.
    pub keys: Arc<SessionKeys>,
}

/// What to do about a presented refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshDecision {
    /// Move the counter, if it still is what was presented.
    Rotate,
    /// Give out the token of the present counter again.
    Repeat,
    /// Refuse, and change nothing.
    Refuse(Refusal),
    /// End the session, and say so in the audit log.
    End(EndReason),
}

/// Why a refresh is refused. For logs and metrics: the client gets one answer for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such session.
    #[error("unknown session")]
    Unknown,
    /// Not made by this server for this session.
    #[error("the proof does not hold")]
    Forged,
    /// Idle or absolute limit reached.
    #[error("the session expired")]
    Expired,
    /// Logged out, or ended otherwise.
    #[error("the session was ended")]
    Ended,
    /// The user is disabled or gone, or its sessions were revoked.
    #[error("the user's sessions were revoked")]
    Revoked,
    /// Two steps back, but both rotations are fresh: a client that fell behind itself.
    #[error("two steps back within the grace window")]
    Stale,
}

impl RefreshAct {
    /// Decides about the session as it is stored (design section 4). `user_session_epoch` is that of the user now,
    /// `None` when the user is gone or not active.
    #[must_use]
    pub fn decide(&self, session: &StoredSession, user_session_epoch: Option<i64>) -> RefreshDecision {
        use RefreshDecision::{End, Refuse, Repeat, Rotate};

        if !self.keys.proves(&self.presented, session) {
            return Refuse(Refusal::Forged);
        }
        let now = self.context.now;
        if session.ended_at.is_some() {
            return Refuse(Refusal::Ended);
        }
        if user_session_epoch != Some(session.session_epoch) {
            return Refuse(Refusal::Revoked);
        }
        if now >= session.idle_expires_at || now >= session.expires_at {
            return Refuse(Refusal::Expired);
        }
        let fresh = |at: Option<crate::clock::Timestamp>| {
            // `since` saturates: a clock that stepped back must not open the window for long, so the future is not fresh.
            at.is_some_and(|at| at <= now + self.rules.grace && now.since(at) <= self.rules.grace)
        };
        match session.counter - self.presented.counter {
            0 => Rotate,
            1 if fresh(session.rotated_at) => Repeat,
            2 if fresh(session.rotated_at) && fresh(session.rotated_before_at) => Refuse(Refusal::Stale),
            behind if behind < 0 => End(EndReason::Rewound),
            _ => End(EndReason::Reuse),
        }
    }
}
