use std::time::Duration;

use crate::{
    limit::Decision,
    password::PasswordRefusal,
    store::{RoleActError, StoreError, UserActError},
};

/// Not now. The request may be good; it is to be sent again later.
#[derive(Debug, thiserror::Error)]
pub enum TryLater {
    /// A rate limit is reached.
    #[error("too many requests")]
    Limited(Decision),
    /// The hashing queue is full.
    #[error("busy: try again in {} s", retry_after.as_secs())]
    Busy {
        /// When a place is likely free.
        retry_after: Duration,
    },
    /// The store failed, or this node no longer knows what was revoked.
    #[error("temporarily unavailable: {0}")]
    Unavailable(String),
}

impl From<StoreError> for TryLater {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Why nobody was registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Registration is switched off.
    #[error("registration is closed")]
    Closed,
    /// The password breaks a rule.
    #[error(transparent)]
    Password(PasswordRefusal),
    /// Another user has the email.
    #[error("the email is taken")]
    EmailTaken,
    /// Not now.
    #[error(transparent)]
    TryLater(#[from] TryLater),
}

/// Why nobody was logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Unknown, wrong password, disabled, locked, without a password: one answer for all.
    #[error("wrong email or password")]
    Invalid,
    /// None of the scopes asked for is the user's.
    #[error("none of the requested scopes can be granted")]
    Scope,
    /// Not now.
    #[error(transparent)]
    TryLater(#[from] TryLater),
}

/// Why a session was not carried on. The reason is in log and audit: clients get one answer.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// Not a token with which a session goes on.
    #[error("the refresh token is not valid")]
    Invalid,
    /// Not now.
    #[error(transparent)]
    TryLater(#[from] TryLater),
}

/// Why a user could not change their own account.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The password that had to be given is wrong.
    #[error("the password is wrong")]
    WrongPassword,
    /// The new password breaks a rule.
    #[error(transparent)]
    Password(PasswordRefusal),
    /// The store refused.
    #[error(transparent)]
    Act(UserActError),
    /// Not now.
    #[error(transparent)]
    TryLater(#[from] TryLater),
}

/// Why an access token is not believed.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// The token itself is not valid.
    #[error(transparent)]
    Token(#[from] crate::token::TokenError),
    /// The token was valid once.
    #[error("the token was revoked")]
    Revoked,
    /// This node does not know what was revoked lately: it can not tell.
    #[error("revocations are not known up to date")]
    Stale,
}

macro_rules! later {
    ($error:ident, $target:ty) => {
        impl From<$error> for $target {
            fn from(error: $error) -> Self {
                match error {
                    $error::Store(error) => Self::TryLater(error.into()),
                    other => Self::Act(other),
                }
            }
        }
    };
}

/// Why an administrator's act on a user did not happen.
#[derive(Debug, thiserror::Error)]
pub enum AdminUserError {
    /// The password breaks a rule.
    #[error(transparent)]
    Password(PasswordRefusal),
    /// The store refused.
    #[error(transparent)]
    Act(UserActError),
    /// Not now.
    #[error(transparent)]
    TryLater(#[from] TryLater),
}

/// Why an administrator's act on a role did not happen.
#[derive(Debug, thiserror::Error)]
pub enum AdminRoleError {
    /// Nobody could register any more.
    #[error("whoever registers gets this role: it cannot be deleted")]
    Default,
    /// The store refused.
    #[error(transparent)]
    Act(RoleActError),
    /// Not now.
    #[error(transparent)]
    TryLater(#[from] TryLater),
}

later!(UserActError, AccountError);
later!(UserActError, AdminUserError);
later!(RoleActError, AdminRoleError);
