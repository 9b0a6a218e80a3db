use std::path::PathBuf;

/// Why a database could not be opened. Each text says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Neither SQLite nor PostgreSQL.
    #[error(
        "the database URL begins with neither `sqlite:` nor `postgres://`: write `sqlite:///path/file.db` or \
         `postgres://user:password@host:5432/database`"
    )]
    Scheme,
    /// No file in the URL, or more than a file.
    #[error(
        "the database URL does not name a SQLite file: write `sqlite:///path/file.db` (a database in memory or with \
         parameters behind `?` is not supported)"
    )]
    SqliteUrl,
    /// Not readable as a URL.
    #[error(
        "the database URL is not readable: write `postgres://user:password@host:5432/database`, with special \
         characters of the password percent-encoded (`@` as `%40`)"
    )]
    PostgresUrl,
    /// A certificate to check by, and a mode that checks none.
    #[error(
        "the database URL gives `sslrootcert`, which checks nothing with this `sslmode`: write `sslmode=verify-full`"
    )]
    UncheckedCertificate,
    /// The file cannot be made or opened.
    #[error(
        "cannot open {p}: {source}. Its folder must exist, and the user that runs Portcullis must be able to write \
         there", p = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system or SQLite says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file is something else.
    #[error("{p} is not a SQLite database: name another file, or restore this one from a backup", p = path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is broken.
    #[error(
        "{p} is damaged ({source}): stop what uses it, keep a copy of it, and restore the newest backup into a new file; \
         then look at the disk", p = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: sqlx::Error,
    },
    /// Someone holds the file for too long.
    #[error(
        "{p} stays locked by another process: stop what holds it (`fuser {p}` tells), or raise the timeout", p = path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file system has no shared memory for the write-ahead log.
    #[error(
        "SQLite cannot use a write-ahead log for {p} (it says `{mode}`): put the file on a local disk, not on a \
         network file system", p = path.display())]
    NoWal {
        /// The file.
        path: PathBuf,
        /// The journal mode that it has instead.
        mode: String,
    },
    /// The connections of the application's SQLite pool are not set up as they must be.
    #[error(
        "the application's SQLite pool would not keep what Portcullis stores safe: {}. Set {} on its SqliteConnectOptions",
        listed(.wrong, |wrong| format!("`{}` is {}", wrong.pragma, wrong.found)),
        listed(.wrong, |wrong| format!("`{}`", wrong.set))
    )]
    Pragmas {
        /// What is wrong; never empty.
        wrong: Vec<WrongPragma>,
    },
    /// The text of the application's SQLite database is not UTF-8.
    #[error(
        "the application's SQLite database stores text as {encoding}, in whose order nothing can be looked up: give \
         Portcullis a database of its own, or make this one anew with `PRAGMA encoding = 'UTF-8'`"
    )]
    SqliteEncoding {
        /// The encoding that it has.
        encoding: String,
    },
    /// No connection to PostgreSQL.
    #[error(
        "cannot connect to PostgreSQL at {place}: {source}. Check that it runs, and the URL with user and password"
    )]
    Unreachable {
        /// Host, port, database.
        place: String,
        /// What went wrong.
        #[source]
        source: sqlx::Error,
    },
    /// The one PostgreSQL takes no writes.
    #[error(
        "the PostgreSQL at {place} takes no writes: it is a standby, or set to read-only. Name the primary, or all hosts: \
         `postgres://user:password@db1,db2/database?target_session_attrs=read-write`"
    )]
    Standby {
        /// Host, port, database.
        place: String,
    },
    /// None of many takes writes.
    #[error(
        "no host in the database URL takes writes: {hosts}. Promote one, or name the host that was promoted"
    )]
    NoPrimary {
        /// What is the matter with each.
        hosts: String,
    },
    /// Asks for a PostgreSQL that takes no writes.
    #[error(
        "Portcullis writes: the database URL can say `target_session_attrs=read-write` or `primary`, and means that also \
         without it"
    )]
    TargetSession,
    /// Text is not stored as UTF-8.
    #[error(
        "the database at {place} has the encoding {encoding}: make one with `CREATE DATABASE .. ENCODING 'UTF8'`"
    )]
    Encoding {
        /// Host, port, database.
        place: String,
        /// Its encoding.
        encoding: String,
    },
    /// Changed by a newer version so that this one can no longer use it.
    #[error(
        "the database has migration {found} (`{name}`), this version of Portcullis knows up to {known} and cannot run \
         on it: run the version that made it, or a newer one"
    )]
    Newer {
        /// Newest migration that the database has.
        found: i64,
        /// Its name.
        name: String,
        /// Newest migration that is known.
        known: i64,
    },
    /// Made by something else.
    #[error(
        "migration {number} (`{name}`) was applied to the database with another text than this version of Portcullis \
         has: the schema is not what it expects. Run the version that made it, or restore a backup"
    )]
    Checksum {
        /// Number of the migration.
        number: i64,
        /// Its name.
        name: String,
    },
    /// A migration failed; the database is as it was before it.
    #[error("migration {number} (`{name}`) failed, the database is as it was before it: {source}")]
    Migration {
        /// Number of the migration.
        number: i64,
        /// Its name.
        name: &'static str,
        /// What went wrong.
        #[source]
        source: sqlx::Error,
    },
    /// A migration does not get hold of its tables; the database is as it was before it.
    #[error(
        "migration {number} (`{name}`) cannot begin: another transaction holds the tables that it changes, for many minutes. \
         Let the backup, copy or export end, or end what forgot to (`SELECT pid, state, xact_start, query FROM \
         pg_stat_activity WHERE xact_start < now() - interval '1 minute'` tells), and run `portcullis migrate` again"
    )]
    TablesHeld {
        /// Number of the migration.
        number: i64,
        /// Its name.
        name: &'static str,
    },
    /// The database did not answer while it was looked at.
    #[error("the database did not answer while its schema was read: {0}")]
    Schema(#[source] sqlx::Error),
}

/// A setting of the application's SQLite pool that Portcullis cannot live with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrongPragma {
    /// Name of the pragma: `synchronous`.
    pub pragma: &'static str,
    /// What it is: `1`.
    pub found: String,
    /// What to call on `SqliteConnectOptions`: `.synchronous(SqliteSynchronous::Full)`.
    pub set: &'static str,
}

/// One line of all that is wrong.
fn listed(wrong: &[WrongPragma], text: impl Fn(&WrongPragma) -> String) -> String {
    wrong.iter().map(text).collect::<Vec<_>>().join(", ")
}
