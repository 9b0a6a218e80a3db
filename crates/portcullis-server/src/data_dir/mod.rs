//! The data folder of a server: who may serve it, and whether it is there.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use portcullis::embedded::{DataDir, DataDirError};

#[cfg(test)]
mod tests;

const SERVE_LOCK: &str = "serve.lock";

/// Held while a server runs; the operating system takes it back even from a killed process.
#[derive(Debug)]
#[must_use = "the lock is gone when this is dropped"]
pub(crate) struct ServeLock {
    _file: File,
}

/// Why a server does not get its data folder.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error(
        "there is no data folder at {}: start `portcullis serve` there first, or name another with --data-dir",
        .0.display()
    )]
    Missing(PathBuf),
    #[error("{} cannot be used: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the data folder {} is already served{}: stop that server, or name another folder with --data-dir",
        path.display(), holder.as_ref().map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    Served { path: PathBuf, holder: Option<u32> },
    #[error(transparent)]
    DataDir(#[from] DataDirError),
}

/// The folder at `path`, which a server made before.
pub(crate) fn existing(path: &Path) -> Result<DataDir, FolderError> {
    DataDir::find(path)?.ok_or_else(|| FolderError::Missing(path.to_owned()))
}

/// Keeps servers out of the folder in which a database file lies, if it is one in which a server ever ran.
pub(crate) fn lock_if_served(path: &Path) -> Result<Option<ServeLock>, FolderError> {
    if path.join(SERVE_LOCK).exists() {
        lock(&existing(path)?).map(Some)
    } else {
        Ok(None)
    }
}

/// The process that serves the folder, as it says itself. Without touching the lock: a server that starts now must get it.
pub(crate) fn server_of(path: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(path.join(SERVE_LOCK)).ok()?;
    let id: i32 = text.trim().parse().ok()?;
    rustix::process::test_kill_process(rustix::process::Pid::from_raw(id)?).ok()?;
    u32::try_from(id).ok()
}

/// Keeps other servers out of the folder. Commands that only use the database take no lock.
pub(crate) fn lock(folder: &DataDir) -> Result<ServeLock, FolderError> {
    let path = folder.path().join(SERVE_LOCK);
    let failed = |source| FolderError::File {
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
            return Err(FolderError::Served {
                path: folder.path().to_owned(),
                holder: text.trim().parse().ok(),
            });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(ServeLock { _file: file })
}
