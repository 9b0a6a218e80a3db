//! The administrator of `--dev`, and what keeps it from being forgotten.

use std::net::SocketAddr;

use portcullis_core::{
    authority::{AdminNewUser, AdminUserError, Caller},
    password::{
        Password,
        pool::{JobClass, Target},
    },
    store::UserActError,
    user::{EmailKey, UserStatus},
};

use super::{Installation, InstallationError, constant};

/// The administrator of `--dev`.
pub(crate) const DEV_EMAIL: &str = "admin@example.com";
/// Its password, which everyone knows.
pub(crate) const DEV_PASSWORD: &str = "admin-password";

impl Installation {
    /// Adds the administrator of `--dev`, where there is none.
    pub(crate) async fn seed(&self) -> Result<(), InstallationError> {
        let new = AdminNewUser {
            email: constant(DEV_EMAIL),
            name: constant("Administrator"),
            password: Some(Password::new(DEV_PASSWORD)),
            roles: Some(vec![constant("admin")]),
            status: UserStatus::Active,
        };
        match self.authority.add_user(&Caller::system(), new).await {
            Ok(_) | Err(AdminUserError::Act(UserActError::EmailTaken)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Refuses to go public with the password of `--dev` on a folder that was once used so.
    pub(crate) async fn refuse_dev_password(&self, address: SocketAddr) -> Result<(), InstallationError> {
        let email = EmailKey::of(DEV_EMAIL);
        let Some(found) = self.authority.store().credentials_by_email(&email).await? else {
            return Ok(());
        };
        let (Some(hash), UserStatus::Active) = (found.password, found.status) else {
            return Ok(());
        };
        let place = self.authority.pool().admit(JobClass::Reserved)?;
        if place
            .verify(Password::new(DEV_PASSWORD), Target::Stored(hash))
            .await?
            .matches
        {
            return Err(InstallationError::DevPassword(address));
        }
        Ok(())
    }
}
