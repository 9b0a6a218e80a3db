use portcullis_core::{
    store::{StoreError, UserFilter},
    user::{EmailKey, User},
};
use sqlx::{Encode, QueryBuilder, Type};
use uuid::Uuid;

use super::{
    StandingRow,
    standing::{standing_columns, too_fast},
};
use crate::{
    act::{Corrupt, Failure},
    dialect::{after_prefix, storable},
    role::Roles,
    sql::{Connection, fetch_all, fetch_built},
};

/// [`Store::users`](portcullis_core::store::Store::users)
pub(crate) async fn list(
    connection: &mut Connection<'_>,
    roles: Roles<'_>,
    filter: &UserFilter,
) -> Result<Vec<User>, Failure<StoreError>> {
    if filter.prefix.as_deref().is_some_and(|prefix| !storable(prefix)) {
        return Ok(Vec::new());
    }
    // All rows of one statement have one epoch.
    for _ in 0..16 {
        let rows = fetch_built!(connection, StandingRow, |query| write(query, filter))?;
        let Some(first) = rows.first() else {
            return Ok(Vec::new());
        };
        if let Some(graph) = roles.at(connection, first.roles_epoch).await? {
            return Ok(rows
                .into_iter()
                .map(|row| row.standing(&graph).map(|standing| standing.user))
                .collect::<Result<_, Corrupt>>()?);
        }
    }
    Err(too_fast())
}

fn write<'a, DB>(query: &mut QueryBuilder<DB>, filter: &UserFilter)
where
    DB: sqlx::Database,
    String: Encode<'a, DB> + Type<DB>,
    i64: Encode<'a, DB> + Type<DB>,
    Uuid: Encode<'a, DB> + Type<DB>,
{
    query.push(concat!("SELECT ", standing_columns!()));
    // By way of the index on (role, user_id), which has the right order: neither a rare nor a common role reads more
    // than a page.
    let id = if let Some(role) = &filter.role {
        query
            .push(" FROM portcullis_user_roles h JOIN portcullis_users u ON u.id = h.user_id WHERE h.role = ")
            .push_bind(role.as_str().to_owned());
        "h.user_id"
    } else {
        query.push(" FROM portcullis_users u WHERE 1 = 1");
        "u.id"
    };
    if let Some(prefix) = &filter.prefix {
        // Email and name are folded in the same way.
        let key = EmailKey::of(prefix);
        query.push(" AND (");
        for (or, column) in [("", "u.email_key"), (" OR ", "u.name_key")] {
            query.push(or).push("(").push(column).push(" >= ");
            query.push_bind(key.as_str().to_owned());
            if let Some(end) = after_prefix(key.as_str()) {
                query.push(" AND ").push(column).push(" < ").push_bind(end);
            }
            query.push(")");
        }
        query.push(")");
    }
    if let Some(status) = filter.status {
        query
            .push(" AND u.status = ")
            .push_bind(status.as_str().to_owned());
    }
    if let Some(after) = filter.after {
        query.push(" AND ").push(id).push(" > ").push_bind(after.uuid());
    }
    query
        .push(" ORDER BY ")
        .push(id)
        .push(" LIMIT ")
        .push_bind(i64::from(filter.limit));
}

/// [`Store::hash_kinds`](portcullis_core::store::Store::hash_kinds)
pub(crate) async fn hash_kinds(
    connection: &mut Connection<'_>,
) -> Result<Vec<(String, u64)>, Failure<StoreError>> {
    let rows = fetch_all!(
        connection,
        (String, i64),
        "SELECT password_kind, COUNT(*) FROM portcullis_users
         WHERE password_kind IS NOT NULL GROUP BY password_kind ORDER BY password_kind"
    )?;
    Ok(rows
        .into_iter()
        .map(|(kind, count)| (kind, u64::try_from(count).unwrap_or(0)))
        .collect())
}
