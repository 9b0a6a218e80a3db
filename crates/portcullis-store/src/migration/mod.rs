//! The schema and how it came about: migrations numbered alike for both engines, never edited once they are out.

mod postgres;
mod sqlite;

use sha2::{Digest, Sha256};

pub(crate) use self::{postgres::apply as apply_postgres, sqlite::apply as apply_sqlite};
use crate::{
    OpenError,
    sql::{Connection, execute, fetch_all, fetch_optional},
};

/// One step of the schema.
pub(crate) struct Migration {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migrations {
    ($($number:literal $name:literal),* $(,)?) => {
        &[$(Migration {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../migrations/postgres/", $name, ".sql")),
        }),*]
    };
}

/// All, in order.
pub(crate) const MIGRATIONS: &[Migration] =
    migrations![1 "0001_initial", 2 "0002_password_epoch", 3 "0003_disabled_users", 4 "0004_identities"];

/// Of the text for one engine, as 64 hexadecimal digits.
fn checksum(text: &str) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

impl Migration {
    /// Its text for the engine of `connection`.
    pub(crate) fn text(&self, connection: &Connection<'_>) -> &'static str {
        match connection {
            Connection::Sqlite(_) => self.sqlite,
            Connection::Postgres(_) => self.postgres,
        }
    }
}

/// Where a migration after which older versions no longer run leaves its number: `INSERT INTO portcullis_meta (name,
/// value) VALUES ('least_migration', '7')`. Any other one only adds, and the version before runs on with it.
const LEAST: &str = "least_migration";

/// The migrations that the database lacks.
///
/// # Errors
/// When it has some without which this version cannot run, or that have another text.
pub(crate) async fn pending(connection: &mut Connection<'_>) -> Result<&'static [Migration], OpenError> {
    let applied = match fetch_all!(
        connection,
        (i64, String, String),
        "SELECT number, name, checksum FROM portcullis_migrations ORDER BY number"
    ) {
        Ok(rows) => rows,
        Err(error) if is_missing_table(&error) => Vec::new(),
        Err(error) => return Err(OpenError::Schema(error)),
    };
    let least = match applied.last() {
        Some((newest, ..)) if *newest > known() => least(connection).await?,
        _ => 0,
    };
    compare(&applied, least, |migration| checksum(migration.text(connection)))
}

/// Whether the schema has migrations that this version does not know: columns of them would be passed over.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn is_ahead(connection: &mut Connection<'_>) -> Result<bool, sqlx::Error> {
    let newer = fetch_optional!(
        connection,
        (i64,),
        "SELECT number FROM portcullis_migrations WHERE number > $1",
        known()
    )?;
    Ok(newer.is_some())
}

/// The newest migration that is known.
fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.number)
}

/// Number of the newest migration without which no version can run.
async fn least(connection: &mut Connection<'_>) -> Result<i64, OpenError> {
    let found = fetch_optional!(
        connection,
        (String,),
        "SELECT value FROM portcullis_meta WHERE name = $1",
        LEAST
    )
    .map_err(OpenError::Schema)?;
    // What cannot be read is of a time that this version knows nothing of.
    Ok(found.map_or(0, |(number,)| number.parse().unwrap_or(i64::MAX)))
}

fn compare(
    applied: &[(i64, String, String)],
    least: i64,
    checksum: impl Fn(&Migration) -> String,
) -> Result<&'static [Migration], OpenError> {
    let known = known();
    if least > known
        && let Some((found, name, _)) = applied.last()
    {
        return Err(OpenError::Newer {
            found: *found,
            name: name.clone(),
            known,
        });
    }
    for ((number, name, found), migration) in applied.iter().zip(MIGRATIONS) {
        if *number != migration.number || *found != checksum(migration) {
            return Err(OpenError::Checksum {
                number: *number,
                name: name.clone(),
            });
        }
    }
    Ok(MIGRATIONS.get(applied.len()..).unwrap_or_default())
}

/// Notes a migration as applied, in its own transaction.
async fn record(connection: &mut Connection<'_>, migration: &Migration) -> Result<(), sqlx::Error> {
    let checksum = checksum(migration.text(connection));
    execute!(
        connection,
        "INSERT INTO portcullis_migrations (number, name, checksum) VALUES ($1, $2, $3)",
        migration.number,
        migration.name,
        checksum
    )?;
    Ok(())
}

pub(crate) fn is_missing_table(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    // SQLite has no code of its own for it.
    error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: i64, text: &str) -> (i64, String, String) {
        (number, format!("{number:04}"), checksum(text))
    }

    fn judge(applied: &[(i64, String, String)]) -> Result<usize, OpenError> {
        judge_with(applied, 0)
    }

    fn judge_with(applied: &[(i64, String, String)], least: i64) -> Result<usize, OpenError> {
        compare(applied, least, |migration| checksum(migration.sqlite)).map(<[Migration]>::len)
    }

    #[test]
    fn numbers_go_up_by_one() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.number, i64::try_from(index).unwrap() + 1);
            assert!(migration.name.starts_with(&format!("{:04}_", migration.number)));
        }
    }

    #[test]
    fn another_text_and_another_future_are_refused() {
        assert_eq!(judge(&[]).unwrap(), MIGRATIONS.len());
        assert_eq!(
            judge(&[row(1, MIGRATIONS[0].sqlite)]).unwrap(),
            MIGRATIONS.len() - 1
        );
        assert!(matches!(
            judge(&[row(1, "edited")]),
            Err(OpenError::Checksum { number: 1, .. })
        ));
    }

    #[test]
    fn a_schema_that_only_has_more_is_taken_until_it_says_otherwise() {
        let mut applied: Vec<_> = MIGRATIONS
            .iter()
            .map(|migration| row(migration.number, migration.sqlite))
            .collect();
        applied.push(row(known() + 1, "later"));
        assert_eq!(judge(&applied).unwrap(), 0);
        assert_eq!(judge_with(&applied, known()).unwrap(), 0);
        assert!(matches!(
            judge_with(&applied, known() + 1),
            Err(OpenError::Newer { found, .. }) if found == known() + 1
        ));
    }

    #[test]
    fn a_checksum_is_that_of_the_text() {
        assert_eq!(
            checksum(""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
