//! Who the users are, and which roles they can have.

use std::error::Error;

use portcullis::{
    Portcullis,
    core::{authority::TryLater, store::Purged},
    embedded::NewUser,
    schedule, secret,
};
use sqlx::SqlitePool;

portcullis::roles! {
    pub enum Role { Admin = "admin", Editor = "editor", Publisher = "publisher", Reader = "reader" }
    Admin > Editor > Reader;
    Admin > Publisher > Reader;
}

/// Users and sessions on the application's own pool, and an administrator who gives the others their roles.
pub async fn open(db: SqlitePool) -> Result<Portcullis, Box<dyn Error>> {
    let auth = Portcullis::builder()
        .sqlite_pool(db)
        .roles::<Role>()
        .default_role(Role::Reader)
        .build()
        .await?;
    let admin = NewUser::new("admin@example.com", secret("ADMIN_PASSWORD")?);
    auth.ensure_user(admin.role(Role::Admin)).await?;
    let nightly = auth.clone();
    schedule("0 0 3 * * *", move || purge(nightly.clone()))?.start();
    Ok(auth)
}

/// Sessions and revocations that are over. It is done once a day anyway; said here, it is done at three.
async fn purge(auth: Portcullis) -> Result<Purged, TryLater> {
    auth.authority().purge().await
}
