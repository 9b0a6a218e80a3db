//! Users: who can log in.

mod email;
mod name;

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

pub use self::{
    email::{Email, EmailError, EmailKey},
    name::{DisplayName, NameError},
};
use crate::{
    access::{RoleGraph, RoleName, Scope},
    clock::Timestamp,
    id::UserId,
};

/// Whether a user may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserStatus {
    /// May log in.
    Active,
    /// May not log in, and has no session.
    Disabled,
}

impl UserStatus {
    /// The word on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for UserStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Not a user status.
#[derive(Debug, thiserror::Error)]
#[error("unknown status: use `active` or `disabled`")]
pub struct UnknownStatus;

impl FromStr for UserStatus {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "active" => Ok(Self::Active),
            "disabled" => Ok(Self::Disabled),
            _ => Err(UnknownStatus),
        }
    }
}

/// What others may know of a user. Has no field that could hold a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Identifier.
    pub id: UserId,
    /// Address as it was given.
    pub email: Email,
    /// Name shown to people.
    pub name: DisplayName,
    /// Roles given to the user, sorted, without the ones that these imply.
    pub roles: Vec<RoleName>,
    /// Scopes that the roles and the roles implied by them have, sorted.
    pub scopes: Vec<Scope>,
    /// Whether the user may log in.
    pub status: UserStatus,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// A [`User`] with what a token about them must state, all read in one statement, so that a token can never
/// carry new epochs with old roles (design section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The user.
    pub user: User,
    /// The user's roles and all that these imply, sorted.
    pub closure: Vec<RoleName>,
    /// Raised by a change of roles or status.
    pub token_epoch: i64,
    /// Raised by logout everywhere, disabling, a new password.
    pub session_epoch: i64,
    /// Raised by a new password.
    pub password_epoch: i64,
    /// Raised by each edit of any role.
    pub roles_epoch: i64,
    /// All roles, as of `roles_epoch`.
    pub graph: Arc<RoleGraph>,
}

impl Standing {
    /// The scopes and roles of a token: all that the user has, or those of them that a login asked for. A narrowed
    /// token carries only the roles whose scopes it wholly has.
    #[must_use]
    pub fn narrowed(&self, to: Option<&[Scope]>) -> (Vec<Scope>, Vec<RoleName>) {
        match to {
            None => (self.user.scopes.clone(), self.closure.clone()),
            Some(wanted) => {
                let scopes: Vec<Scope> = self
                    .user
                    .scopes
                    .iter()
                    .filter(|scope| wanted.contains(scope))
                    .cloned()
                    .collect();
                let roles = self.graph.within(&self.closure, &scopes);
                (scopes, roles)
            }
        }
    }
}
