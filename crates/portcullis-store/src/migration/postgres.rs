use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokio::time::sleep;

use super::{Migration, pending, record};
use crate::{OpenError, dialect, pause::jittered, sql::Connection};

/// How often to look again after another node was faster.
const ROUNDS: usize = 100;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);
/// Whoever waits for a table makes all that come later wait behind it, reads too: no longer than this at a time.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '2s'";
/// After a wait in vain, for those that came later.
const BREATH: Duration = Duration::from_secs(3);
/// How often to wait for the tables: some eight minutes in all. Backups and copies hold them for minutes.
const WAITS: usize = 100;

/// Applies what is missing, each migration in a transaction of its own.
///
/// Nodes that start at once: the row of a migration is inserted first, so all but one wait at its primary key until that
/// one is through, and then look again. A node that dies leaves nothing behind.
pub(crate) async fn apply(connection: &mut PgConnection) -> Result<(), OpenError> {
    if pending(&mut Connection::Postgres(connection)).await?.is_empty() {
        return Ok(());
    }
    make_table(connection).await?;
    let (mut rounds, mut waits) = (0, 0);
    loop {
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
            Err(error) if dialect::is_lock_timeout(&error) => {
                waits += 1;
                if waits == 1 {
                    tracing::warn!(
                        number = migration.number,
                        name = migration.name,
                        "a migration waits for tables that another transaction holds (a backup, a copy, an open psql)"
                    );
                } else if waits == WAITS {
                    return Err(OpenError::TablesHeld {
                        number: migration.number,
                        name: migration.name,
                    });
                }
                sleep(jittered(BREATH)).await;
            }
            Err(error) if dialect::is_duplicate(&error) || dialect::worth_retrying(&error) => {
                rounds += 1;
                if rounds == ROUNDS {
                    return Err(OpenError::Schema(sqlx::Error::Protocol(
                        "other nodes kept migrating it".to_owned(),
                    )));
                }
                sleep(jittered(PAUSE)).await;
            }
            Err(source) => {
                return Err(OpenError::Migration {
                    number: migration.number,
                    name: migration.name,
                    source,
                });
            }
        }
    }
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
    // From here on others may wait for what this one waits for.
    sqlx::raw_sql(LOCK_TIMEOUT).execute(&mut *transaction).await?;
    sqlx::raw_sql(migration.postgres)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}
