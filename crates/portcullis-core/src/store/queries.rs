use crate::{
    access::RoleName,
    clock::Timestamp,
    id::{AuditId, UserId},
    password::StoredHash,
    user::{DisplayName, Email, UserStatus},
};

/// What a check of a password needs.
#[derive(Clone)]
pub struct Credentials {
    /// Who.
    pub user: UserId,
    /// Email, for the rules of a new password.
    pub email: Email,
    /// Name, for the rules of a new password.
    pub name: DisplayName,
    /// Hash; none when the user cannot log in with a password.
    pub password: Option<StoredHash>,
    /// Status.
    pub status: UserStatus,
    /// `session_epoch` as of now.
    pub session_epoch: i64,
    /// `password_epoch` as of now.
    pub password_epoch: i64,
}

/// Which users to list.
#[derive(Clone, Debug)]
pub struct UserFilter {
    /// Prefix of email or name, in any case.
    pub prefix: Option<String>,
    /// Holding this role directly.
    pub role: Option<RoleName>,
    /// With this status.
    pub status: Option<UserStatus>,
    /// After this one.
    pub after: Option<UserId>,
    /// How many at most.
    pub limit: u32,
}

impl Default for UserFilter {
    fn default() -> Self {
        Self {
            prefix: None,
            role: None,
            status: None,
            after: None,
            limit: 100,
        }
    }
}

/// Which audit events to list, newest first.
#[derive(Clone, Debug)]
pub struct AuditFilter {
    /// Of this kind; a kind ending in `.` matches all that begin so (`login.`).
    pub kind: Option<String>,
    /// By this user.
    pub actor: Option<UserId>,
    /// On this user.
    pub subject: Option<UserId>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Older than this one (paging).
    pub before: Option<AuditId>,
    /// How many at most.
    pub limit: u32,
}

impl Default for AuditFilter {
    fn default() -> Self {
        Self {
            kind: None,
            actor: None,
            subject: None,
            since: None,
            until: None,
            before: None,
            limit: 100,
        }
    }
}

/// What nothing can need any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// Sessions that were ended, or not used for too long.
    Sessions,
    /// Changes past their time, never the newest of a lane.
    Changes,
    /// Failed attempts of devices and of unknown identifiers, 90 days after the last one.
    Attempts,
    /// Audit events before this instant.
    Audit {
        /// The instant.
        before: Timestamp,
    },
}

/// What was purged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Sessions.
    pub sessions: u64,
    /// Rows of the feed.
    pub changes: u64,
    /// Counters of attempts.
    pub attempts: u64,
    /// Audit events.
    pub audit: u64,
}
