use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use portcullis_core::roster::Refused;

use super::Bar;
use crate::output::{FileError, ResultFile};

/// Where refused lines are told.
pub(super) enum Refusals {
    Stderr,
    File(PathBuf, ResultFile),
}

impl Refusals {
    pub(super) fn open(path: Option<&Path>) -> Result<Self, FileError> {
        let Some(path) = path else {
            return Ok(Self::Stderr);
        };
        let mut file = ResultFile::create(path)?;
        let written = writeln!(file, "line,reason");
        written.map_err(|source| FileError::Write {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self::File(path.to_owned(), file))
    }

    pub(super) fn add(&mut self, line: u64, reason: &Refused, bar: &Bar) -> Result<(), FileError> {
        match self {
            Self::Stderr => {
                bar.note(format_args!("line {line}: {reason}"));
                Ok(())
            }
            Self::File(path, file) => {
                let reason = reason.to_string().replace('"', "\"\"");
                writeln!(file, "{line},\"{reason}\"").map_err(|source| FileError::Write {
                    path: path.clone(),
                    source,
                })
            }
        }
    }

    pub(super) fn close(self) -> Result<(), FileError> {
        match self {
            Self::Stderr => Ok(()),
            Self::File(_, file) => file.commit(),
        }
    }
}
