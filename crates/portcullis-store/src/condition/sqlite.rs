use std::path::PathBuf;

use sqlx::SqliteConnection;

use super::SqliteCondition;
use crate::dialect;

/// Complaints that are shown at most.
const COMPLAINTS: &str = "PRAGMA quick_check(5)";

pub(super) async fn look(connection: &mut SqliteConnection) -> Result<SqliteCondition, sqlx::Error> {
    let (file,): (String,) = sqlx::query_as("SELECT file FROM pragma_database_list WHERE name = 'main'")
        .fetch_one(&mut *connection)
        .await?;
    let (version,): (String,) = sqlx::query_as("SELECT sqlite_version()")
        .fetch_one(&mut *connection)
        .await?;
    let (journal_mode,): (String,) = sqlx::query_as("PRAGMA journal_mode")
        .fetch_one(&mut *connection)
        .await?;
    let (synchronous,): (i64,) = sqlx::query_as("PRAGMA synchronous")
        .fetch_one(&mut *connection)
        .await?;
    Ok(SqliteCondition {
        file: PathBuf::from(file),
        version,
        journal_mode,
        synchronous,
        damage: damage(connection).await?,
    })
}

/// Reads the whole file once: a few seconds for a gigabyte. The writer is not kept waiting.
async fn damage(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let said: Result<Vec<(String,)>, sqlx::Error> =
        sqlx::query_as(COMPLAINTS).fetch_all(&mut *connection).await;
    match said {
        Ok(rows) => Ok(rows
            .into_iter()
            .map(|(row,)| row)
            .filter(|row| row != "ok")
            .collect()),
        // So broken that it cannot even be looked through.
        Err(error) if dialect::is_corrupt(&error) => Ok(vec![error.to_string()]),
        Err(error) => Err(error),
    }
}
