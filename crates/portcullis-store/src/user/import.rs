use std::collections::{BTreeSet, HashSet};

use async_trait::async_trait;
use portcullis_core::{
    access::RoleName,
    archive::Cell,
    audit::{ActContext, kind},
    password::StoredHash,
    roster::ImportUser,
    store::StoreError,
};
use serde_json::json;
use sqlx::{Encode, QueryBuilder, Type};
use uuid::Uuid;

use super::FIRST_EPOCH;
use crate::{
    Database,
    act::{Act, Corrupt, Failure, Tx},
    sql::{Connection, fetch_built},
    transfer::{rows, table::Table},
};

/// What became of a user that was to be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// Is there now.
    Added,
    /// Someone has the email already, perhaps from an import before.
    EmailTaken,
    /// Someone with another email has the identifier.
    IdTaken,
    /// Has this role, which the database has not.
    UnknownRole(RoleName),
}

/// Why nothing of a batch was imported.
#[derive(Debug, thiserror::Error)]
enum ImportError {
    /// It was a rehearsal: what would have become of each.
    #[error("nothing was to happen")]
    Rehearsed(Vec<Imported>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Database {
    /// Adds users with their hashes, roles and an audit event each, all in one transaction; running servers need not be told,
    /// since nothing that they know becomes untrue. Who is there already stays as they are. A `rehearsal` does the same and
    /// takes it back.
    ///
    /// # Errors
    /// When nothing was added.
    pub async fn import_users(
        &self,
        context: &ActContext,
        users: Vec<ImportUser>,
        rehearsal: bool,
    ) -> Result<Vec<Imported>, StoreError> {
        let context = context.clone();
        let act = ImportUsers {
            context,
            users,
            rehearsal,
        };
        match self.act(act).await {
            Ok(done) => Ok(done.value),
            Err(ImportError::Rehearsed(outcomes)) => Ok(outcomes),
            Err(ImportError::Store(error)) => Err(error),
        }
    }
}

struct ImportUsers {
    context: ActContext,
    users: Vec<ImportUser>,
    rehearsal: bool,
}

#[async_trait]
impl Act for ImportUsers {
    type Output = Vec<Imported>;
    type Error = ImportError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Imported>, Failure<ImportError>> {
        let graph = tx.roles().await?;
        let unknown: Vec<Option<&RoleName>> =
            self.users.iter().map(|user| graph.unknown(&user.roles)).collect();
        let fit = self
            .users
            .iter()
            .zip(&unknown)
            .filter(|(_, unknown)| unknown.is_none());
        let rows: Vec<Vec<Cell>> = fit.map(|(user, _)| user_row(user)).collect();
        let added = add(tx.sql(), &rows).await?;
        // A second record with the same identifier in one batch adds nothing.
        let mut left = added.clone();
        let mut outcomes = Vec::with_capacity(self.users.len());
        let mut missed = Vec::new();
        for (user, unknown) in self.users.iter().zip(&unknown) {
            outcomes.push(if let Some(role) = unknown {
                Imported::UnknownRole((*role).clone())
            } else if left.remove(&user.id.uuid()) {
                Imported::Added
            } else {
                missed.push(user.email.key().as_str().to_owned());
                Imported::IdTaken
            });
        }
        let taken = taken(tx.sql(), &missed).await?;
        for (outcome, user) in outcomes.iter_mut().zip(&self.users) {
            if *outcome == Imported::IdTaken && taken.contains(user.email.key().as_str()) {
                *outcome = Imported::EmailTaken;
            }
        }
        self.complete(tx, &outcomes).await?;
        if self.rehearsal {
            return Err(Failure::Refused(ImportError::Rehearsed(outcomes)));
        }
        Ok(outcomes)
    }
}

impl ImportUsers {
    /// Roles and audit events of those who were added.
    async fn complete(&self, tx: &mut Tx<'_>, outcomes: &[Imported]) -> Result<(), Failure<ImportError>> {
        let added = || {
            let users = self.users.iter().zip(outcomes);
            users
                .filter(|(_, outcome)| **outcome == Imported::Added)
                .map(|(user, _)| user)
        };
        let roles: Vec<Vec<Cell>> = added()
            .flat_map(|user| user.roles.iter().map(|role| role_row(user.id.uuid(), role)))
            .collect();
        insert(tx.sql(), "portcullis_user_roles", &roles).await?;
        let events: Vec<Vec<Cell>> = added().map(|user| self.event_row(user)).collect();
        insert(tx.sql(), "portcullis_audit", &events).await
    }

    fn event_row(&self, user: &ImportUser) -> Vec<Cell> {
        let names: Vec<&str> = user.roles.iter().map(RoleName::as_str).collect();
        vec![
            bytes(user.audit.uuid()),
            Cell::Integer(self.context.now.millis()),
            text(kind::USER_IMPORTED),
            Cell::Text(self.context.actor.stored()),
            bytes(user.id.uuid()),
            Cell::Null,
            Cell::Null,
            Cell::Text(json!({ "roles": names }).to_string()),
        ]
    }
}

/// In the order of the columns in `transfer/table.rs`.
fn user_row(user: &ImportUser) -> Vec<Cell> {
    let password = user.password.as_ref();
    vec![
        bytes(user.id.uuid()),
        text(user.email.as_str()),
        text(user.email.key().as_str()),
        text(user.name.as_str()),
        Cell::Text(user.name.search_key()),
        password.map_or(Cell::Null, |hash| text(hash.expose())),
        password.map_or(Cell::Null, |hash| text(StoredHash::kind(hash))),
        text(user.status.as_str()),
        Cell::Integer(FIRST_EPOCH),
        Cell::Integer(FIRST_EPOCH),
        Cell::Integer(user.created_at.millis()),
        Cell::Integer(FIRST_EPOCH),
    ]
}

fn role_row(user: Uuid, role: &RoleName) -> Vec<Cell> {
    vec![bytes(user), text(role.as_str())]
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn bytes(id: Uuid) -> Cell {
    Cell::Bytes(id.as_bytes().to_vec())
}

fn named(name: &'static str) -> Result<&'static Table, Corrupt> {
    Table::named(name).ok_or_else(|| Corrupt::new(name))
}

/// An error of cells as one of an act.
fn unwrapped(failure: Failure<Corrupt>) -> Failure<ImportError> {
    match failure {
        Failure::Refused(corrupt) => corrupt.into(),
        Failure::Database(error) => Failure::Database(error),
        Failure::Corrupt(what) => Failure::Corrupt(what),
    }
}

async fn add(
    connection: &mut Connection<'_>,
    users: &[Vec<Cell>],
) -> Result<HashSet<Uuid>, Failure<ImportError>> {
    let table = named("portcullis_users")?;
    match connection {
        Connection::Sqlite(c) => rows::insert_new::<sqlx::Sqlite>(c, table, users).await,
        Connection::Postgres(c) => rows::insert_new::<sqlx::Postgres>(c, table, users).await,
    }
    .map_err(unwrapped)
}

async fn insert(
    connection: &mut Connection<'_>,
    table: &'static str,
    cells: &[Vec<Cell>],
) -> Result<(), Failure<ImportError>> {
    let table = named(table)?;
    let columns: Vec<_> = table.columns.iter().collect();
    match connection {
        Connection::Sqlite(c) => rows::insert::<sqlx::Sqlite>(c, table, &columns, cells).await,
        Connection::Postgres(c) => rows::insert::<sqlx::Postgres>(c, table, &columns, cells).await,
    }
    .map_err(unwrapped)
}

/// Which of the emails somebody has.
async fn taken(
    connection: &mut Connection<'_>,
    emails: &[String],
) -> Result<BTreeSet<String>, Failure<ImportError>> {
    let mut found = BTreeSet::new();
    for emails in emails.chunks(500) {
        let rows: Vec<(String,)> = fetch_built!(connection, (String,), |query| among(query, emails))?;
        found.extend(rows.into_iter().map(|(email,)| email));
    }
    Ok(found)
}

fn among<'a, DB>(query: &mut QueryBuilder<DB>, emails: &[String])
where
    DB: sqlx::Database,
    String: Encode<'a, DB> + Type<DB>,
{
    query.push("SELECT email_key FROM portcullis_users WHERE email_key IN (");
    for (at, email) in emails.iter().enumerate() {
        query
            .push(if at == 0 { "" } else { ", " })
            .push_bind(email.clone());
    }
    query.push(")");
}
