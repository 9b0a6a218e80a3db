//! The schema and how it came about: migrations numbered alike for both engines, never edited once they are out.

mod postgres;
mod sqlite;

use sha2::{Digest, Sha256};

pub(crate) use self::{postgres::apply as apply_postgres, sqlite::apply as apply_sqlite};
use crate::{
    OpenError,
    sql::{Connection, execute, fetch_all},
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
pub(crate) const MIGRATIONS: &[Migration] = migrations![1 "0001_initial", 2 "0002_password_epoch"];

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
    fn text(&self, connection: &Connection<'_>) -> &'static str {
        match connection {
            Connection::Sqlite(_) => self.sqlite,
            Connection::Postgres(_) => self.postgres,
        }
    }
}

/// The migrations that the database lacks.
///
/// # Errors
/// When it has some that are not known, or that have another text.
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
    compare(&applied, |migration| checksum(migration.text(connection)))
}

fn compare(
    applied: &[(i64, String, String)],
    checksum: impl Fn(&Migration) -> String,
) -> Result<&'static [Migration], OpenError> {
    let known = MIGRATIONS.last().map_or(0, |migration| migration.number);
    if let Some((found, name, _)) = applied.last().filter(|(number, ..)| *number > known) {
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
    Ok(&MIGRATIONS[applied.len()..])
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
        compare(applied, |migration| checksum(migration.sqlite)).map(<[Migration]>::len)
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
        assert!(matches!(
            judge(&[row(1, MIGRATIONS[0].sqlite), row(99, "later")]),
            Err(OpenError::Newer { found: 99, .. })
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
