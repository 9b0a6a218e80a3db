use std::path::PathBuf;

use portcullis_core::{
    access::RoleName,
    authority::{AdminRoleError, ConfigError, OpenError},
    store::StoreError,
};

use super::{DataDirError, KeyFileError};

/// Why a [`Portcullis`](super::Portcullis) is not built. Each text says what to do.
///
/// ```
/// use portcullis::{BuildError, Portcullis};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let nowhere = Portcullis::builder().build().await;
/// assert!(matches!(nowhere, Err(BuildError::NoDatabase)));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Options that cannot be, all of them.
    #[error("Portcullis::builder() was given what cannot be: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Options(Vec<WrongOption>),
    /// Nobody said where users are stored.
    #[error(
        "Portcullis::builder() was not told where users are stored: call `.sqlite(\"app.db\")`, `.data_dir(..)`, \
         `.database_url(..)`, `.sqlite_pool(..)` or `.postgres_pool(..)`"
    )]
    NoDatabase,
    /// Nobody said where the master key is, and there is no obvious place.
    #[error(
        "Portcullis::builder() was not told where the master key is, and PostgreSQL has no folder for it: call \
         `.master_key_file(\"master.key\")`, which makes one, or `.master_key(..)` with 64 hexadecimal digits \
         (`openssl rand -hex 32`). Nodes that share a database share this key"
    )]
    NoMasterKey,
    /// The database knows a master key, and the file is gone.
    #[error(
        "the master key is gone: the database was made with one, and {} is not there. Restore it from a backup; without \
         it nothing in the database can be used", .0.display()
    )]
    LostMasterKey(PathBuf),
    /// Only what is there was to be opened, and there is no master key.
    #[error("there is no master key at {}: restore it, or start the application once, which makes it", .0.display())]
    MissingMasterKey(PathBuf),
    /// The database is not up to date, and was not to be changed.
    #[error(
        "the database is empty or of an older version ({} pending): build once without `.migrate(false)` and \
         `.existing()`, or run `portcullis migrate`", .0.join(", ")
    )]
    NotMigrated(Vec<&'static str>),
    /// Only what is there was to be opened, and there is no folder.
    #[error("there is no data folder at {}: start the application once, which makes it", .0.display())]
    NoFolder(PathBuf),
    /// The data folder.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The file of the master key.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The database does not open.
    #[error(transparent)]
    Database(#[from] portcullis_store::OpenError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys in it do not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A role of the application cannot be stored.
    #[error(
        "the role `{role}` of the application cannot be stored: {source}. See what the database says of roles, and which \
         imply which: change it there (`GET` and `PUT /admin/roles`), or in the application's `roles!`"
    )]
    Role {
        /// The role.
        role: RoleName,
        /// Why.
        #[source]
        source: AdminRoleError,
    },
    /// Whoever registers would get a role that is not there.
    #[error(
        "whoever registers gets the role `{0}`, and there is none: declare it in the application's `roles!` and call \
         `.roles::<..>()`, or name another by `.default_role(..)`"
    )]
    DefaultRole(RoleName),
}

/// An option that cannot be.
///
/// ```
/// use portcullis::{BuildError, Portcullis};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let wrong = Portcullis::builder().sqlite("app.db").cors_origins(["*"]).build().await;
/// let Err(BuildError::Options(options)) = wrong else { panic!("it was built") };
/// assert_eq!(options[0].option, "cors_origins");
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{option}` {message}")]
#[non_exhaustive]
pub struct WrongOption {
    /// The method of the builder.
    pub option: &'static str,
    /// What is wrong, and what to do.
    pub message: String,
}

impl From<&ConfigError> for WrongOption {
    fn from(error: &ConfigError) -> Self {
        let option = match error.option() {
            "min_length" => "password_min_length",
            "previous_secrets" => "previous_secret",
            other => other,
        };
        Self {
            option,
            message: error.to_string(),
        }
    }
}
