use crate::{
    access::{GraphError, RoleName},
    revocation::ChangeKind,
};

/// The store could not do it. Never means "no": what cannot be told is not let through.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is too slow, or has no room. Nothing happened.
    #[error("the database did not answer: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection broke while committing. The act may have happened: deny what it would have denied.
    #[error("the outcome of a commit is unknown: {source}")]
    OutcomeUnknown {
        /// What the act would have voided.
        denied: Vec<ChangeKind>,
        /// What broke.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is stored makes no sense.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// [`StoreError::Unavailable`] because of `source`.
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }
}

/// Why an act on a user did not happen.
#[derive(Debug, thiserror::Error)]
pub enum UserActError {
    /// No such user.
    #[error("there is no such user")]
    NotFound,
    /// Another user has the email.
    #[error("the email is taken")]
    EmailTaken,
    /// No such role.
    #[error("there is no role `{0}`")]
    UnknownRole(RoleName),
    /// Nobody would be left who can administer.
    #[error("this is the last administrator: give another active user a role with scope `admin` first")]
    LastAdministrator,
    /// Sessions were revoked or the password changed between the check of the password and the act.
    #[error("the account changed meanwhile: log in again")]
    Behind,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why no session was opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenSessionError {
    /// Disabled, deleted, or raised above the epoch that was read before the password was checked.
    #[error("the account may no longer log in with what was checked")]
    Refused,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an account at a provider was not linked or unlinked.
#[derive(Debug, thiserror::Error)]
pub enum IdentityActError {
    /// No such user, or the user has no such account.
    #[error("there is no such linked account")]
    NotFound,
    /// The account is somebody else's, or the user has another one at the provider.
    #[error("the account is linked to a user already, or the user has another one at this provider")]
    Taken,
    /// The user has as many as one can have.
    #[error("no more accounts can be linked: unlink one first")]
    TooMany,
    /// Nobody could log in as this user any more.
    #[error("this is the last way in: set a password or link another account first")]
    LastWayIn,
    /// Sessions were revoked, or the email changed, between the decision and the act.
    #[error("the account changed meanwhile: log in again")]
    Behind,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an act on a role did not happen.
#[derive(Debug, thiserror::Error)]
pub enum RoleActError {
    /// No such role.
    #[error("there is no such role")]
    NotFound,
    /// The hierarchy forbids it.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Nobody would be left who can administer.
    #[error("no administrator would be left: give another active user a role with scope `admin` first")]
    LastAdministrator,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the keys were not replaced.
#[derive(Debug, thiserror::Error)]
pub enum KeyActError {
    /// Someone else replaced them first: read them again.
    #[error("the keys were changed by someone else meanwhile")]
    Moved,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
