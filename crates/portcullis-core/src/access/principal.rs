use std::sync::Arc;

use super::{RoleName, Scope};
use crate::{
    clock::Timestamp,
    id::{SessionId, TokenId, UserId},
};

/// Who is calling now: what a verified access token says.
///
/// ```
/// use portcullis_core::access::Principal;
///
/// fn may_publish(caller: &Principal) -> bool { caller.has_role("editor") || caller.has_scope("articles:publish") }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user (`sub`).
    pub user: UserId,
    /// The login that the token descends from (`sid`).
    pub session: SessionId,
    /// The token's own identifier (`jti`).
    pub token: TokenId,
    /// Roles with all that these imply, sorted; narrowed with the token.
    pub roles: Vec<RoleName>,
    /// Scopes, sorted; narrowed with the token.
    pub scopes: Vec<Scope>,
    /// Whether the login was narrowed by `scope`. Such a token may carry scopes of roles that it does not carry, so
    /// the edit of any role voids it (a refresh brings another). The token must say it (a claim, absent when false).
    pub narrowed: bool,
    /// When the token was issued.
    pub issued_at: Timestamp,
    /// When the token stops to be valid.
    pub expires_at: Timestamp,
    /// The user's `token_epoch` when the token was issued.
    pub token_epoch: i64,
    /// The user's `session_epoch` when the token was issued.
    pub session_epoch: i64,
    /// The global `roles_epoch` when the token was issued.
    pub roles_epoch: i64,
}

impl Principal {
    /// Whether the caller holds the role, by itself or implied.
    #[must_use]
    pub fn has_role(&self, name: &str) -> bool {
        self.roles.iter().any(|role| role.as_str() == name)
    }

    /// Whether the caller holds the scope.
    #[must_use]
    pub fn has_scope(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| scope.as_str() == name)
    }
}

/// Who can hold roles and scopes: a [`Principal`], or an application's own user type.
///
/// ```
/// use portcullis_core::access::{Holder, Requirement};
///
/// /// Nobody may anything here but machines.
/// struct Machine;
///
/// impl Holder for Machine {
///     fn has_role(&self, name: &str) -> bool { name == "machine" }
///     fn has_scope(&self, _: &str) -> bool { false }
/// }
///
/// assert!(Requirement::Role("machine").met_by(&Machine));
/// ```
pub trait Holder {
    /// Whether the role is held, by itself or implied.
    fn has_role(&self, name: &str) -> bool;
    /// Whether the scope is held.
    fn has_scope(&self, name: &str) -> bool;
}

impl Holder for Principal {
    fn has_role(&self, name: &str) -> bool {
        Self::has_role(self, name)
    }

    fn has_scope(&self, name: &str) -> bool {
        Self::has_scope(self, name)
    }
}

impl<T: Holder + ?Sized> Holder for Arc<T> {
    fn has_role(&self, name: &str) -> bool {
        T::has_role(self, name)
    }

    fn has_scope(&self, name: &str) -> bool {
        T::has_scope(self, name)
    }
}
