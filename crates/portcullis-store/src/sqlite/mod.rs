//! SQLite: one connection that writes, a few that read.

mod job;
mod pragmas;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    fs::{self, OpenOptions},
    io::ErrorKind,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{
    ConnectOptions, Sqlite as Engine, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};

pub(crate) use self::writer::Writer;
use crate::{
    DatabaseOptions, OpenError, PoolShare, dialect, migration,
    pool::{self, Connections},
    role::RoleCache,
    sql,
};

/// An open SQLite file.
pub(crate) struct Sqlite {
    pub(crate) writer: Writer,
    pub(crate) readers: Connections<Engine>,
    /// One connection that nobody else takes: the feed is read however busy the others are.
    pub(crate) feed: Connections<Engine>,
}

impl Sqlite {
    pub(crate) async fn open(
        path: &Path,
        options: &DatabaseOptions,
        roles: Arc<RoleCache>,
    ) -> Result<Self, OpenError> {
        make_file(path, options.migrate)?;
        if options.migrate {
            // Whoever only looks (`portcullis doctor`) leaves the file as it is, and says so.
            close_to(GROUP_AND_OTHERS, path);
        }
        let opener = Opener {
            path: path.to_owned(),
            timeout: options.timeout,
            pool: None,
        };
        let connection = opener.ready(options.migrate).await?;
        let readers = opener.readers(options.max_connections.max(1), Duration::from_secs(600));
        let feed = opener.readers(1, Duration::from_secs(600));
        Ok(Self {
            writer: Writer::start(connection, opener, roles, options.queue),
            readers: Connections::own(readers).bounded(options.max_connections.max(1), options.queue),
            feed: Connections::own(feed),
        })
    }

    /// On the pool of an application.
    pub(crate) async fn on(
        pool: SqlitePool,
        share: &PoolShare,
        roles: Arc<RoleCache>,
    ) -> Result<Self, OpenError> {
        let own = pool::beside(&pool, share.timeout);
        let opener = Opener {
            path: pool.connect_options().get_filename().to_owned(),
            timeout: share.timeout,
            pool: Some(own.clone()),
        };
        let readers = Connections::share_of(pool, share);
        look(&readers).await.map_err(|error| opener.explain(error))?;
        close_to(OTHERS, &opener.path);
        let connection = opener.ready(share.migrate).await?;
        Ok(Self {
            writer: Writer::start(connection, opener, roles, share.queue),
            readers,
            feed: Connections::own(own),
        })
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.feed.close().await;
        // Last, so that the log is written back and removed.
        self.writer.close().await;
    }
}

/// Makes the file, readable for its owner only; SQLite gives the log beside it the same mode.
fn make_file(path: &Path, create: bool) -> Result<(), OpenError> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(create)
        .mode(0o600)
        .open(path);
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(OpenError::File {
            path: path.to_owned(),
            source: error.into(),
        }),
        _ => Ok(()),
    }
}

/// To whom a file may be open. Whoever shares a database of an application by a group had a reason.
const OTHERS: u32 = 0o007;
const GROUP_AND_OTHERS: u32 = 0o077;

/// Takes permissions of others off a file that was there, and off the logs beside it: it holds password hashes and
/// sessions. By its path, for SQLite loses its locks when its own process opens and closes the file.
fn close_to(whom: u32, path: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut path = path.as_os_str().to_owned();
        path.push(suffix);
        let path = PathBuf::from(path);
        let Ok(found) = fs::metadata(&path) else {
            continue;
        };
        let mode = found.mode() & 0o777;
        if mode & whom == 0 {
            continue;
        }
        let private = mode & !whom;
        match fs::set_permissions(&path, fs::Permissions::from_mode(private)) {
            Ok(()) => tracing::warn!(
                file = %path.display(),
                "the database was open to others (mode {mode:03o}) and is closed to them now ({private:03o}): consider that \
                 it may have been read"
            ),
            Err(error) => tracing::warn!(
                file = %path.display(),
                %error,
                "the database is open to others (mode {mode:03o}): close it with `chmod {private:03o}`"
            ),
        }
    }
}

