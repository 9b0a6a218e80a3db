use std::net::IpAddr;

use crate::{
    access::Scope,
    clock::Timestamp,
    id::{SessionId, UserId},
};

/// Why a session ended, as stored and audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The user logged out.
    Logout,
    /// The user logged out everywhere.
    LogoutAll,
    /// The user ended it from another session.
    Ended,
    /// An administrator ended it.
    Admin,
    /// The account was disabled.
    Disabled,
    /// The password was changed elsewhere.
    Password,
    /// A refresh token that was spent long ago came back: theft.
    Reuse,
    /// A refresh token came that was never issued as far as the store knows: it went back in time.
    Rewound,
    /// The provider by which it began said that it ended there.
    Provider,
    /// The account at the provider by which it began was unlinked.
    Unlinked,
}

impl EndReason {
    /// The word in the store and the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::LogoutAll => "logout_all",
            Self::Ended => "ended",
            Self::Admin => "admin",
            Self::Disabled => "disabled",
            Self::Password => "password",
            Self::Reuse => "reuse",
            Self::Rewound => "rewound",
            Self::Provider => "provider",
            Self::Unlinked => "unlinked",
        }
    }
}

/// A session to be stored.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Identifier.
    pub id: SessionId,
    /// Salt of its refresh tokens, sealed with the master key.
    pub sealed_salt: Vec<u8>,
    /// Scopes to which the login was narrowed; none means all that the user has, now and later.
    pub narrowed: Option<Vec<Scope>>,
    /// Where the login came from.
    pub address: Option<IpAddr>,
    /// `User-Agent` of the login, at most 256 characters.
    pub agent: Option<String>,
    /// Login time.
    pub created_at: Timestamp,
    /// End if it is not used.
    pub idle_expires_at: Timestamp,
    /// End whatever is done.
    pub expires_at: Timestamp,
}

/// A session as stored, with what a refresh needs to decide.
#[derive(Clone, Debug)]
pub struct StoredSession {
    /// Identifier.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// The user's `session_epoch` as it was read before the password was checked.
    pub session_epoch: i64,
    /// Salt of its refresh tokens, sealed with the master key.
    pub sealed_salt: Vec<u8>,
    /// Number of the refresh token that is valid now; the first is 0.
    pub counter: i64,
    /// When the counter last moved; none before the first rotation.
    pub rotated_at: Option<Timestamp>,
    /// When the counter moved the time before.
    pub rotated_before_at: Option<Timestamp>,
    /// Scopes to which the login was narrowed.
    pub narrowed: Option<Vec<Scope>>,
    /// End if it is not used.
    pub idle_expires_at: Timestamp,
    /// End whatever is done.
    pub expires_at: Timestamp,
    /// When it was ended before its time.
    pub ended_at: Option<Timestamp>,
}

/// A session as it is shown to whom it belongs to, ended or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// What is shown of a live one, too.
    pub summary: SessionSummary,
    /// Scopes to which the login was narrowed.
    pub narrowed: Option<Vec<Scope>>,
    /// When it was ended before its time.
    pub ended_at: Option<Timestamp>,
    /// Why: a word of [`EndReason::as_str`].
    pub end_reason: Option<String>,
}

/// What a user sees of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSummary {
    /// Identifier.
    pub id: SessionId,
    /// Login time.
    pub created_at: Timestamp,
    /// Last refresh, or login.
    pub last_used_at: Timestamp,
    /// When it ends if it is not used again: the idle or the absolute limit, what comes first.
    pub expires_at: Timestamp,
    /// Where the login came from.
    pub address: Option<IpAddr>,
    /// `User-Agent` of the login.
    pub agent: Option<String>,
}
