use portcullis_core::{
    store::{StoreError, UserFilter},
    user::{EmailKey, User, UserStatus},
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
    let found = match &filter.prefix {
        Some(prefix) => Some(Found::of(connection, prefix).await?),
        None => None,
    };
    // All rows of one statement have one epoch.
    for _ in 0..16 {
        let rows = fetch_built!(connection, StandingRow, |query| write(
            query,
            filter,
            found.as_ref()
        ))?;
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

/// A prefix that more users than this have is common.
const COMMON: i64 = 2_000;

/// The keys that begin with a prefix. Email and name are folded in the same way.
struct Found {
    from: String,
    /// The first key behind; none when there is none.
    end: Option<String>,
    /// Whether so many have it that a walk through all users soon finds a page of them. Otherwise so few that all of them
    /// can be put in order. Neither is good for the other, and a planner without statistics does not know.
    common: bool,
}

impl Found {
    async fn of(connection: &mut Connection<'_>, prefix: &str) -> Result<Self, Failure<StoreError>> {
        let from = EmailKey::of(prefix).as_str().to_owned();
        let mut found = Self {
            end: after_prefix(&from),
            from,
            common: false,
        };
        for column in ["email_key", "name_key"] {
            let counted = fetch_built!(connection, (i64,), |query| found.count(query, column))?;
            found.common |= counted.first().is_some_and(|(number,)| *number > COMMON);
        }
        Ok(found)
    }

    fn count<'a, DB>(&self, query: &mut QueryBuilder<DB>, column: &'static str)
    where
        DB: sqlx::Database,
        String: Encode<'a, DB> + Type<DB>,
        i64: Encode<'a, DB> + Type<DB>,
    {
        query.push("SELECT COUNT(*) FROM (SELECT 1 FROM portcullis_users WHERE ");
        self.range(query, column);
        query.push(" LIMIT ").push(COMMON + 1).push(") counted");
    }

    fn range<'a, DB>(&self, query: &mut QueryBuilder<DB>, column: &'static str)
    where
        DB: sqlx::Database,
        String: Encode<'a, DB> + Type<DB>,
    {
        query
            .push("(")
            .push(column)
            .push(" >= ")
            .push_bind(self.from.clone());
        if let Some(end) = &self.end {
            query
                .push(" AND ")
                .push(column)
                .push(" < ")
                .push_bind(end.clone());
        }
        query.push(")");
    }

    /// The users, as table `u`.
    fn users<'a, DB>(&self, query: &mut QueryBuilder<DB>)
    where
        DB: sqlx::Database,
        String: Encode<'a, DB> + Type<DB>,
    {
        if self.common {
            query.push("portcullis_users u");
            return;
        }
        query.push("(SELECT id FROM portcullis_users WHERE ");
        self.range(query, "email_key");
        query.push(" UNION SELECT id FROM portcullis_users WHERE ");
        self.range(query, "name_key");
        query.push(") found JOIN portcullis_users u ON u.id = found.id");
    }

    /// What must hold of a user beside.
    fn condition<'a, DB>(&self, query: &mut QueryBuilder<DB>)
    where
        DB: sqlx::Database,
        String: Encode<'a, DB> + Type<DB>,
    {
        if self.common {
            // Of an expression there is no index.
            query.push(" AND (");
            self.range(query, "(u.email_key || '')");
            query.push(" OR ");
            self.range(query, "(u.name_key || '')");
            query.push(")");
        }
    }
}

fn write<'a, DB>(query: &mut QueryBuilder<DB>, filter: &UserFilter, found: Option<&Found>)
where
    DB: sqlx::Database,
    String: Encode<'a, DB> + Type<DB>,
    i64: Encode<'a, DB> + Type<DB>,
    Uuid: Encode<'a, DB> + Type<DB>,
{
    query.push(concat!("SELECT ", standing_columns!(), " FROM "));
    let few = found.is_some_and(|found| !found.common) || filter.status == Some(UserStatus::Disabled);
    let mut id = "u.id";
    match (found, &filter.role) {
        // By way of the index on (role, user_id), which has the right order: neither a rare nor a common role reads more
        // than a page.
        (None, Some(role)) if !few => {
            query
                .push("portcullis_user_roles h JOIN portcullis_users u ON u.id = h.user_id WHERE h.role = ")
                .push_bind(role.as_str().to_owned());
            id = "h.user_id";
        }
        (found, role) => {
            match found {
                Some(found) => found.users(query),
                None => {
                    query.push("portcullis_users u");
                }
            }
            query.push(" WHERE 1 = 1");
            if let Some(role) = role {
                query
                    .push(" AND EXISTS (SELECT 1 FROM portcullis_user_roles h WHERE h.user_id = u.id AND h.role = ")
                    .push_bind(role.as_str().to_owned())
                    .push(")");
            }
        }
    }
    if let Some(found) = found {
        found.condition(query);
    }
    // As words of the text: there is an index of those who are disabled alone.
    match filter.status {
        Some(UserStatus::Disabled) => {
            query.push(" AND u.status = 'disabled'");
        }
        Some(UserStatus::Active) => {
            query.push(" AND u.status = 'active'");
        }
        None => {}
    }
    if let Some(after) = filter.after {
        query.push(" AND ").push(id).push(" > ").push_bind(after.uuid());
    }
    // The limit as a word of the text: PostgreSQL takes a parameter for a tenth of all users, and then plans anew each time.
    query
        .push(" ORDER BY ")
        .push(id)
        .push(" LIMIT ")
        .push(filter.limit);
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
