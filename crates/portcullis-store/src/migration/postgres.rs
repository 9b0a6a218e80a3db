use sqlx::{Connection as _, PgConnection};

use super::{Migration, pending, record};
use crate::{OpenError, dialect, sql::Connection};

/// How often to look again after another node was faster.
const ROUNDS: usize = 100;

/// Applies what is missing, each migration in a transaction of its own.
///
/// Nodes that start at once: the row of a migration is inserted first, so all but one wait at its primary key until that
/// one is through, and then look again. A node that dies leaves nothing behind.
pub(crate) async fn apply(connection: &mut PgConnection) -> Result<(), OpenError> {
    if pending(&mut Connection::Postgres(connection)).await?.is_empty() {
        return Ok(());
    }
    make_table(connection).await?;
    for _ in 0..ROUNDS {
        let Some(migration) = pending(&mut Connection::Postgres(connection)).await?.first() else {
            return Ok(());
        };
        match step(connection, migration).await {
            Ok(()) => {
                tracing::info!(
                    number = migration.number,
                    name = migration.name,
                    "migrated the database"
                );
            }
            Err(error) if dialect::is_duplicate(&error) || dialect::worth_retrying(&error) => {}
            Err(source) => {
                return Err(OpenError::Migration {
                    number: migration.number,
                    name: migration.name,
                    source,
                });
            }
        }
    }
    Err(OpenError::Schema(sqlx::Error::Protocol(
        "other nodes kept migrating it".to_owned(),
    )))
}

/// `IF NOT EXISTS` does not keep two from making it at once: the one that loses finds it made.
async fn make_table(connection: &mut PgConnection) -> Result<(), OpenError> {
    let made = sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS portcullis_migrations (
             number BIGINT PRIMARY KEY,
             name TEXT NOT NULL,
             checksum TEXT NOT NULL
         )",
    )
    .execute(&mut *connection)
    .await;
    match made {
        Err(error) if !dialect::is_made_already(&error) => Err(OpenError::Schema(error)),
        _ => Ok(()),
    }
}

async fn step(connection: &mut PgConnection, migration: &Migration) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    // A migration takes the time that it takes, and so does waiting for one.
    sqlx::raw_sql("SET LOCAL statement_timeout = 0")
        .execute(&mut *transaction)
        .await?;
    record(&mut Connection::Postgres(&mut transaction), migration).await?;
    sqlx::raw_sql(migration.postgres)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}
