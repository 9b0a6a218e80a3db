//! The data folder: master key, database, and the lock that keeps a second server out.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use portcullis_core::{
    key::{MasterKey, MasterKeyError},
    rng::Rng,
};
use zeroize::Zeroizing;

#[cfg(test)]
mod tests;

/// Name of the SQLite database in the folder.
pub(crate) const DATABASE: &str = "portcullis.db";

/// A data folder that exists.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
}

/// Held while a server runs; the operating system takes it back even from a killed process.
#[derive(Debug)]
#[must_use = "the lock is gone when this is dropped"]
pub(crate) struct ServeLock {
    _file: File,
}

/// Why a data folder cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataDirError {
    #[error(
        "there is no data folder at {}: start `portcullis serve` there first, or name another with --data-dir",
        .0.display()
    )]
    Missing(PathBuf),
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    #[error("the data folder {} cannot be made: {source}", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("{} cannot be used: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the data folder {} is already served{}: stop that server, or name another folder with --data-dir",
        path.display(), holder.as_ref().map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    Served { path: PathBuf, holder: Option<u32> },
    #[error(
        "the master key {} can be read by others (mode {mode:03o}): make it private with `chmod 600 {}`, and consider \
         that it may have been read",
        path.display(), path.display()
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error("the master key {} is damaged: {source}", path.display())]
    MasterKey { path: PathBuf, source: MasterKeyError },
}

impl DataDir {
    /// The folder at `path`, made with mode 0700 where there is none.
    pub(crate) fn create(path: &Path) -> Result<Self, DataDirError> {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(DataDirError::NotAFolder(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(path)
                    .map_err(|source| DataDirError::Create {
                        path: path.to_owned(),
                        source,
                    })?;
            }
            Err(source) => {
                return Err(DataDirError::File {
                    path: path.to_owned(),
                    source,
                });
            }
        }
        let folder = Self {
            path: path.to_owned(),
        };
        folder.close_if_empty();
        Ok(folder)
    }

    /// The folder at `path`, which a server made before.
    pub(crate) fn existing(path: &Path) -> Result<Self, DataDirError> {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Ok(Self {
                path: path.to_owned(),
            }),
            Ok(_) => Err(DataDirError::NotAFolder(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(DataDirError::Missing(path.to_owned()))
            }
            Err(source) => Err(DataDirError::File {
                path: path.to_owned(),
                source,
            }),
        }
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
    pub(crate) fn warning(&self) -> Option<String> {
        let mode = fs::metadata(&self.path).ok()?.mode() & 0o777;
        (mode & 0o077 != 0).then(|| {
            let path = self.path.display();
            format!(
                "the data folder {path} is open to others (mode {mode:03o}): close it with `chmod 700 {path}`"
            )
        })
    }

    /// The SQLite database, where no other is configured.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// The file of the master key.
    pub(crate) fn master_key_path(&self) -> PathBuf {
        self.path.join("master.key")
    }

    /// Keeps other servers out of the folder. Commands that only use the database take no lock.
    pub(crate) fn lock(&self) -> Result<ServeLock, DataDirError> {
        let path = self.path.join("serve.lock");
        let failed = |source| DataDirError::File {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                return Err(DataDirError::Served {
                    path: self.path.clone(),
                    holder: text.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(ServeLock { _file: file })
    }

    /// The master key, where there is one. Refused when others can read it.
    pub(crate) fn master_key(&self) -> Result<Option<MasterKey>, DataDirError> {
        let path = self.master_key_path();
        let failed = |source| DataDirError::File {
            path: path.clone(),
            source,
        };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(source)),
        };
        // Of the open file, not of the path: what was checked is what is read.
        let mode = file.metadata().map_err(failed)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(DataDirError::Exposed { path, mode });
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(failed)?;
        MasterKey::from_hex(&text)
            .map(Some)
            .map_err(|source| DataDirError::MasterKey { path, source })
    }

    /// A new master key, written with mode 0600 and on disk when this returns. Never replaces one.
    pub(crate) fn create_master_key(&self, rng: &dyn Rng) -> Result<MasterKey, DataDirError> {
        let path = self.master_key_path();
        let failed = |source| DataDirError::File {
            path: path.clone(),
            source,
        };
        let key = MasterKey::generate(rng);
        // Written aside and linked into place: nobody ever sees half a key, and two first starts do not both win.
        let aside = self.path.join(format!("master.key.{}", std::process::id()));
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&aside)?;
            file.write_all(key.to_hex().as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::hard_link(&aside, &path)?;
            File::open(&self.path)?.sync_all()
        };
        let written = write();
        let _ = fs::remove_file(&aside);
        match written {
            Ok(()) => Ok(key),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.master_key()?.ok_or_else(|| failed(error))
            }
            Err(source) => Err(failed(source)),
        }
    }
}
