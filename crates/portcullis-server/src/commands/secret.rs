//! Passwords from a prompt or from stdin: never from the arguments, which everyone on the machine can read.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal},
    path::{Path, PathBuf},
};

use portcullis_core::password::Password;
use zeroize::Zeroizing;

/// More than any password may have, so that a wrong file on stdin is told from a password.
const LONGEST: u64 = 4096;

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("the two that were typed are not the same")]
    Differ,
    #[error("no password came on stdin: write it there, or run this on a terminal to be asked")]
    Nothing,
    #[error("what came on stdin is too long for a password")]
    TooLong,
    #[error("{} cannot be read: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the password could not be read: {0}")]
    Read(#[from] io::Error),
}

/// A new password: asked for twice on a terminal, else the first line of stdin.
pub(super) fn new_password() -> Result<Password, SecretError> {
    if io::stdin().is_terminal() {
        let first = Zeroizing::new(rpassword::prompt_password("New password: ")?);
        let second = Zeroizing::new(rpassword::prompt_password("Again: ")?);
        if first != second {
            return Err(SecretError::Differ);
        }
        return Ok(Password::new(&first));
    }
    first_line(io::stdin().lock())
}

/// A passphrase: the first line of `file`, else asked for on a terminal, twice when it is a `new` one, else the first line
/// of stdin.
pub(super) fn passphrase(file: Option<&Path>, new: bool) -> Result<Password, SecretError> {
    if let Some(path) = file {
        let opened = File::open(path).map_err(|source| SecretError::File {
            path: path.to_owned(),
            source,
        })?;
        return first_line(BufReader::new(opened));
    }
    if !io::stdin().is_terminal() {
        return first_line(io::stdin().lock());
    }
    let first = Zeroizing::new(rpassword::prompt_password("Passphrase: ")?);
    if new && first != Zeroizing::new(rpassword::prompt_password("Again: ")?) {
        return Err(SecretError::Differ);
    }
    Ok(Password::new(&first))
}

fn first_line(from: impl BufRead) -> Result<Password, SecretError> {
    let mut line = Zeroizing::new(String::with_capacity(128));
    from.take(LONGEST).read_line(&mut line)?;
    if u64::try_from(line.len()).is_ok_and(|length| length >= LONGEST) {
        return Err(SecretError::TooLong);
    }
    let text = line.strip_suffix('\n').unwrap_or(&line);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(SecretError::Nothing);
    }
    Ok(Password::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password_with_its_spaces() {
        for (input, length) in [
            (" two words \n", 11),
            ("windows\r\n", 7),
            ("no end", 6),
            ("first\nsecond\n", 5),
        ] {
            assert_eq!(
                first_line(input.as_bytes()).unwrap().length(),
                length,
                "{input:?}"
            );
        }
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        assert!(matches!(first_line(&b""[..]), Err(SecretError::Nothing)));
        assert!(matches!(first_line(&b"\n"[..]), Err(SecretError::Nothing)));
        assert!(matches!(
            first_line("a".repeat(5000).as_bytes()),
            Err(SecretError::TooLong)
        ));
    }
}
