use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use portcullis_core::{
    key::{MasterKey, MasterKeyError},
    rng::{self, Rng},
};
use zeroize::Zeroizing;

use crate::private_file::Exposure;

/// The file of a master key: 64 hexadecimal digits, readable for its owner only.
///
/// ```
/// use portcullis::{core::rng::SystemRng, embedded::KeyFile};
///
/// # let temp = tempfile::tempdir()?;
/// # let path = temp.path().join("master.key");
/// let file = KeyFile::new(path);
/// assert!(file.read()?.is_none());
/// file.create(&SystemRng)?;
/// assert!(file.read()?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    path: PathBuf,
}

/// Why the file of a master key cannot be used, and what to do.
///
/// ```
/// use portcullis::embedded::{KeyFile, KeyFileError};
///
/// # let temp = tempfile::NamedTempFile::new()?;
/// # let path = temp.path();
/// assert!(matches!(KeyFile::new(path).read(), Err(KeyFileError::Damaged { .. })), "it is empty");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("the master key {} cannot be used: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// Others can read or replace it.
    #[error("the master key {} {advice}", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// How, and what to do.
        advice: String,
    },
    /// It holds something else.
    #[error("the master key {} is damaged: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: MasterKeyError,
    },
}

impl KeyFile {
    /// The file at `path`, which need not exist.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn failed(&self, source: io::Error) -> KeyFileError {
        KeyFileError::File {
            path: self.path.clone(),
            source,
        }
    }

    /// The key, where there is a file.
    ///
    /// # Errors
    /// When others can get at it, or it is damaged.
    pub fn read(&self) -> Result<Option<MasterKey>, KeyFileError> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.failed(source)),
        };
        let found = file.metadata().map_err(|source| self.failed(source))?;
        if let Some(exposure) = Exposure::of(&found) {
            return Err(KeyFileError::Exposed {
                path: self.path.clone(),
                advice: exposure.advice(&self.path).to_string(),
            });
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text)
            .map_err(|source| self.failed(source))?;
        MasterKey::from_hex(&text)
            .map(Some)
            .map_err(|source| KeyFileError::Damaged {
                path: self.path.clone(),
                source,
            })
    }

    /// A new master key, written with mode 0600 and on disk when this returns. Never replaces one: where another process
    /// was faster, its key is given.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(&self, rng: &dyn Rng) -> Result<MasterKey, KeyFileError> {
        let key = MasterKey::generate(rng);
        // Written aside and linked into place: nobody ever sees half a key, and two first starts do not both win.
        let unique = u64::from_be_bytes(rng::bytes(rng));
        let mut aside = self.path.clone().into_os_string();
        aside.push(format!(".{unique:016x}"));
        let written = self.write(&key, Path::new(&aside));
        let _ = fs::remove_file(&aside);
        match written {
            Ok(()) => Ok(key),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.read()?.ok_or_else(|| self.failed(error))
            }
            Err(source) => Err(self.failed(source)),
        }
    }

    fn write(&self, key: &MasterKey, aside: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(aside)?;
        file.write_all(key.to_hex().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::hard_link(aside, &self.path)?;
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        File::open(folder)?.sync_all()
    }
}
