use super::{AdminUserError, Authority, Caller, TryLater};
use crate::{
    access::RoleName,
    audit::kind,
    id::UserId,
    password::{Password, pool::JobClass},
    store::{NewUser, SetPassword, UserFilter, UserUpdate},
    user::{DisplayName, Email, EmailKey, User, UserStatus},
};

/// A user whom an administrator adds.
pub struct AdminNewUser {
    /// Email.
    pub email: Email,
    /// Name.
    pub name: DisplayName,
    /// Password; none means that the user cannot log in with one.
    pub password: Option<Password>,
    /// Roles; none means the ones of whoever registers.
    pub roles: Option<Vec<RoleName>>,
    /// Status.
    pub status: UserStatus,
}

/// What an administrator changes of a user.
#[derive(Default)]
pub struct AdminUserChange {
    /// New name.
    pub name: Option<DisplayName>,
    /// New roles.
    pub roles: Option<Vec<RoleName>>,
    /// New status.
    pub status: Option<UserStatus>,
}

impl Authority {
    /// Users that match, in the order of their creation.
    pub async fn users(&self, filter: &UserFilter) -> Result<Vec<User>, TryLater> {
        Ok(self.store.users(filter).await?)
    }

    /// A user by identifier.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, TryLater> {
        Ok(self.store.user(id).await?.map(|standing| standing.user))
    }

    /// A user by email.
    pub async fn user_by_email(&self, email: &EmailKey) -> Result<Option<User>, TryLater> {
        Ok(self
            .store
            .user_by_email(email)
            .await?
            .map(|standing| standing.user))
    }

    /// Adds a user.
    pub async fn add_user(&self, caller: &Caller, new: AdminNewUser) -> Result<User, AdminUserError> {
        let password = match new.password {
            Some(password) => {
                self.check_password(&password, &new.email, &new.name)
                    .map_err(AdminUserError::Password)?;
                Some(self.hash(JobClass::Reserved, password).await?)
            }
            None => None,
        };
        let context = self.context(caller);
        let user = NewUser {
            id: UserId::generate(context.now, &*self.rng),
            email: new.email,
            name: new.name,
            password,
            roles: new.roles.unwrap_or_else(|| self.config.default_roles.clone()),
            status: new.status,
            session: None,
            identity: None,
            event: kind::USER_CREATED,
        };
        let (created, _) = self
            .act(&context, |store, context| async move {
                store.create_user(&context, user).await
            })
            .await?;
        Ok(created.user)
    }

    /// Changes name, roles or status. New roles void the user's access tokens; disabling ends the sessions too.
    pub async fn change_user(
        &self,
        caller: &Caller,
        user: UserId,
        change: AdminUserChange,
    ) -> Result<User, AdminUserError> {
        let context = self.context(caller);
        let update = UserUpdate {
            name: change.name,
            roles: change.roles,
            status: change.status,
            ..UserUpdate::default()
        };
        let updated = self
            .act(&context, move |store, context| async move {
                store.update_user(&context, user, update).await
            })
            .await?;
        Ok(updated.user)
    }

    /// Sets a password without knowing the old one; ends all sessions.
    pub async fn set_password(
        &self,
        caller: &Caller,
        user: &User,
        password: Password,
    ) -> Result<(), AdminUserError> {
        self.check_password(&password, &user.email, &user.name)
            .map_err(AdminUserError::Password)?;
        let hash = self.hash(JobClass::Reserved, password).await?;
        let context = self.context(caller);
        let act = SetPassword {
            user: user.id,
            password: hash,
            session_epoch: None,
            keep: None,
            event: kind::PASSWORD_SET,
        };
        self.act(&context, |store, context| async move {
            store.set_password(&context, act).await
        })
        .await?;
        Ok(())
    }

    /// Deletes a user.
    pub async fn delete_user(&self, caller: &Caller, user: UserId) -> Result<User, AdminUserError> {
        let context = self.context(caller);
        let deleted = self
            .act(&context, move |store, context| async move {
                store.delete_user(&context, user, None).await
            })
            .await?;
        Ok(deleted.user)
    }
}
