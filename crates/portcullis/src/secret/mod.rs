//! Secrets of an application: from the environment or a file, and shown nowhere.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

pub use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// Longest secret in a file, in bytes.
const LONGEST: usize = 64 * 1024;

/// The secret `name`: the environment variable of this name, or the content of the file that `name` with `_FILE` behind it
/// names, as Docker and Kubernetes provide files. A newline at the end of a file is no part of it.
///
/// It has no `Display`, its `Debug` shows nothing, it does not serialize, and it is wiped when dropped.
///
/// Call it at the start, so that a missing secret ends the start and not a request. Beside the server's configuration,
/// this is the one place of Portcullis that reads the environment.
///
/// ```no_run
/// use portcullis::{secret, secret::ExposeSecret as _, token::Tokens};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = Tokens::hs256(&secret("JWT_SECRET")?)?;
///
/// let api_key = secret("API_KEY")?;
/// println!("{api_key:?}"); // SecretBox<str>([REDACTED])
/// let header = format!("Bearer {}", api_key.expose_secret());
/// # Ok(())
/// # }
/// ```
///
/// ```
/// let missing = portcullis::secret("A_SECRET_THAT_NOBODY_SET").unwrap_err();
/// assert!(missing.to_string().contains("A_SECRET_THAT_NOBODY_SET_FILE"));
/// ```
///
/// # Errors
/// When it is not there, empty, not UTF-8, or there twice: what to do about it.
#[expect(
    clippy::disallowed_methods,
    reason = "the library's one reader of the environment"
)]
pub fn secret(name: &str) -> Result<SecretString, SecretError> {
    find(name, |name| std::env::var_os(name))
}

fn find(name: &str, variable: impl Fn(&str) -> Option<OsString>) -> Result<SecretString, SecretError> {
    let text = match (variable(name), variable(&format!("{name}_FILE"))) {
        (None, None) => return Err(SecretError::Missing(name.to_owned())),
        (Some(_), Some(_)) => return Err(SecretError::Twice(name.to_owned())),
        (Some(value), None) => value
            .into_string()
            .map_err(|_| SecretError::NotText(name.to_owned()))?
            .into(),
        (None, Some(path)) => read(name, Path::new(&path))?,
    };
    if text.expose_secret().trim().is_empty() {
        return Err(SecretError::Empty(name.to_owned()));
    }
    Ok(text)
}

fn read(name: &str, path: &Path) -> Result<SecretString, SecretError> {
    let failed = |source| SecretError::File {
        name: name.to_owned(),
        path: path.to_owned(),
        source,
    };
    // Room for all of it: a buffer that grows leaves copies behind which nobody wipes.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    let file = File::open(path).map_err(failed)?;
    file.take(LONGEST as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() > LONGEST {
        return Err(failed(io::Error::other("it is longer than 64 KiB")));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::NotText(name.to_owned()))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(text.strip_suffix('\r').unwrap_or(text).into())
}

/// Why there is no secret. Names the variable and the file, never what is in them.
///
/// ```
/// use portcullis::secret;
///
/// let missing = secret("THERE_IS_NO_SUCH_SECRET").unwrap_err();
/// assert!(missing.to_string().contains("THERE_IS_NO_SUCH_SECRET"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Neither variable is set.
    #[error(
        "the secret {0} is missing: set the environment variable {0}, or {0}_FILE to the path of a file that holds it \
         (`openssl rand -base64 48` makes a good one)"
    )]
    Missing(String),
    /// Both variables are set.
    #[error("the secret {0} is there twice: unset one of {0} and {0}_FILE")]
    Twice(String),
    /// Nothing but white space.
    #[error("the secret {0} is empty: put it into the variable {0}, or into the file that {0}_FILE names")]
    Empty(String),
    /// Not UTF-8.
    #[error("the secret {0} is not UTF-8 text: write it in hexadecimal or base64")]
    NotText(String),
    /// The file cannot be read.
    #[error("the file {p} of the secret {name} cannot be read: {source}", p = path.display())]
    File {
        /// The variable without `_FILE`.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

#[cfg(test)]
mod tests;
