//! All that differs between the engines, apart from the text of the migrations.

use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::sql::Connection;

/// Makes other acts on the user wait until this one is done. SQLite has one writer, who holds the whole database.
pub(crate) async fn lock_user(connection: &mut Connection<'_>, user: Uuid) -> Result<(), sqlx::Error> {
    match connection {
        Connection::Sqlite(_) => Ok(()),
        Connection::Postgres(c) => {
            sqlx::query("SELECT 1 FROM portcullis_users WHERE id = $1 FOR UPDATE")
                .bind(user)
                .execute(&mut **c)
                .await?;
            Ok(())
        }
    }
}

/// What the clock of the database says, in milliseconds since the epoch. SQLite has none of its own. For comparing clocks
/// and nothing else: instants that are stored come from the one `Clock`.
pub(crate) async fn clock(connection: &mut Connection<'_>) -> Result<Option<i64>, sqlx::Error> {
    match connection {
        Connection::Sqlite(_) => Ok(None),
        Connection::Postgres(c) => postgres_clock(c).await.map(Some),
    }
}

/// The same of PostgreSQL, which always has one.
pub(crate) async fn postgres_clock(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)")
        .fetch_one(connection)
        .await
}

/// Begins a transaction of PostgreSQL in which a statement, and a pause between two, may take so long and no longer. In one
/// round trip, and gone with the transaction: the connection belongs to an application.
pub(crate) fn begin_within(timeout: Duration) -> AssertSqlSafe<String> {
    let millis = timeout.as_millis();
    AssertSqlSafe(format!(
        "BEGIN; SET LOCAL statement_timeout = {millis}; SET LOCAL idle_in_transaction_session_timeout = {millis}"
    ))
}

/// Whether the act should be run again from the start: it met another one, and nothing of it remains.
///
/// A violated foreign key belongs here: a role or user that the act saw was deleted before it wrote; seeing anew tells.
pub(crate) fn worth_retrying(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    // Serialization failure, deadlock, foreign key (PostgreSQL, appendix A).
    matches!(error.code().as_deref(), Some("40001" | "40P01" | "23503"))
}

/// Whether the connection is gone or of no use: it broke, the server ends it or stops, or takes no writes any more because
/// another one does. Before a COMMIT was sent, nothing of the act remains.
pub(crate) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // Class 08: connection; shutdown, crash, no connections now; read-only transaction.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("08") || matches!(&*code, "57P01" | "57P02" | "57P03" | "25006")
        }),
        _ => false,
    }
}

/// Whether whoever does not answer may do so soon: nobody listens yet, or the server says that it is starting or full.
pub(crate) fn is_starting(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        sqlx::Error::Database(error) => matches!(error.code().as_deref(), Some("57P03" | "53300")),
        _ => false,
    }
}

/// Whether a failed COMMIT certainly left nothing behind: the server itself said so, and did not die saying it.
pub(crate) fn certainly_rolled_back(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    let code = error.code().unwrap_or_default();
    // Class 08: connection; 57: operator intervention, shutdown; 58, XX: system and internal errors; 40003: the server
    // does not know itself. A code of SQLite has no letters and fewer digits.
    code.len() == 5
        && code != "40003"
        && !["08", "57", "58", "XX", "F0", "53"]
            .iter()
            .any(|class| code.starts_with(class))
}

/// Whether the error is a unique index that has the value already.
pub(crate) fn is_duplicate(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.is_unique_violation())
}

/// Whether PostgreSQL says that a table, or the row type that comes with it, is there already. Two that make one table
/// at once meet in any of three ways, `IF NOT EXISTS` or not: at a unique index of the catalog, at the table, at its type.
pub(crate) fn is_made_already(error: &sqlx::Error) -> bool {
    is_duplicate(error)
        || matches!(error, sqlx::Error::Database(error)
            if matches!(error.code().as_deref(), Some("42P07" | "42710")))
}

/// Whether SQLite says that someone else holds the file (`SQLITE_BUSY` and its extended codes).
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error)
        if error.code().and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| code & 0xff == 5))
}

/// Whether SQLite says that the file is broken (`SQLITE_CORRUPT` and its extended codes).
pub(crate) fn is_corrupt(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error)
        if error.code().and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| code & 0xff == 11))
}

/// Whether PostgreSQL gave up waiting for a lock (`lock_timeout`).
pub(crate) fn is_lock_timeout(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("55P03"))
}

/// Whether the server does not know the statement: it speaks the protocol of PostgreSQL and is something else.
pub(crate) fn is_unknown_statement(error: &sqlx::Error) -> bool {
    // Not supported, syntax error (PostgreSQL, appendix A).
    matches!(error, sqlx::Error::Database(error)
        if matches!(error.code().as_deref(), Some("0A000" | "42601")))
}

/// Whether the server has no such function, or lets this user not call it: it speaks the protocol of PostgreSQL and is something
/// else.
pub(crate) fn has_no_function(error: &sqlx::Error) -> bool {
    // Undefined function, not supported, no privilege (PostgreSQL, appendix A).
    matches!(error, sqlx::Error::Database(error)
        if matches!(error.code().as_deref(), Some("42883" | "0A000" | "42501")))
}

/// Whether SQLite says that the file is something else (`SQLITE_NOTADB`).
pub(crate) fn is_not_a_database(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("26"))
}

/// The least text that is greater than every text that begins with `prefix`, in the order of bytes; `None` when there
/// is none.
pub(crate) fn after_prefix(prefix: &str) -> Option<String> {
    let mut rest = prefix.to_owned();
    while let Some(last) = rest.pop() {
        // The characters in order, without the gap of the surrogates.
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            rest.push(next);
            return Some(rest);
        }
    }
    None
}

/// Whether PostgreSQL can hold the text: it has no NUL. Nothing with one was ever stored, so nothing matches it.
pub(crate) fn storable(text: &str) -> bool {
    !text.contains('\0')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_end_of_a_prefix_skips_what_is_no_character() {
        assert_eq!(after_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(after_prefix("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(after_prefix("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{10ffff}"), None);
        assert_eq!(after_prefix(""), None);
    }

    proptest! {
        #[test]
        fn the_range_holds_exactly_what_begins_so(prefix in "\\PC{0,4}", text in "\\PC{0,6}") {
            let inside = text.as_str() >= prefix.as_str()
                && after_prefix(&prefix).is_none_or(|end| text < end);
            prop_assert_eq!(inside, text.starts_with(&prefix));
            let longer = format!("{prefix}{text}");
            prop_assert!(after_prefix(&prefix).is_none_or(|end| longer < end));
        }
    }
}
