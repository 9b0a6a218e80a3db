use std::time::Duration;

use portcullis_core::password::pool::{self, Busy, HashPoolError};

use crate::{problem::Problem, provider::AuthError};

/// Why nothing was hashed or checked. Says nothing of the password: as an answer it is a 503, never a 401.
///
/// ```
/// use portcullis::{hash, problem::Problem};
///
/// async fn register(password: &str) -> Result<String, Problem> {
///     Ok(hash::password(password).await?.expose().to_owned())
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// Too many at once: there is no place, or the job waited until its deadline.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// There was no memory for it, or it met a defect.
    #[error("a password could not be hashed: is there enough memory?")]
    Failed,
    /// The threads have ended.
    #[error("password hashing has stopped")]
    Stopped,
    /// There are no threads.
    #[error("password hashing did not start: {0}")]
    NotStarted(#[from] HashPoolError),
}

impl HashError {
    /// When to try again.
    ///
    /// ```
    /// use std::time::Duration;
    /// use portcullis::hash::HashError;
    ///
    /// fn is_soon(error: &HashError) -> bool { error.retry_after() <= Duration::from_secs(1) }
    /// ```
    #[must_use]
    pub const fn retry_after(&self) -> Duration {
        match self {
            Self::Busy(busy) => busy.retry_after,
            Self::Failed | Self::Stopped | Self::NotStarted(_) => Duration::from_secs(1),
        }
    }

    /// Whoever runs the server learns of what only they can mend.
    fn log(&self) {
        if !matches!(self, Self::Busy(_)) {
            tracing::error!(error = %self, "hash.failed");
        }
    }
}

impl From<pool::HashError> for HashError {
    fn from(error: pool::HashError) -> Self {
        match error {
            pool::HashError::Busy(busy) => Self::Busy(busy),
            pool::HashError::Failed => Self::Failed,
            pool::HashError::Stopped => Self::Stopped,
        }
    }
}

/// 503 with `Retry-After`.
impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        error.log();
        Self::unavailable(error.retry_after())
    }
}

/// For providers that check passwords: nobody can tell who is calling.
impl From<HashError> for AuthError {
    fn from(error: HashError) -> Self {
        error.log();
        Self::Unavailable {
            retry_after: error.retry_after(),
        }
    }
}
