//! The file, its lock, and how it is replaced.

use std::{
    ffi::OsString,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{self, Path, PathBuf},
};

use rustix::fs::OFlags;

use super::UserStoreError;
use crate::private_file::Exposure;

/// `O_NOFOLLOW`, as the standard library wants it.
const NO_LINK: i32 = OFlags::NOFOLLOW.bits().cast_signed();

/// Where everything is.
pub(super) struct Files(PathBuf);

/// Something of the operating system failed.
#[derive(Debug, thiserror::Error)]
#[error("{what} {p}: {source}", p = path.display())]
struct FileError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> UserStoreError {
    let path = path.to_owned();
    move |source| UserStoreError::unavailable(FileError { what, path, source })
}

impl Files {
    pub(super) fn new(path: PathBuf) -> Self {
        // The process may go to another folder later.
        Self(path::absolute(&path).unwrap_or(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Where links lead: they stay, and all who come by them meet at one lock.
    fn target(&self) -> PathBuf {
        fs::canonicalize(&self.0).unwrap_or_else(|_| self.0.clone())
    }

    /// `users.json` and `.lock` behind it.
    fn beside(path: &Path, suffix: &str) -> PathBuf {
        let mut name = OsString::from(path);
        name.push(suffix);
        name.into()
    }

    /// What is in the file; none when there is no file.
    pub(super) fn content(&self) -> Result<Option<Vec<u8>>, UserStoreError> {
        let path = &self.0;
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("cannot open", path)(error)),
        };
        let found = file.metadata().map_err(failed("cannot look at", path))?;
        if let Some(exposure) = Exposure::of(&found) {
            let text = format!("{} {}", path.display(), exposure.advice(path));
            return Err(UserStoreError::unavailable(text));
        }
        let mut content = Vec::new();
        file.read_to_end(&mut content)
            .map_err(failed("cannot read", path))?;
        Ok(Some(content))
    }

    /// Waits until nobody else writes. The lock ends when what is given is dropped, and when the process ends, however it
    /// does. Its file stays: were it removed, two could hold two locks.
    pub(super) fn lock(&self) -> Result<File, UserStoreError> {
        let path = Self::beside(&self.target(), ".lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            // Nor is a link followed that somebody laid there.
            .custom_flags(NO_LINK)
            .open(&path)
            .map_err(failed("cannot make or open", &path))?;
        file.lock().map_err(failed("cannot lock", &path))?;
        Ok(file)
    }

    /// Someone holds the lock for too long.
    pub(super) fn held(&self) -> UserStoreError {
        let path = Self::beside(&self.target(), ".lock");
        UserStoreError::unavailable(Held(path))
    }

    /// Puts `content` in the place of all that is in the file. Only while the lock is held.
    pub(super) fn replace(&self, content: &[u8]) -> Result<(), UserStoreError> {
        let path = self.target();
        let fresh = Self::beside(&path, ".new");
        // Of a process that was killed. Made anew, so that nobody can have laid a link there.
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(failed("cannot remove", &fresh)(error));
            }
            _ => {}
        }
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)
            .and_then(|mut file| {
                file.write_all(content)?;
                file.sync_all()
            });
        written.map_err(|error| {
            // No room, perhaps: what there is of it is worth nothing.
            let _ = fs::remove_file(&fresh);
            failed("cannot write", &fresh)(error)
        })?;
        fs::rename(&fresh, &path).map_err(failed("cannot replace", &path))?;
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // The new name is on the disk only when the folder is.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed("cannot sync", folder))
    }
}

#[derive(Debug)]
struct Held(PathBuf);

impl std::error::Error for Held {}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.display();
        write!(
            f,
            "another process holds {path} for more than 10 seconds: end what hangs (`fuser {path}` tells)"
        )
    }
}
