use std::{error::Error, path::PathBuf, time::Duration};

use crate::{problem::Problem, provider::AuthError};

/// Why a [`UserStore`](super::UserStore) did not do it.
///
/// ```
/// use portcullis::{Problem, users::UserStoreError};
///
/// assert_eq!(Problem::from(UserStoreError::AlreadyExists).status(), 409);
/// assert_eq!(Problem::from(UserStoreError::NotFound).status(), 404);
/// assert_eq!(Problem::from(UserStoreError::unavailable("no room")).status(), 503);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserStoreError {
    /// There is one with the same key.
    #[error("there is a user of this name already")]
    AlreadyExists,
    /// There is none with this key.
    #[error("there is no such user")]
    NotFound,
    /// What is stored cannot be understood. It is left as it is.
    #[error(
        "{p}, line {line}: {reason}. Nothing was changed: mend this line, or restore the file from a backup", p = path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// In which line, from 1.
        line: usize,
        /// What is wrong there; repeats nothing of it.
        reason: &'static str,
    },
    /// What is stored cannot be read or written.
    #[error("users cannot be read or written: {0}")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl UserStoreError {
    /// [`UserStoreError::Unavailable`] because of `source`.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }

    fn log(&self) {
        tracing::error!(error = %self, "users.unavailable");
    }
}

/// 409, 404, or 503.
impl From<UserStoreError> for Problem {
    fn from(error: UserStoreError) -> Self {
        match error {
            UserStoreError::AlreadyExists => Self::conflict("There is a user of this name already."),
            UserStoreError::NotFound => Self::not_found().detail("There is no such user."),
            UserStoreError::Corrupt { .. } | UserStoreError::Unavailable(_) => {
                error.log();
                Self::unavailable(Duration::from_secs(1))
            }
        }
    }
}

/// Nobody can tell who is calling, whatever went wrong; but for a user who is gone: 401.
impl From<UserStoreError> for AuthError {
    fn from(error: UserStoreError) -> Self {
        if matches!(error, UserStoreError::NotFound) {
            return Self::invalid("the user is gone");
        }
        error.log();
        Self::unavailable()
    }
}
