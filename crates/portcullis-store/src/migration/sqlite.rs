use sqlx::SqliteConnection;

use super::{pending, record};
use crate::{OpenError, sql::Connection};

/// Applies what is missing. The file is locked meanwhile: of several processes that start at once, one does it.
pub(crate) async fn apply(connection: &mut SqliteConnection) -> Result<(), OpenError> {
    if pending(&mut Connection::Sqlite(connection)).await?.is_empty() {
        return Ok(());
    }
    let raw = sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *connection).await;
    raw.map_err(OpenError::Schema)?;
    let result = apply_locked(connection).await;
    let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = sqlx::raw_sql(end).execute(&mut *connection).await;
    result?;
    ended.map_err(OpenError::Schema)?;
    Ok(())
}

async fn apply_locked(connection: &mut SqliteConnection) -> Result<(), OpenError> {
    sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS portcullis_migrations (
             number INTEGER NOT NULL PRIMARY KEY,
             name TEXT NOT NULL,
             checksum TEXT NOT NULL
         ) STRICT",
    )
    .execute(&mut *connection)
    .await
    .map_err(OpenError::Schema)?;
    // Seen anew under the lock: another process may have been first.
    for migration in pending(&mut Connection::Sqlite(connection)).await? {
        tracing::info!(
            number = migration.number,
            name = migration.name,
            "migrating the database"
        );
        let failed = |source| OpenError::Migration {
            number: migration.number,
            name: migration.name,
            source,
        };
        sqlx::raw_sql(migration.sqlite)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        record(&mut Connection::Sqlite(connection), migration)
            .await
            .map_err(failed)?;
    }
    Ok(())
}