/// One connection to a file that exists, beside those of an open database.
pub(crate) async fn connect(path: &Path, timeout: Duration) -> Result<SqliteConnection, OpenError> {
    let opener = Opener {
        path: path.to_owned(),
        timeout,
        pool: None,
    };
    opener.connect().await
}

/// Time between two tries to set up a new file.
const AGAIN: Duration = Duration::from_millis(10);

/// Opens connections to one file.
pub(crate) struct Opener {
    path: PathBuf,
    pub(crate) timeout: Duration,
    /// Makes connections as the pool of an application does, in the file of which we live.
    pool: Option<SqlitePool>,
}

impl Opener {
    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .busy_timeout(self.timeout)
            .foreign_keys(true)
            // Each COMMIT reaches the disk before it is answered (https://www.sqlite.org/pragma.html#pragma_synchronous).
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging()
    }

    /// The connection that writes, to a file whose schema is as it should be.
    async fn ready(&self, migrate: bool) -> Result<SqliteConnection, OpenError> {
        let mut connection = self.connect().await?;
        let looked = if migrate {
            migration::apply_sqlite(&mut connection).await
        } else {
            let pending = migration::pending(&mut sql::Connection::Sqlite(&mut connection)).await;
            pending.map(|_| ())
        };
        looked.map_err(|error| self.explain(error))?;
        Ok(connection)
    }

    /// The connection that writes.
    pub(crate) async fn connect(&self) -> Result<SqliteConnection, OpenError> {
        let connection = match &self.pool {
            Some(pool) => borrowed(pool).await,
            None => self.own().await,
        };
        connection.map_err(|error| self.explain(error))
    }

    async fn own(&self) -> Result<SqliteConnection, OpenError> {
        let mut connection = self.options().connect().await.map_err(OpenError::Schema)?;
        let write_ahead = async {
            loop {
                let mode = sqlx::query_as("PRAGMA journal_mode = WAL");
                match mode.fetch_one(&mut connection).await {
                    // Of several who open a new file at once, SQLite refuses some without waiting: they would wait for each
                    // other.
                    Err(error) if dialect::is_busy(&error) => tokio::time::sleep(AGAIN).await,
                    mode => return mode,
                }
            }
        };
        let (mode,): (String,) = tokio::time::timeout(self.timeout, write_ahead)
            .await
            .map_err(|_| OpenError::Locked {
                path: self.path.clone(),
            })?
            .map_err(OpenError::Schema)?;
        if mode != "wal" {
            return Err(OpenError::NoWal {
                path: self.path.clone(),
                mode,
            });
        }
        Ok(connection)
    }

    fn readers(&self, most: u32, idle: Duration) -> SqlitePool {
        SqlitePoolOptions::new()
            .max_connections(most)
            .acquire_timeout(self.timeout)
            .idle_timeout(idle)
            // A file does not go away as a server does.
            .test_before_acquire(false)
            .connect_lazy_with(self.options().read_only(true))
    }

    /// Says of an error of SQLite what to do about it.
    fn explain(&self, error: OpenError) -> OpenError {
        match error {
            OpenError::Schema(source) if dialect::is_busy(&source) => OpenError::Locked {
                path: self.path.clone(),
            },
            OpenError::Schema(source) if dialect::is_not_a_database(&source) => OpenError::NotADatabase {
                path: self.path.clone(),
            },
            OpenError::Schema(source) if dialect::is_corrupt(&source) => OpenError::Damaged {
                path: self.path.clone(),
                source,
            },
            OpenError::Schema(source) => OpenError::File {
                path: self.path.clone(),
                source: source.into(),
            },
            other => other,
        }
    }
}

/// Whether the connections of the pool are as they must be.
async fn look(pool: &Connections<Engine>) -> Result<(), OpenError> {
    let mut connection = pool.acquire().await.map_err(OpenError::Schema)?;
    pragmas::check(&mut connection).await
}

/// Taken out of the pool, which makes another one in its place.
async fn borrowed(pool: &SqlitePool) -> Result<SqliteConnection, OpenError> {
    let mut connection = pool.acquire().await.map_err(OpenError::Schema)?.detach();
    pragmas::check(&mut connection).await?;
    Ok(connection)
}
