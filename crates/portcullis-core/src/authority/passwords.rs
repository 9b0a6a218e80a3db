use super::{Authority, TryLater};
use crate::{
    password::{
        About, Password, PasswordRefusal, StoredHash,
        pool::{Busy, HashError, JobClass},
    },
    user::{DisplayName, Email},
};

impl Authority {
    /// Whether the rules allow the password to be set.
    pub(super) fn check_password(
        &self,
        password: &Password,
        email: &Email,
        name: &DisplayName,
    ) -> Result<(), PasswordRefusal> {
        for warning in self.config.password.check(password, About { email, name })? {
            tracing::warn!(%warning, "password.weak");
        }
        Ok(())
    }

    /// Hashes on the pool.
    pub(super) async fn hash(&self, class: JobClass, password: Password) -> Result<StoredHash, TryLater> {
        let permit = self.pool.admit(class).map_err(TryLater::from)?;
        permit.hash(password).await.map_err(TryLater::from)
    }
}

impl From<Busy> for TryLater {
    fn from(busy: Busy) -> Self {
        Self::Busy {
            retry_after: busy.retry_after,
        }
    }
}

impl From<HashError> for TryLater {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy(busy) => busy.into(),
            HashError::Failed | HashError::Stopped => Self::Unavailable(error.to_string()),
        }
    }
}
