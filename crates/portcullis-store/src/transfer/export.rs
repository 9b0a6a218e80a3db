use std::io;

use portcullis_core::{clock::Timestamp, id::UserId, password::StoredHash, roster::RosterUser};
use uuid::Uuid;

use super::{
    Progress, TransferError, Watch,
    source::{PAGE, Source, Writers},
    table::Table,
};
use crate::{DatabaseOptions, act::Corrupt, role::parse_all, sql::fetch_all};

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    email: String,
    name: String,
    password: Option<String>,
    status: String,
    created_at: i64,
    roles: Option<String>,
}

impl Row {
    fn user(self) -> Result<RosterUser, Corrupt> {
        let unreadable = |what: &str| Corrupt(format!("{what} of the user {} cannot be read", self.id));
        Ok(RosterUser {
            id: Some(UserId::from_uuid(self.id)),
            email: self.email.parse().map_err(|_| unreadable("the email"))?,
            name: self.name.parse().map_err(|_| unreadable("the name"))?,
            roles: Some(
                parse_all(self.roles.as_deref().unwrap_or_default()).ok_or_else(|| unreadable("a role"))?,
            ),
            status: self.status.parse().map_err(|_| unreadable("the status"))?,
            created_at: Some(Timestamp::from_millis(self.created_at)),
            password: self.password.map(StoredHash::from_stored),
        })
    }
}

/// Gives all users as they are at one moment, in the order of their identifiers; gives how many.
///
/// # Errors
/// When the database does not answer, or a user cannot be written.
pub async fn export(
    from: &DatabaseOptions,
    take: &mut (dyn FnMut(&RosterUser) -> io::Result<()> + Send),
    watch: Watch<'_>,
) -> Result<u64, TransferError> {
    let mut source = Source::open(from, Writers::GoOn).await?;
    if let Some(users) = Table::named("portcullis_users") {
        watch(Progress::Total(source.count(users).await?));
    }
    let (mut after, mut number) = (Uuid::nil(), 0);
    loop {
        let rows = fetch_all!(
            &mut source.sql(),
            Row,
            "SELECT u.id, u.email, u.name, u.password, u.status, u.created_at,
                    (SELECT string_agg(r.role, ' ') FROM portcullis_user_roles r WHERE r.user_id = u.id) AS roles
             FROM portcullis_users u WHERE u.id > $1 ORDER BY u.id LIMIT $2",
            after,
            PAGE
        )
        .map_err(TransferError::source)?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        let read = rows.len() as u64;
        for row in rows {
            take(&row.user()?).map_err(TransferError::Output)?;
        }
        number += read;
        watch(Progress::Rows(read));
    }
    source.close().await;
    Ok(number)
}
