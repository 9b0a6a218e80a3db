use portcullis_core::{
    id::UserId,
    password::StoredHash,
    store::{Credentials, StoreError},
    user::EmailKey,
};
use uuid::Uuid;

use crate::{
    act::{Corrupt, Failure},
    dialect::storable,
    sql::{Connection, fetch_optional},
};

#[derive(sqlx::FromRow)]
struct CredentialsRow {
    id: Uuid,
    email: String,
    name: String,
    password: Option<String>,
    status: String,
    session_epoch: i64,
    password_epoch: i64,
}

impl CredentialsRow {
    fn credentials(self) -> Result<Credentials, Corrupt> {
        Ok(Credentials {
            user: UserId::from_uuid(self.id),
            email: self
                .email
                .parse()
                .map_err(|_| Corrupt::new("the email of a user"))?,
            name: self
                .name
                .parse()
                .map_err(|_| Corrupt::new("the name of a user"))?,
            password: self.password.map(StoredHash::from_stored),
            status: self
                .status
                .parse()
                .map_err(|_| Corrupt::new("the status of a user"))?,
            session_epoch: self.session_epoch,
            password_epoch: self.password_epoch,
        })
    }
}

/// [`Store::credentials_by_email`](portcullis_core::store::Store::credentials_by_email)
pub(crate) async fn credentials_by_email(
    connection: &mut Connection<'_>,
    email: &EmailKey,
) -> Result<Option<Credentials>, Failure<StoreError>> {
    if !storable(email.as_str()) {
        return Ok(None);
    }
    let row = fetch_optional!(
        connection,
        CredentialsRow,
        "SELECT id, email, name, password, status, session_epoch, password_epoch FROM portcullis_users
         WHERE email_key = $1",
        email.as_str()
    )?;
    Ok(row.map(CredentialsRow::credentials).transpose()?)
}

/// [`Store::credentials`](portcullis_core::store::Store::credentials)
pub(crate) async fn credentials_by_id(
    connection: &mut Connection<'_>,
    id: UserId,
) -> Result<Option<Credentials>, Failure<StoreError>> {
    let row = fetch_optional!(
        connection,
        CredentialsRow,
        "SELECT id, email, name, password, status, session_epoch, password_epoch FROM portcullis_users
         WHERE id = $1",
        id.uuid()
    )?;
    Ok(row.map(CredentialsRow::credentials).transpose()?)
}
