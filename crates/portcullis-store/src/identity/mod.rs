//! Accounts at providers, tied to users.

mod end;
mod link;
mod unlink;

use portcullis_core::{
    clock::Timestamp,
    id::{IdentityId, SessionId, UserId},
    identity::Identity,
    store::{NewIdentity, SeenIdentity, StoreError},
    user::Email,
};
use uuid::Uuid;

pub(crate) use self::{end::EndProviderSessions, link::Link, unlink::Unlink};
use crate::{
    act::{Corrupt, Failure, Tx},
    dialect::storable,
    sql::{Connection, execute, fetch_all, fetch_optional},
};

#[derive(sqlx::FromRow)]
struct IdentityRow {
    id: Uuid,
    user_id: Uuid,
    provider: String,
    issuer: String,
    subject: String,
    email: Option<String>,
    vouched: Option<String>,
    linked_at: i64,
    used_at: i64,
}

impl IdentityRow {
    fn identity(self) -> Result<Identity, Corrupt> {
        let email = self.email.map(|email| email.parse()).transpose();
        Ok(Identity {
            id: IdentityId::from_uuid(self.id),
            user: UserId::from_uuid(self.user_id),
            provider: self.provider,
            issuer: self.issuer,
            subject: self.subject,
            email: email.map_err(|_| Corrupt::new("the email of a linked account"))?,
            vouched: self.vouched,
            linked_at: Timestamp::from_millis(self.linked_at),
            used_at: Timestamp::from_millis(self.used_at),
        })
    }
}

/// [`Store::identity`](portcullis_core::store::Store::identity)
pub(crate) async fn by_subject(
    connection: &mut Connection<'_>,
    issuer: &str,
    subject: &str,
) -> Result<Option<Identity>, Failure<StoreError>> {
    if !storable(issuer) || !storable(subject) {
        return Ok(None);
    }
    let row = fetch_optional!(
        connection,
        IdentityRow,
        "SELECT id, user_id, provider, issuer, subject, email, vouched, linked_at, used_at
         FROM portcullis_identities WHERE issuer = $1 AND subject = $2",
        issuer,
        subject
    )?;
    Ok(row.map(IdentityRow::identity).transpose()?)
}

/// [`Store::identities`](portcullis_core::store::Store::identities)
pub(crate) async fn of_user(
    connection: &mut Connection<'_>,
    user: UserId,
) -> Result<Vec<Identity>, Failure<StoreError>> {
    all(connection, user).await
}

async fn all<E>(connection: &mut Connection<'_>, user: UserId) -> Result<Vec<Identity>, Failure<E>> {
    let rows = fetch_all!(
        connection,
        IdentityRow,
        "SELECT id, user_id, provider, issuer, subject, email, vouched, linked_at, used_at
         FROM portcullis_identities WHERE user_id = $1 ORDER BY linked_at, id",
        user.uuid()
    )?;
    Ok(rows
        .into_iter()
        .map(IdentityRow::identity)
        .collect::<Result<_, _>>()?)
}

/// The key of the email, where the provider vouches for it.
fn vouched(email: Option<&Email>, vouches: bool) -> Option<String> {
    email
        .filter(|_| vouches)
        .map(|email| email.key().as_str().to_owned())
}

/// Ties an account to a user.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    user: UserId,
    new: &NewIdentity,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    execute!(
        tx.sql(),
        "INSERT INTO portcullis_identities
         (id, user_id, provider, issuer, subject, email, vouched, linked_at, used_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        new.id.uuid(),
        user.uuid(),
        new.provider.as_str(),
        new.issuer.as_str(),
        new.subject.as_str(),
        new.email.as_ref().map(Email::as_str),
        vouched(new.email.as_ref(), new.vouches),
        now.millis(),
    )?;
    Ok(())
}

/// Notes a sign-in by an account, if it is still this user's; gives the name of its provider.
pub(crate) async fn see(
    tx: &mut Tx<'_>,
    user: UserId,
    seen: &SeenIdentity,
    now: Timestamp,
) -> Result<Option<String>, sqlx::Error> {
    let found = fetch_optional!(
        tx.sql(),
        (String,),
        "UPDATE portcullis_identities SET email = $3, vouched = $4, used_at = $5
         WHERE id = $1 AND user_id = $2 RETURNING provider",
        seen.id.uuid(),
        user.uuid(),
        seen.email.as_ref().map(Email::as_str),
        vouched(seen.email.as_ref(), seen.vouches),
        now.millis(),
    )?;
    Ok(found.map(|(provider,)| provider))
}

/// Notes by which account a session began.
pub(crate) async fn begin(
    tx: &mut Tx<'_>,
    session: SessionId,
    seen: &SeenIdentity,
) -> Result<(), sqlx::Error> {
    execute!(
        tx.sql(),
        "INSERT INTO portcullis_session_origins (session_id, identity_id, provider_session) VALUES ($1, $2, $3)",
        session.uuid(),
        seen.id.uuid(),
        seen.provider_session.as_deref(),
    )?;
    Ok(())
}
