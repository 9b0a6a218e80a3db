use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};

/// A result in a file that only its owner can read, or on stdout. A file appears under its name once it is whole, and in the
/// place of another only when that was asked for.
pub(crate) struct ResultFile {
    to: BufWriter<To>,
    /// Its name, and the one that it has until it is whole.
    names: Option<(PathBuf, PathBuf)>,
    replace: bool,
}

enum To {
    File(File),
    Stdout(io::Stdout),
}

/// Why there is no such file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("{} is there already: name another file, or remove that one", .0.display())]
    Exists(PathBuf),
    #[error("{} is being written by another command: wait for its end, or name another file", .0.display())]
    Busy(PathBuf),
    #[error("{} cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl ResultFile {
    /// Begins one that replaces none; `-` is stdout.
    pub(crate) fn create(path: &Path) -> Result<Self, FileError> {
        Self::begin(path, false)
    }

    /// Begins one that takes the place of another; `-` is stdout.
    pub(crate) fn replacing(path: &Path) -> Result<Self, FileError> {
        Self::begin(path, true)
    }

    fn begin(path: &Path, replace: bool) -> Result<Self, FileError> {
        if path == Path::new("-") {
            return Ok(Self {
                to: BufWriter::new(To::Stdout(io::stdout())),
                names: None,
                replace,
            });
        }
        if !replace && path.symlink_metadata().is_ok() {
            return Err(FileError::Exists(path.to_owned()));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = own(&partial).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::WouldBlock => FileError::Busy(path.to_owned()),
            _ => FileError::Write {
                path: partial.clone(),
                source,
            },
        })?;
        Ok(Self {
            to: BufWriter::with_capacity(256 * 1024, To::File(file)),
            names: Some((path.to_owned(), partial)),
            replace,
        })
    }

    /// It is whole: on disk when this returns.
    pub(crate) fn commit(mut self) -> Result<(), FileError> {
        let path = match &self.names {
            Some((path, _)) => path.clone(),
            None => PathBuf::from("stdout"),
        };
        self.settle().map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => FileError::Exists(path.clone()),
            _ => FileError::Write { path, source },
        })?;
        // The other name may be that of somebody else's file by now.
        self.names = None;
        Ok(())
    }

    fn settle(&mut self) -> io::Result<()> {
        self.to.flush()?;
        let (To::File(file), Some((path, partial))) = (self.to.get_ref(), &self.names) else {
            return Ok(());
        };
        file.sync_all()?;
        if self.replace {
            fs::rename(partial, path)?;
        } else {
            rename_new(partial, path)?;
        }
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// A new file of this name, that no other command writes: locked for as long as it is open. What was left behind by a run that
/// was killed is locked by nobody, and goes away.
fn own(path: &Path) -> io::Result<File> {
    match OpenOptions::new().write(true).open(path) {
        Ok(left) => {
            left.try_lock()?;
            fs::remove_file(path)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.try_lock()?;
    // Somebody may have taken it for left behind before it was locked.
    let (ours, there) = (file.metadata()?, fs::symlink_metadata(path)?);
    if (ours.dev(), ours.ino()) == (there.dev(), there.ino()) {
        Ok(file)
    } else {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// Renames, unless there is a file of the new name: one may have appeared meanwhile.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // Not on this file system.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        Err(error) => Err(error.into()),
    }
}

impl Write for ResultFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Write for To {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

impl Drop for ResultFile {
    /// What did not become whole goes away.
    fn drop(&mut self) {
        if let Some((_, partial)) = self.names.take() {
            let _ = fs::remove_file(partial);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_and_replaces_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result");
        let mut file = ResultFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

        let mut file = ResultFile::create(&path).unwrap();
        file.write_all(b"whole").unwrap();
        assert!(!path.exists());
        // Nobody else writes a file of the name meanwhile, by either way.
        for other in [ResultFile::create(&path), ResultFile::replacing(&path)] {
            assert!(matches!(other.err(), Some(FileError::Busy(_))));
        }
        // Somebody else was faster.
        fs::write(&path, "theirs").unwrap();
        assert!(matches!(file.commit(), Err(FileError::Exists(_))));
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert!(matches!(
            ResultFile::create(&path).err(),
            Some(FileError::Exists(_))
        ));
    }

    #[test]
    fn what_a_killed_run_left_behind_goes_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result");
        fs::write(folder.path().join("result.partial"), "left behind, and longer").unwrap();
        let mut file = ResultFile::create(&path).unwrap();
        file.write_all(b"whole").unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn another_one_is_replaced_when_that_is_asked_for_and_only_by_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result");
        fs::write(&path, "theirs").unwrap();
        let mut file = ResultFile::replacing(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        let mut file = ResultFile::replacing(&path).unwrap();
        file.write_all(b"whole").unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
