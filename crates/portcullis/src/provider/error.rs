use std::{borrow::Cow, error::Error, time::Duration};

use http::StatusCode;

use crate::problem::{Chain, Challenge, DEFAULT_REALM, Problem};

/// Why nobody is known to call. Each variant is another answer, and none stands in for another.
///
/// ```
/// use portcullis::{Problem, provider::AuthError};
///
/// let status = |error: AuthError| Problem::from(error).status().as_u16();
/// assert_eq!(status(AuthError::Missing), 401);
/// assert_eq!(status(AuthError::invalid("the token expired")), 401);
/// assert_eq!(status(AuthError::denied("this account is closed")), 403);
/// assert_eq!(status(AuthError::unavailable()), 503);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// 401 without an error code: no credentials came.
    #[error("no credentials")]
    Missing,
    /// 401 without an error code: the `Authorization` header is of another scheme (RFC 6750, section 3.1). Unlike
    /// [`AuthError::Missing`], this is not "nobody" where a login is optional.
    #[error("the scheme of the Authorization header is not Bearer")]
    Scheme,
    /// 401 `invalid_token`: credentials came and are not good.
    #[error("invalid token: {reason}")]
    Invalid {
        /// Why, for the client's developer: becomes `error_description`. Never a part of the token.
        reason: Cow<'static, str>,
    },
    /// 400: credentials came in more than one way (RFC 6750, section 2).
    #[error("ambiguous credentials: {0}")]
    Ambiguous(&'static str),
    /// 403: known, and not let in at all.
    #[error("denied: {reason}")]
    Denied {
        /// Why, for the user.
        reason: Cow<'static, str>,
    },
    /// 503: a backend failed, so nobody can tell. The cause belongs to the provider's own log.
    #[error("cannot tell who is calling")]
    Unavailable {
        /// When it is worth to try again.
        retry_after: Duration,
    },
}

impl AuthError {
    /// Credentials that are not good, and why.
    pub fn invalid(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid {
            reason: reason.into(),
        }
    }

    /// A caller who is not let in at all, and why.
    pub fn denied(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Denied {
            reason: reason.into(),
        }
    }

    /// A backend failed; try again in a second.
    #[must_use]
    pub const fn unavailable() -> Self {
        Self::Unavailable {
            retry_after: Duration::from_secs(1),
        }
    }

    /// A backend failed: the cause goes to the log with all that led to it, and nothing of it to the client.
    ///
    /// ```
    /// use portcullis::provider::AuthError;
    ///
    /// # struct User;
    /// # async fn query(_: &sqlx::SqlitePool, _: &str) -> Result<Option<User>, sqlx::Error> { Ok(None) }
    /// async fn find(pool: &sqlx::SqlitePool, name: &str) -> Result<User, AuthError> {
    ///     let found = query(pool, name).await.map_err(|error| AuthError::failed(&error))?;
    ///     found.ok_or_else(|| AuthError::invalid("there is no such user any more"))
    /// }
    /// ```
    #[must_use]
    pub fn failed(cause: &dyn Error) -> Self {
        tracing::error!(error = %Chain(cause), "nobody can tell who is calling");
        Self::unavailable()
    }

    /// The answer. `challenge` is that of the route, without an error.
    ///
    /// ```
    /// use portcullis::{problem::Challenge, provider::AuthError};
    ///
    /// let problem = AuthError::invalid("the token expired").to_problem(Challenge::new("articles"));
    /// assert_eq!(problem.status(), 401);
    /// ```
    pub fn to_problem(&self, challenge: Challenge) -> Problem {
        match self {
            Self::Missing | Self::Scheme => Problem::unauthorized(&challenge),
            Self::Invalid { reason } => Problem::unauthorized(&challenge.invalid_token(reason.clone())),
            Self::Ambiguous(how) => Problem::bad_request(format!("Ambiguous credentials: {how}.")),
            Self::Denied { reason } => Problem::new(StatusCode::FORBIDDEN).detail(reason.clone()),
            Self::Unavailable { retry_after } => Problem::unavailable(*retry_after),
        }
    }
}

/// For handlers that look at credentials themselves: the answer of a route that asks for no scopes.
impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        error.to_problem(Challenge::new(DEFAULT_REALM))
    }
}
