use std::io;

use super::RowError;
use crate::password::Argon2ParamsError;

/// Why an archive could not be written or read. Each text says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// Something else.
    #[error("this is no backup of Portcullis")]
    Other,
    /// Of a later form.
    #[error(
        "this backup has a form that this version of Portcullis does not know: use the version that made it, or a newer one"
    )]
    Newer,
    /// The readable part at the begin was changed.
    #[error("the backup is damaged at its begin: use another copy of it")]
    DamagedBegin,
    /// Another passphrase.
    #[error("the passphrase is not the one with which this backup was made")]
    Passphrase,
    /// A piece does not open.
    #[error("the backup is damaged, or ends too early: use another copy of it")]
    Damaged,
    /// The end is missing.
    #[error("the backup ends too early, a part of it is missing: use another copy of it")]
    CutOff,
    /// It says of itself that the passphrase costs more than any that we make.
    #[error("the backup asks for more work than a passphrase may cost: {0}")]
    Costly(Argon2ParamsError),
    /// The passphrase is too short to keep anything secret.
    #[error(
        "a passphrase has at least {least} characters: whoever has the file can try as many as they like"
    )]
    Short {
        /// Number of characters.
        least: usize,
    },
    /// There is not enough memory to turn the passphrase into a key.
    #[error("there is not enough memory for the passphrase: {0} KiB are needed")]
    Memory(u32),
    /// Authentic, and yet not what we write.
    #[error("the backup has a form that it cannot have: {0}")]
    Form(&'static str),
    /// A row in it.
    #[error("a row of the backup cannot be read: {0}")]
    Row(#[from] RowError),
    /// Reading or writing failed.
    #[error("{0}")]
    Io(io::Error),
}

impl From<io::Error> for ArchiveError {
    /// An error of ours that came through a stream is itself again.
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(ours) => ours,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::CutOff,
            Err(error) => Self::Io(error),
        }
    }
}

impl From<ArchiveError> for io::Error {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Io(error) => error,
            ours => Self::new(io::ErrorKind::InvalidData, ours),
        }
    }
}
