use std::{path::PathBuf, time::Duration};

use portcullis_core::key::MasterKey;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Builder, Key, Place};
use crate::embedded::{KeyFile, WrongOption};

/// Where users are stored, and what seals the keys.
///
/// ```
/// use std::time::Duration;
/// use portcullis::Portcullis;
///
/// let file = Portcullis::builder().data_dir("/var/lib/app").max_connections(4).maintenance("0 30 4 * * *");
/// let server = Portcullis::builder()
///     .database_url("postgres://app@db1,db2/app")
///     .master_key_file("/run/secrets/app.key")
///     .database_timeout(Duration::from_secs(2))
///     .database_queue(100)
///     .database_notify(false)
///     .migrate(false)
///     .no_maintenance();
/// # drop((file, server));
/// ```
impl Builder {
    /// A SQLite file, made at the first start. The master key is made beside it, in `FILE.key`, unless another is given:
    /// keep both out of version control, and back up both, apart from each other.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(mut self, file: impl Into<PathBuf>) -> Self {
        self.place = Some(Place::File(file.into()));
        self
    }

    /// A folder for the SQLite file `portcullis.db` and the master key `master.key`, made with mode 0700 at the first
    /// start: the same as the server's, so that `portcullis user add --data-dir DIR` works on it. With a database elsewhere
    /// it holds the master key alone.
    pub fn data_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(folder.into());
        self
    }

    /// `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/NAME`, also with several hosts (`HOST1,HOST2:5433`), of which the
    /// one that takes writes is used.
    pub fn database_url(mut self, url: impl Into<SecretString>) -> Self {
        self.place = Some(Place::Url(url.into()));
        self
    }

    /// The pool that the application has already. It must have a write-ahead log and `synchronous=FULL`
    /// ([`Database::on_sqlite`](portcullis_store::Database::on_sqlite)); our tables are called `portcullis_*`. The master
    /// key is made beside the file, in `FILE.key`, unless another is given.
    ///
    /// ```
    /// use portcullis::{BuildError, Portcullis};
    ///
    /// async fn open(pool: sqlx::SqlitePool) -> Result<Portcullis, BuildError> {
    ///     Portcullis::builder().sqlite_pool(pool).build().await
    /// }
    /// ```
    #[cfg(feature = "sqlite")]
    pub fn sqlite_pool(mut self, pool: portcullis_store::SqlitePool) -> Self {
        self.place = Some(Place::SqlitePool(pool));
        self
    }

    /// The pool that the application has already; our tables are called `portcullis_*`. Say where the master key is.
    ///
    /// ```
    /// use portcullis::{BuildError, Portcullis};
    ///
    /// async fn open(pool: sqlx::PgPool) -> Result<Portcullis, BuildError> {
    ///     Portcullis::builder().postgres_pool(pool).master_key_file("/run/secrets/app.key").build().await
    /// }
    /// ```
    #[cfg(feature = "postgres")]
    pub fn postgres_pool(mut self, pool: portcullis_store::PgPool) -> Self {
        self.place = Some(Place::PostgresPool(pool));
        self
    }

    /// Connections held to the database at most, or taken at once from a pool of the application; 10 unless told. For
    /// reading (SQLite) or altogether (PostgreSQL).
    pub fn max_connections(mut self, most: u32) -> Self {
        self.max_connections = most;
        self
    }

    /// How long the database may take to answer; 5 seconds unless told.
    pub fn database_timeout(mut self, timeout: Duration) -> Self {
        self.database_timeout = timeout;
        self
    }

    /// How many may wait for a connection at a time; 500 unless told. Who comes then is answered 503 at once.
    pub fn database_queue(mut self, most: u32) -> Self {
        self.database_queue = most;
        self
    }

    /// Whether nodes tell each other of revocations by NOTIFY of PostgreSQL; they do unless told. Without, they learn of them
    /// when they look by themselves, every half second. On a pool of the application they always do.
    pub fn database_notify(mut self, notify: bool) -> Self {
        self.database_notify = notify;
        self
    }

    /// Whether missing migrations are applied; they are unless told. Where several nodes share a database, whoever deploys
    /// may want to say when: `portcullis migrate` applies them too.
    pub fn migrate(mut self, migrate: bool) -> Self {
        self.migrate = migrate;
        self
    }

    /// The master key: it seals signing keys and derives all others. Nodes that share a database share this key.
    ///
    /// ```
    /// use portcullis::{Portcullis, core::{key::MasterKey, rng::SystemRng}};
    ///
    /// let of_a_test = Portcullis::builder().sqlite("app.db").master_key(MasterKey::generate(&SystemRng));
    /// # drop(of_a_test);
    /// ```
    pub fn master_key(mut self, key: MasterKey) -> Self {
        self.key = Some(Key::Given(key));
        self
    }

    /// The master key as 64 hexadecimal digits (`openssl rand -hex 32`): for one that comes from the environment.
    ///
    /// ```no_run
    /// # use portcullis::Portcullis;
    /// let key = std::env::var("MASTER_KEY").expect("MASTER_KEY is set");
    /// let builder = Portcullis::builder().database_url("postgres://localhost/app").master_key_hex(key);
    /// # drop(builder);
    /// ```
    pub fn master_key_hex(mut self, key: impl Into<SecretString>) -> Self {
        match MasterKey::from_hex(key.into().expose_secret()) {
            Ok(key) => self.key = Some(Key::Given(key)),
            Err(error) => self.wrong.push(WrongOption {
                option: "master_key_hex",
                message: format!("is none: {error}"),
            }),
        }
        self
    }

    /// The file of the master key, made with mode 0600 at the first start.
    pub fn master_key_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.key = Some(Key::File(KeyFile::new(file)));
        self
    }

    /// When [maintenance](crate::maintenance) is due, in UTC, as [`schedule`](mod@crate::schedule) has it: expired sessions,
    /// the feed, audit events, signing keys. `0 17 3 * * *` unless told: each night at 3:17.
    pub fn maintenance(mut self, cron: &str) -> Self {
        match cron.parse() {
            Ok(times) => self.maintenance = Some(times),
            Err(error) => self.wrong.push(WrongOption {
                option: "maintenance",
                message: format!("cannot be: {error}"),
            }),
        }
        self
    }

    /// No maintenance by itself: the application calls [`Maintenance::run`](crate::maintenance::Maintenance::run) or
    /// [`Authority::purge`](portcullis_core::authority::Authority::purge) now and then.
    pub fn no_maintenance(mut self) -> Self {
        self.maintenance = None;
        self
    }
}
