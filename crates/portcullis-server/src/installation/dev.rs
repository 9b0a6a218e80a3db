//! The administrator of `--dev`, and what keeps it from being forgotten.

use std::net::SocketAddr;

use portcullis::embedded::NewUser;
use portcullis_core::{
    password::{
        Password,
        pool::{JobClass, Target},
    },
    user::{EmailKey, UserStatus},
};

use super::{Installation, InstallationError};

/// The administrator of `--dev`.
pub(crate) const DEV_EMAIL: &str = "admin@example.com";
/// Its password, which everyone knows.
pub(crate) const DEV_PASSWORD: &str = "admin-password";

impl Installation {
    /// Adds the administrator of `--dev`, where there is none.
    pub(crate) async fn seed(&self) -> Result<(), InstallationError> {
        let administrator = NewUser::new(DEV_EMAIL, DEV_PASSWORD)
            .name("Administrator")
            .role_named("admin");
        self.portcullis.ensure_user(administrator).await?;
        Ok(())
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
