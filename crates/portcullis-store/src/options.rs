use std::{path::PathBuf, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use crate::{OpenError, postgres};

/// More than a node has under way in a good hour, and few enough to be through within a second or two.
const QUEUE: u32 = 500;

/// Where the database is and how to use it.
///
/// ```
/// use portcullis_store::DatabaseOptions;
///
/// let mut options = DatabaseOptions::new("sqlite:///var/lib/portcullis/portcullis.db");
/// options.max_connections = 4;
/// ```
#[derive(Clone)]
pub struct DatabaseOptions {
    /// `sqlite:///path/file.db`, `sqlite:relative/file.db`, or
    /// `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=FILE`. The path of a SQLite file is
    /// taken as it stands, without any decoding. Of many PostgreSQL hosts (`@db1,db2:5433/`), the one that takes writes is
    /// used, and is looked for again when it fails.
    pub url: SecretString,
    /// Most connections at once: of PostgreSQL, or that read from SQLite (one more writes). One more is kept for the
    /// feed. 10 by default.
    pub max_connections: u32,
    /// How long to wait for a connection, for one statement, for the lock of a SQLite file, for a place in its queue.
    /// 5 seconds by default.
    pub timeout: Duration,
    /// How many may wait for a connection at a time; who comes then is refused at once. 500 by default.
    pub queue: u32,
    /// Whether nodes tell each other of revocations by NOTIFY of PostgreSQL. They do by default; without, they learn of them
    /// when they look by themselves.
    pub notify: bool,
    /// Whether [`Database::open`](crate::Database::open) applies the migrations that are missing. It does by default;
    /// without, [`Database::pending_migrations`](crate::Database::pending_migrations) tells.
    pub migrate: bool,
}

impl DatabaseOptions {
    /// The defaults, at `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            max_connections: 10,
            timeout: Duration::from_secs(5),
            queue: QUEUE,
            notify: true,
            migrate: true,
        }
    }

    /// Whether the URL can be read. Looks at nothing else.
    ///
    /// # Errors
    /// With a text for the operator that says how to write it, and that never repeats the URL.
    pub fn check(&self) -> Result<(), OpenError> {
        self.place().map(drop)
    }

    /// The PostgreSQL hosts that are on another machine, and whose certificate nobody checks: whoever is on the way can read
    /// all, and pose as the database.
    #[must_use]
    pub fn exposed_hosts(&self) -> Vec<String> {
        match self.place() {
            Ok(Place::Postgres(hosts)) => {
                let exposed = hosts.iter().filter(|host| postgres::is_exposed(host));
                exposed.map(|host| host.get_host().to_owned()).collect()
            }
            Ok(Place::Sqlite(_)) | Err(_) => Vec::new(),
        }
    }

    /// The file of a SQLite database.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        match self.place() {
            Ok(Place::Sqlite(path)) => Some(path),
            Ok(Place::Postgres(_)) | Err(_) => None,
        }
    }

    /// Which engine and where.
    pub(crate) fn place(&self) -> Result<Place, OpenError> {
        let url = self.url.expose_secret();
        if let Some(rest) = url.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.is_empty() || path.contains(":memory:") || path.contains(['?', '\0']) {
                return Err(OpenError::SqliteUrl);
            }
            return Ok(Place::Sqlite(PathBuf::from(path)));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return postgres::hosts_of(url).map(Place::Postgres);
        }
        Err(OpenError::Scheme)
    }
}

/// How to use the pool of an application ([`Database::on_sqlite`](crate::Database::on_sqlite),
/// [`Database::on_postgres`](crate::Database::on_postgres)).
///
/// ```
/// use portcullis_store::PoolShare;
///
/// let share = PoolShare { max_connections: 4, ..PoolShare::default() };
/// ```
#[derive(Clone, Debug)]
pub struct PoolShare {
    /// Most connections of the pool that are used at once. 10 by default. Beside them there are connections that do not
    /// count among those of the pool: one that is kept for the feed, and on SQLite one that writes.
    pub max_connections: u32,
    /// How long to wait for a connection, for one statement of an act, for a place in the queue of SQLite. 5 seconds by
    /// default. For how long a locked SQLite file is waited for, the `busy_timeout` of the pool says.
    pub timeout: Duration,
    /// How many may wait for a connection at a time; who comes then is refused at once. 500 by default.
    pub queue: u32,
    /// Whether the migrations that are missing are applied. They are by default; without,
    /// [`Database::pending_migrations`](crate::Database::pending_migrations) tells.
    pub migrate: bool,
}

impl Default for PoolShare {
    fn default() -> Self {
        Self {
            max_connections: 10,
            timeout: Duration::from_secs(5),
            queue: QUEUE,
            migrate: true,
        }
    }
}

/// Where a database is.
#[derive(Debug)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    /// Hosts of which one takes writes; never empty.
    Postgres(Vec<PgConnectOptions>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite(url: &str) -> Option<PathBuf> {
        DatabaseOptions::new(url).file()
    }

    #[test]
    fn a_path_is_taken_as_it_stands() {
        assert_eq!(sqlite("sqlite:///var/lib/p.db"), Some("/var/lib/p.db".into()));
        assert_eq!(sqlite("sqlite://data/p.db"), Some("data/p.db".into()));
        assert_eq!(sqlite("sqlite:data/100% p.db"), Some("data/100% p.db".into()));
        for refused in ["sqlite:", "sqlite://", "sqlite::memory:", "sqlite:p.db?mode=ro"] {
            assert_eq!(sqlite(refused), None, "{refused}");
        }
    }

    #[test]
    fn an_error_never_repeats_the_password() {
        for url in [
            "postgres://u:hunter2@[bad/db",
            "mysql://u:hunter2@h/d",
            "sqlite:p?key=hunter2",
        ] {
            let error = DatabaseOptions::new(url).place().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{url}");
        }
        assert!(matches!(
            DatabaseOptions::new("postgres://u:p@localhost/d?sslmode=require").place(),
            Ok(Place::Postgres(_))
        ));
    }
}
