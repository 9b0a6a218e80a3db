//! Asks before something that cannot be undone.

use std::{
    fmt,
    io::{self, BufRead, IsTerminal, Write},
};

/// Nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotConfirmed {
    #[error("nobody can be asked here: say --yes")]
    NoTerminal,
    #[error("nothing was done")]
    No,
    #[error("the answer could not be read: {0}")]
    Read(#[from] io::Error),
}

/// Goes on only after a `y` on a terminal.
pub(super) fn ask(question: impl fmt::Display) -> Result<(), NotConfirmed> {
    if !io::stdin().is_terminal() {
        return Err(NotConfirmed::NoTerminal);
    }
    write!(io::stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(NotConfirmed::No),
    }
}
