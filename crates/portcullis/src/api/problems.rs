//! What each refusal of the core looks like on the wire.

use std::time::Duration;

use http::StatusCode;
use portcullis_core::{
    access::GraphError,
    authority::{
        AccountError, AdminRoleError, AdminUserError, LoginError, NotReady, RefreshError, RegisterError,
        TryLater,
    },
    store::{RoleActError, UserActError},
};

use crate::problem::{Challenge, FieldError, Problem};

/// `realm` of the challenges.
pub(crate) const REALM: &str = "portcullis";

impl From<TryLater> for Problem {
    fn from(later: TryLater) -> Self {
        match later {
            TryLater::Limited(decision) => Self::too_many_requests(decision),
            TryLater::Busy { retry_after } => Self::unavailable(retry_after),
            TryLater::Unavailable(reason) => {
                tracing::error!(%reason, "unavailable");
                Self::unavailable(Duration::from_secs(1))
            }
        }
    }
}

/// For probes and whoever reads what they say.
impl From<NotReady> for Problem {
    fn from(reason: NotReady) -> Self {
        // A node that is told to stop is asked again and again, and all is well.
        if reason != NotReady::Stopping {
            tracing::warn!(%reason, "not ready");
        }
        let error = match reason {
            NotReady::Stale => "stale",
            NotReady::Database => "database",
            NotReady::Clock(_) => "clock",
            NotReady::Stopping => "stopping",
        };
        Self::unavailable(Duration::from_secs(1))
            .detail(sentence(&reason.to_string()))
            .member("error", error)
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
        .unwrap_or_default()
}

fn wrong(field: &'static str, kind: &'static str, text: String) -> Problem {
    Problem::invalid([FieldError::body(field, kind, text)])
}

fn email_taken() -> Problem {
    Problem::conflict("An account with this email exists already.").member("error", "email_taken")
}

fn last_administrator(text: String) -> Problem {
    Problem::conflict(text).member("error", "last_administrator")
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Closed => Self::new(StatusCode::FORBIDDEN)
                .detail("Registration is closed: ask an administrator for an account.")
                .member("error", "registration_closed"),
            RegisterError::Password(refusal) => wrong("password", "password", refusal.to_string()),
            RegisterError::EmailTaken => email_taken(),
            RegisterError::TryLater(later) => later.into(),
        }
    }
}

/// The one answer to every login that fails.
impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Invalid => Self::login_failed("Wrong email or password."),
            LoginError::Scope => {
                Self::bad_request("None of the requested scopes can be granted to this account.")
                    .member("error", "invalid_scope")
            }
            LoginError::TryLater(later) => later.into(),
        }
    }
}

/// The one answer to every refresh that fails.
impl From<RefreshError> for Problem {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Invalid => {
                Self::unauthorized(&Challenge::new(REALM).invalid_token("The refresh token is not valid"))
                    .detail("The refresh token is not valid: log in again.")
            }
            RefreshError::TryLater(later) => later.into(),
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            // The caller says which field the password came in: `wrong_password`.
            AccountError::WrongPassword => wrong_password("password"),
            AccountError::Password(refusal) => wrong("new_password", "password", refusal.to_string()),
            AccountError::Act(error) => error.into(),
            AccountError::TryLater(later) => later.into(),
        }
    }
}

/// 422: the password that confirms an act is wrong. Not a 401, on which clients would throw their token away.
pub(crate) fn wrong_password(field: &'static str) -> Problem {
    wrong(field, "wrong_password", "the password is wrong".to_owned())
}

impl From<UserActError> for Problem {
    fn from(error: UserActError) -> Self {
        match error {
            UserActError::NotFound => Self::not_found().detail("There is no such user."),
            UserActError::EmailTaken => email_taken(),
            UserActError::UnknownRole(_) => wrong(
                "roles",
                "unknown_role",
                "one of the roles does not exist".to_owned(),
            ),
            UserActError::LastAdministrator => last_administrator(error.to_string()),
            UserActError::Behind => {
                Self::conflict("The account was changed meanwhile: log in again.").member("error", "changed")
            }
            UserActError::Store(error) => TryLater::from(error).into(),
        }
    }
}

impl From<AdminUserError> for Problem {
    fn from(error: AdminUserError) -> Self {
        match error {
            AdminUserError::Password(refusal) => wrong("password", "password", refusal.to_string()),
            AdminUserError::Act(error) => error.into(),
            AdminUserError::TryLater(later) => later.into(),
        }
    }
}

impl From<AdminRoleError> for Problem {
    fn from(error: AdminRoleError) -> Self {
        match error {
            AdminRoleError::Default => Self::conflict(error.to_string()).member("error", "default_role"),
            AdminRoleError::Act(RoleActError::NotFound) => Self::not_found().detail("There is no such role."),
            AdminRoleError::Act(RoleActError::Graph(error @ GraphError::Cycle(_))) => {
                wrong("implies", "cycle", error.to_string())
            }
            AdminRoleError::Act(RoleActError::Graph(error @ GraphError::Unknown(_))) => {
                wrong("implies", "unknown_role", error.to_string())
            }
            AdminRoleError::Act(error @ RoleActError::LastAdministrator) => {
                last_administrator(error.to_string())
            }
            AdminRoleError::Act(RoleActError::Store(error)) => TryLater::from(error).into(),
            AdminRoleError::TryLater(later) => later.into(),
        }
    }
}
