use std::sync::Arc;

use portcullis_core::{
    access::{RoleGraph, RoleName},
    clock::Timestamp,
    id::UserId,
    user::{EmailKey, Standing, User},
};
use uuid::Uuid;

use crate::{
    act::{Corrupt, Failure, Tx},
    dialect::storable,
    role::{Roles, parse_all},
    sql::{Connection, fetch_optional},
};

/// How often to read again because the roles were edited in between.
const ROUNDS: usize = 16;

/// Columns of a user (table `u`), epochs and direct roles: all that a token must state, in one statement.
macro_rules! standing_columns {
    () => {
        "u.id, u.email, u.name, u.status, u.created_at, u.token_epoch, u.session_epoch, u.password_epoch,
         (SELECT c.n FROM portcullis_counters c WHERE c.name = 'roles_epoch') AS roles_epoch,
         (SELECT string_agg(r.role, ' ') FROM portcullis_user_roles r WHERE r.user_id = u.id) AS roles"
    };
}
pub(crate) use standing_columns;

/// One row of [`standing_columns`].
#[derive(sqlx::FromRow)]
pub(crate) struct StandingRow {
    id: Uuid,
    email: String,
    name: String,
    status: String,
    created_at: i64,
    token_epoch: i64,
    session_epoch: i64,
    password_epoch: i64,
    pub(crate) roles_epoch: i64,
    roles: Option<String>,
}

impl StandingRow {
    /// The user, by the roles of the same epoch.
    pub(crate) fn standing(self, graph: &Arc<RoleGraph>) -> Result<Standing, Corrupt> {
        let mut roles: Vec<RoleName> = parse_all(self.roles.as_deref().unwrap_or_default())
            .ok_or_else(|| Corrupt::new("the roles of a user"))?;
        roles.sort();
        Ok(Standing {
            closure: graph.closure(&roles),
            token_epoch: self.token_epoch,
            session_epoch: self.session_epoch,
            password_epoch: self.password_epoch,
            roles_epoch: self.roles_epoch,
            graph: Arc::clone(graph),
            user: User {
                id: UserId::from_uuid(self.id),
                email: self
                    .email
                    .parse()
                    .map_err(|_| Corrupt::new("the email of a user"))?,
                name: self
                    .name
                    .parse()
                    .map_err(|_| Corrupt::new("the name of a user"))?,
                scopes: graph.scopes(&roles),
                roles,
                status: self
                    .status
                    .parse()
                    .map_err(|_| Corrupt::new("the status of a user"))?,
                created_at: Timestamp::from_millis(self.created_at),
            },
        })
    }
}

/// The user was read as of one epoch of the roles, the roles as of another, again and again.
pub(crate) fn too_fast<E>() -> Failure<E> {
    Failure::Database(sqlx::Error::Protocol(
        "the roles are edited faster than they can be read".to_owned(),
    ))
}

/// [`Store::user`](portcullis_core::store::Store::user)
pub(crate) async fn by_id<E>(
    connection: &mut Connection<'_>,
    roles: Roles<'_>,
    id: UserId,
) -> Result<Option<Standing>, Failure<E>> {
    for _ in 0..ROUNDS {
        let row = fetch_optional!(
            connection,
            StandingRow,
            concat!(
                "SELECT ",
                standing_columns!(),
                " FROM portcullis_users u WHERE u.id = $1"
            ),
            id.uuid()
        )?;
        let Some(row) = row else { return Ok(None) };
        if let Some(graph) = roles.at(connection, row.roles_epoch).await? {
            return Ok(Some(row.standing(&graph)?));
        }
    }
    Err(too_fast())
}

/// [`Store::user_by_email`](portcullis_core::store::Store::user_by_email)
pub(crate) async fn by_email<E>(
    connection: &mut Connection<'_>,
    roles: Roles<'_>,
    email: &EmailKey,
) -> Result<Option<Standing>, Failure<E>> {
    if !storable(email.as_str()) {
        return Ok(None);
    }
    for _ in 0..ROUNDS {
        let row = fetch_optional!(
            connection,
            StandingRow,
            concat!(
                "SELECT ",
                standing_columns!(),
                " FROM portcullis_users u WHERE u.email_key = $1"
            ),
            email.as_str()
        )?;
        let Some(row) = row else { return Ok(None) };
        if let Some(graph) = roles.at(connection, row.roles_epoch).await? {
            return Ok(Some(row.standing(&graph)?));
        }
    }
    Err(too_fast())
}

impl Tx<'_> {
    /// A user, as this transaction sees it.
    pub(crate) async fn standing<E>(&mut self, id: UserId) -> Result<Option<Standing>, Failure<E>> {
        let roles = self.role_view();
        by_id(self.sql(), roles, id).await
    }

    /// The roles, as this transaction sees them.
    pub(crate) async fn roles<E>(&mut self) -> Result<Arc<RoleGraph>, Failure<E>> {
        let roles = self.role_view();
        roles.now(self.sql()).await
    }
}
