use super::{Authority, Caller, RegisterError, TokenPair, TryLater, limits::Account};
use crate::{
    audit::kind,
    id::UserId,
    password::{Password, pool::JobClass},
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
    /// # Errors
    /// When there is no new user.
    pub async fn register(
        &self,
        caller: &Caller,
        registration: Registration,
    ) -> Result<(User, TokenPair), RegisterError> {
        let result = self.enlist(caller, registration).await;
        self.counts.registration(&result);
        result
    }

    /// That an email is taken is said openly, unlike everywhere else: the person must learn it (decision 0002); the
    /// limit by address bounds what can be learnt so.
    async fn enlist(
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
        self.limit(&self.rules.register, caller, Some(Account::Email(&email.key())))
            .await?;
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
            identity: None,
            event: kind::USER_REGISTERED,
        };
        let (standing, session) = self
            .act(&context, |store, context| async move {
                store.create_user(&context, user).await
            })
            .await
            .map_err(|error| match error {
                UserActError::EmailTaken => RegisterError::EmailTaken,
                other => RegisterError::TryLater(TryLater::Unavailable(other.to_string())),
            })?;
        let pair = self.grant_opened(&standing, session.as_ref(), context.now)?;
        Ok((standing.user, pair))
    }
}
