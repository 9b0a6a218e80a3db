//! The environment of the process, which nothing else reads.
#![expect(clippy::disallowed_methods, reason = "the one reader of the environment")]

use std::{env, ffi::OsString};

/// All variables.
pub(crate) fn variables() -> Vec<(OsString, OsString)> {
    env::vars_os().collect()
}

/// Whether a terminal is to get colour (<https://no-color.org>).
pub(crate) fn colour_wanted() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|term| term != "dumb")
}
