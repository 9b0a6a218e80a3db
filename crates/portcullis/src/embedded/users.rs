use portcullis_core::{
    access::{AccessNameError, RoleName},
    authority::{AdminNewUser, AdminUserError, Authority, Caller},
    password::Password,
    store::UserActError,
    user::{DisplayName, Email, EmailError, NameError, User, UserStatus},
};

use crate::{
    access::DeclaredRoles,
    hash::AsPassword,
    problem::{FieldError, Problem},
};

/// A user whom the application itself adds: see [`Portcullis::create_user`](super::Portcullis::create_user).
///
/// ```
/// use portcullis::embedded::NewUser;
///
/// portcullis::roles! { pub enum Role { Admin = "admin" } }
///
/// let root = NewUser::new("root@example.com", "correct horse battery").name("Root").role(Role::Admin);
/// let machine = NewUser::without_password("backup@example.com").role_named("backup");
/// # drop(machine);
/// # drop(root);
/// ```
#[must_use = "give it to `Portcullis::create_user`"]
pub struct NewUser {
    email: String,
    password: Option<Password>,
    name: Option<String>,
    roles: Option<Vec<String>>,
}

/// Why a user was not added.
///
/// ```
/// use portcullis::{Portcullis, embedded::{NewUser, NewUserError}};
///
/// async fn add(auth: &Portcullis, email: &str) -> Result<(), NewUserError> {
///     auth.create_user(NewUser::new(email, "correct horse battery")).await?;
///     Ok(())
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewUserError {
    /// The email is none.
    #[error("`email`: {0}")]
    Email(#[from] EmailError),
    /// The name is none.
    #[error("`name`: {0}")]
    Name(#[from] NameError),
    /// A role's name is none.
    #[error("`role`: {0}")]
    Role(#[from] AccessNameError),
    /// The password breaks a rule, the email is taken, there is no such role, or the database failed.
    #[error(transparent)]
    User(#[from] AdminUserError),
}

impl From<NewUserError> for Problem {
    fn from(error: NewUserError) -> Self {
        let (field, text) = match error {
            NewUserError::Email(error) => ("email", error.to_string()),
            NewUserError::Name(error) => ("name", error.to_string()),
            NewUserError::Role(error) => ("roles", error.to_string()),
            NewUserError::User(error) => return error.into(),
        };
        Self::invalid([FieldError::body(field, "value", text)])
    }
}

impl NewUser {
    /// Someone with an email and a password. The name is the part of the email before the `@` unless told, the roles
    /// are those of whoever registers.
    #[expect(clippy::needless_pass_by_value, reason = "as it came from `secret(..)`")]
    pub fn new(email: impl Into<String>, password: impl AsPassword) -> Self {
        Self {
            password: Some(password.as_password()),
            ..Self::without_password(email)
        }
    }

    /// Someone who cannot log in with a password.
    pub fn without_password(email: impl Into<String>) -> Self {
        Self {
            email: email.into(),
            password: None,
            name: None,
            roles: None,
        }
    }

    /// The name shown to others.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// One role more, in the place of those of whoever registers.
    pub fn role(self, role: impl DeclaredRoles) -> Self {
        self.role_named(role.name())
    }

    /// One role more by its name.
    pub fn role_named(mut self, role: impl Into<String>) -> Self {
        self.roles.get_or_insert_default().push(role.into());
        self
    }

    fn parsed(self) -> Result<AdminNewUser, NewUserError> {
        let email: Email = self.email.parse()?;
        let name: DisplayName = match self.name {
            Some(name) => name.parse()?,
            None => email.local_part().parse()?,
        };
        let roles: Option<Result<Vec<RoleName>, _>> = self
            .roles
            .map(|roles| roles.iter().map(|role| role.parse()).collect());
        Ok(AdminNewUser {
            email,
            name,
            password: self.password,
            roles: roles.transpose()?,
            status: UserStatus::Active,
        })
    }
}

pub(super) async fn create(authority: &Authority, new: NewUser) -> Result<User, NewUserError> {
    Ok(authority.add_user(&Caller::system(), new.parsed()?).await?)
}

pub(super) async fn ensure(authority: &Authority, new: NewUser) -> Result<User, NewUserError> {
    let new = new.parsed()?;
    let key = new.email.key();
    // Looked up first, so that a start does not hash for nothing.
    if let Some(user) = authority
        .user_by_email(&key)
        .await
        .map_err(AdminUserError::from)?
    {
        return Ok(user);
    }
    match authority.add_user(&Caller::system(), new).await {
        Err(AdminUserError::Act(UserActError::EmailTaken)) => {
            let found = authority
                .user_by_email(&key)
                .await
                .map_err(AdminUserError::from)?;
            // Added meanwhile by another node, and deleted again.
            found.ok_or(NewUserError::User(AdminUserError::Act(UserActError::NotFound)))
        }
        added => Ok(added?),
    }
}
