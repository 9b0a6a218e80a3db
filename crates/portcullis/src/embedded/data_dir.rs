use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::KeyFile;

/// A data folder that exists: `portcullis.db` and `master.key` are in it. The server's and that of an application have
/// the same form, so the commands of the server work on both.
///
/// ```
/// use portcullis::embedded::DataDir;
///
/// # let temp = tempfile::tempdir()?;
/// # let path = temp.path().join("data");
/// let folder = DataDir::create(&path)?;
/// assert!(folder.database().ends_with("portcullis.db"));
/// assert_eq!(folder.warning(), None);
/// assert!(!folder.key_file().path().exists());
/// assert!(DataDir::find(&path)?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    path: PathBuf,
}

/// Why a data folder cannot be used.
///
/// ```
/// use portcullis::embedded::{DataDir, DataDirError};
///
/// # let temp = tempfile::NamedTempFile::new()?;
/// # let file = temp.path();
/// assert!(matches!(DataDir::create(file), Err(DataDirError::NotAFolder(_))));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// Something else is there.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// It cannot be made.
    #[error("the data folder {} cannot be made: {source}", path.display())]
    Create {
        /// The folder.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// It cannot be looked at.
    #[error("{} cannot be used: {source}", path.display())]
    File {
        /// The folder.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
}

impl DataDir {
    /// The folder at `path`, where there is one.
    ///
    /// # Errors
    /// When something else is there.
    pub fn find(path: &Path) -> Result<Option<Self>, DataDirError> {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Ok(Some(Self {
                path: path.to_owned(),
            })),
            Ok(_) => Err(DataDirError::NotAFolder(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DataDirError::File {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// The folder at `path`, made with mode 0700 where there is none.
    ///
    /// # Errors
    /// When something else is there, or it cannot be made.
    pub fn create(path: &Path) -> Result<Self, DataDirError> {
        if let Some(found) = Self::find(path)? {
            found.close_if_empty();
            return Ok(found);
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|source| DataDirError::Create {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// An empty folder that somebody made with `mkdir` becomes private. Where that is not ours to do (a mounted
    /// volume), [`DataDir::warning`] tells.
    fn close_if_empty(&self) {
        let empty = fs::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_none());
        if empty {
            let _ = fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700));
        }
    }

    /// What is wrong with the permissions of the folder.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let mode = fs::metadata(&self.path).ok()?.mode() & 0o777;
        (mode & 0o077 != 0).then(|| {
            let path = self.path.display();
            format!(
                "the data folder {path} is open to others (mode {mode:03o}): close it with `chmod 700 {path}`"
            )
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The SQLite database, where no other is configured.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.path.join("portcullis.db")
    }

    /// The file of the master key, where none is configured.
    #[must_use]
    pub fn key_file(&self) -> KeyFile {
        KeyFile::new(self.path.join("master.key"))
    }
}
