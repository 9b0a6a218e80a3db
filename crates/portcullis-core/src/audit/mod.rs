//! The audit log: who did what to whom, when, from where. Events are only ever added.

use std::net::IpAddr;

use serde_json::Value;

use crate::{
    clock::Timestamp,
    id::{AuditId, UserId},
};

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Someone who is not logged in.
    Anonymous,
    /// A user.
    User(UserId),
    /// An operator at the command line.
    Operator,
    /// The server by itself.
    System,
}

impl Actor {
    /// The word in the store: `anonymous`, `operator`, `system`, or the user's identifier.
    #[must_use]
    pub fn stored(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Operator => "operator".to_owned(),
            Self::System => "system".to_owned(),
            Self::User(id) => id.to_string(),
        }
    }

    /// From the word in the store; what is not known reads as [`Actor::System`].
    #[must_use]
    pub fn from_stored(word: &str) -> Self {
        match word {
            "anonymous" => Self::Anonymous,
            "operator" => Self::Operator,
            other => other.parse().map_or(Self::System, Self::User),
        }
    }
}

/// One row of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Identifier; sorts by time.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// What: `user.registered`, `login.succeeded`, `login.failed`, `refresh.reused`, ..: [`kind`] has all.
    pub kind: String,
    /// Who did it.
    pub actor: Actor,
    /// To whom it was done.
    pub subject: Option<UserId>,
    /// From where.
    pub address: Option<IpAddr>,
    /// The request, as in the log and the answer's `x-request-id`.
    pub request_id: Option<String>,
    /// More, never a secret.
    pub detail: Value,
}

/// The kinds of audit events.
pub mod kind {
    #![allow(missing_docs, reason = "the words are their own documentation")]
    pub const USER_REGISTERED: &str = "user.registered";
    pub const USER_CREATED: &str = "user.created";
    pub const USER_IMPORTED: &str = "user.imported";
    pub const USERS_EXPORTED: &str = "users.exported";
    pub const ACCOUNT_EXPORTED: &str = "account.exported";
    pub const USER_UPDATED: &str = "user.updated";
    pub const USER_ROLES: &str = "user.roles_changed";
    pub const USER_DISABLED: &str = "user.disabled";
    pub const USER_ENABLED: &str = "user.enabled";
    pub const USER_DELETED: &str = "user.deleted";
    pub const LOGIN_SUCCEEDED: &str = "login.succeeded";
    pub const LOGIN_FAILED: &str = "login.failed";
    pub const SIGN_IN_REFUSED: &str = "sign_in.refused";
    pub const IDENTITY_LINKED: &str = "identity.linked";
    pub const IDENTITY_UNLINKED: &str = "identity.unlinked";
    pub const REFRESH_REUSED: &str = "refresh.reused";
    pub const REFRESH_REWOUND: &str = "refresh.rewound";
    pub const LOGOUT: &str = "session.logout";
    pub const LOGOUT_ALL: &str = "session.logout_all";
    pub const SESSION_ENDED: &str = "session.ended";
    pub const PASSWORD_CHANGED: &str = "password.changed";
    pub const PASSWORD_SET: &str = "password.set";
    pub const PASSWORD_REFUSED: &str = "password.refused";
    pub const ROLE_PUT: &str = "role.put";
    pub const ROLE_DELETED: &str = "role.deleted";
    pub const KEY_CREATED: &str = "key.created";
    pub const KEY_IMPORTED: &str = "key.imported";
    pub const KEY_ROTATED: &str = "key.rotated";
    pub const KEY_RETIRED: &str = "key.retired";
    pub const RESTORED: &str = "database.restored";
    pub const BACKED_UP: &str = "database.backed_up";
    pub const MAINTAINED: &str = "maintenance.ran";
    pub const KEY_REVOKED: &str = "key.revoked";
}

/// Circumstances of an act, passed with it to the store.
#[derive(Clone, Debug)]
pub struct ActContext {
    /// When it is done.
    pub now: Timestamp,
    /// Until when a token issued before it could be valid: how long its [`Change`](crate::revocation::Change)s
    /// are kept.
    pub deny_until: Timestamp,
    /// Identifier of the act's audit event.
    pub audit_id: AuditId,
    /// Random tag of its changes.
    pub tag: i64,
    /// Who does it.
    pub actor: Actor,
    /// From where.
    pub address: Option<IpAddr>,
    /// In which request.
    pub request_id: Option<String>,
}

impl ActContext {
    /// The audit event of this act.
    #[must_use]
    pub fn event(&self, kind: &str, subject: Option<UserId>, detail: Value) -> AuditEvent {
        AuditEvent {
            id: self.audit_id,
            at: self.now,
            kind: kind.to_owned(),
            actor: self.actor.clone(),
            subject,
            address: self.address,
            request_id: self.request_id.clone(),
            detail,
        }
    }
}
