use super::{Authority, Caller, RegisterError, TokenPair, TryLater};
use crate::{
    audit::kind,
    id::{SessionId, UserId},
    password::{
        About, Password, PasswordRefusal, StoredHash,
        pool::{Busy, HashError, JobClass},
    },
    session::NewSession,
    store::{NewUser, UserActError},
    user::{DisplayName, Email, User, UserStatus},
};

/// Who wants to register.
pub struct Registration {
    /// Email.
    pub email: Email,
    /// Password.
    pub password: Password,
    /// Name.
    pub name: DisplayName,
}

impl Authority {
    /// Adds a user and logs them in.
    ///
    /// That an email is taken is said openly, unlike everywhere else: the person must learn it (decision 0002); the
    /// limit by address bounds what can be learnt so.
    pub async fn register(
        &self,
        caller: &Caller,
        registration: Registration,
    ) -> Result<(User, TokenPair), RegisterError> {
        if !self.config.registration {
            return Err(RegisterError::Closed);
        }
        let Registration {
            email,
            password,
            name,
        } = registration;
        self.limit(
            &self.rules.register,
            caller,
            Some(email.key().as_str().as_bytes()),
        )?;
        self.check_password(&password, &email, &name)
            .map_err(RegisterError::Password)?;
        // Asked first so that no hashing is spent on it; the unique key in the store decides.
        if self
            .store
            .credentials_by_email(&email.key())
            .await
            .map_err(TryLater::from)?
            .is_some()
        {
            return Err(RegisterError::EmailTaken);
        }
        let hash = self
            .hash(
                JobClass::General {
                    address: caller.address,
                },
                password,
            )
            .await?;

        let now = self.clock.now();
        let id = UserId::generate(now, &*self.rng);
        let context = self.context_as(caller, id);
        let user = NewUser {
            id,
            email,
            name,
            password: Some(hash),
            roles: self.config.default_roles.clone(),
            status: UserStatus::Active,
            session: Some(self.new_session(caller, None)),
            event: kind::USER_REGISTERED,
        };
        let opened = self.store.create_user(&context, user).await.map_err(|error| {
            match self.failed(&context, error) {
                UserActError::EmailTaken => RegisterError::EmailTaken,
                other => RegisterError::TryLater(TryLater::Unavailable(other.to_string())),
            }
        })?;
        let pair = self.opened(&opened)?;
        Ok((opened.standing.user, pair))
    }

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

    pub(super) fn new_session(
        &self,
        caller: &Caller,
        narrowed: Option<Vec<crate::access::Scope>>,
    ) -> NewSession {
        let now = self.clock.now();
        let id = SessionId::generate(now, &*self.rng);
        NewSession {
            id,
            sealed_salt: self.session_keys.seal_salt(id, &*self.rng),
            narrowed,
            address: caller.address,
            agent: caller.agent.clone(),
            created_at: now,
            idle_expires_at: now + self.config.sessions.idle,
            expires_at: now + self.config.sessions.absolute,
        }
    }

    /// The tokens of what was opened, once its changes are known.
    pub(super) fn opened(&self, opened: &crate::store::Opened) -> Result<TokenPair, TryLater> {
        self.settle_changes(&opened.changes);
        let session = opened
            .session
            .as_ref()
            .ok_or_else(|| TryLater::Unavailable("the store opened no session".to_owned()))?;
        self.grant(&opened.standing, session)
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
