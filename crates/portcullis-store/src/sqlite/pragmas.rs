//! What a connection of an application must have set, so that what we promise of an act holds on it too.

use sqlx::SqliteConnection;

use crate::{OpenError, WrongPragma};

/// Another process, or the application, may hold the file for a moment.
const LEAST_BUSY_TIMEOUT: i64 = 1_000;

/// What is asked of a pragma that is a number.
struct Numbers {
    read: &'static str,
    pragma: &'static str,
    holds: fn(i64) -> bool,
    set: &'static str,
}

/// As <https://www.sqlite.org/pragma.html> has them.
const NUMBERS: [Numbers; 4] = [
    Numbers {
        read: "PRAGMA synchronous",
        pragma: "synchronous",
        // FULL, EXTRA.
        holds: |found| found >= 2,
        set: ".synchronous(SqliteSynchronous::Full)",
    },
    Numbers {
        read: "PRAGMA foreign_keys",
        pragma: "foreign_keys",
        holds: |found| found == 1,
        set: ".foreign_keys(true)",
    },
    Numbers {
        read: "PRAGMA busy_timeout",
        pragma: "busy_timeout",
        holds: |found| found >= LEAST_BUSY_TIMEOUT,
        set: ".busy_timeout(Duration::from_secs(5))",
    },
    Numbers {
        read: "PRAGMA query_only",
        pragma: "query_only",
        holds: |found| found == 0,
        set: ".pragma(\"query_only\", \"OFF\")",
    },
];

/// What is asked of a pragma that is a word: how to read it, its name, its value, what to set.
const WORDS: [(&str, &str, &str, &str); 2] = [
    (
        "PRAGMA journal_mode",
        "journal_mode",
        "wal",
        ".journal_mode(SqliteJournalMode::Wal)",
    ),
    (
        "PRAGMA locking_mode",
        "locking_mode",
        "normal",
        ".locking_mode(SqliteLockingMode::Normal)",
    ),
];

/// Refuses a connection that is set up in another way, and names all that is wrong at once.
pub(super) async fn check(connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let mut wrong = Vec::new();
    for (read, pragma, wanted, set) in WORDS {
        let found = word(connection, read).await?;
        if found != wanted {
            wrong.push(WrongPragma { pragma, found, set });
        }
    }
    for Numbers {
        read,
        pragma,
        holds,
        set,
    } in NUMBERS
    {
        let (found,): (i64,) = sqlx::query_as(read)
            .fetch_one(&mut *connection)
            .await
            .map_err(OpenError::Schema)?;
        if !holds(found) {
            let found = found.to_string();
            wrong.push(WrongPragma { pragma, found, set });
        }
    }
    if !wrong.is_empty() {
        return Err(OpenError::Pragmas { wrong });
    }
    let encoding = word(connection, "PRAGMA encoding").await?;
    if encoding != "UTF-8" {
        return Err(OpenError::SqliteEncoding { encoding });
    }
    Ok(())
}

async fn word(connection: &mut SqliteConnection, read: &'static str) -> Result<String, OpenError> {
    let (found,): (String,) = sqlx::query_as(read)
        .fetch_one(connection)
        .await
        .map_err(OpenError::Schema)?;
    Ok(found)
}
