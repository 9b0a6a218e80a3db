use std::{io, path::PathBuf};

use portcullis::rate_limit::{SharedLimits, SharedLimitsError};
use secrecy::SecretString;

/// Through what nodes share their limits.
pub(crate) struct SharedLimitSettings {
    pub(crate) url: SecretString,
    /// A file of whose certificates one must have signed that of the Redis.
    pub(crate) authorities: Option<PathBuf>,
}

/// Why it cannot be got ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SharedLimitsProblem {
    #[error("limits.redis_ca cannot be read: {}: {error}", file.display())]
    File { file: PathBuf, error: io::Error },
    #[error("limits.redis_ca, {}, is no good: the URL {error}", file.display())]
    Authorities { file: PathBuf, error: SharedLimitsError },
    #[error("limits.redis_url {0}")]
    Url(#[from] SharedLimitsError),
}

impl SharedLimitSettings {
    /// Gets it ready. Does not connect.
    pub(crate) fn open(&self) -> Result<SharedLimits, SharedLimitsProblem> {
        let Some(file) = &self.authorities else {
            return Ok(SharedLimits::new(self.url.clone())?);
        };
        let pem = std::fs::read_to_string(file).map_err(|error| SharedLimitsProblem::File {
            file: file.clone(),
            error,
        })?;
        SharedLimits::with_root_certificates(self.url.clone(), &pem).map_err(|error| {
            SharedLimitsProblem::Authorities {
                file: file.clone(),
                error,
            }
        })
    }
}
