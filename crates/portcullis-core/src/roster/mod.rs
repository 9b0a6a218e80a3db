//! A roster: users as records of CSV or lines of JSON, for moving them from and to other systems.
//!
//! Whatever it holds was written by others: every record has a bound, and nothing of a record is repeated in an error, since
//! where a file is not what it should be, any field may hold the hash of a password.

mod csv;
mod lines;
mod read;
mod user;
mod write;

use std::{fmt, str::FromStr};

pub use self::{
    read::{Record, RosterError, RosterReader},
    user::{ImportUser, Refused, RosterUser},
    write::RosterWriter,
};

/// A record is at most so long, in bytes.
pub const LONGEST_RECORD: usize = 64 * 1024;

/// In the place of roles in CSV, where nothing means that none are stated: no role at all. No role has such a name.
const NO_ROLES: &str = "!";

/// The columns of CSV and the members of JSON, in the order in which they are written.
const COLUMNS: [&str; 7] = [
    "id",
    "email",
    "name",
    "roles",
    "status",
    "created_at",
    "password_hash",
];

/// How a roster is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RosterFormat {
    /// CSV (RFC 4180) with a header; roles are separated by spaces, and `!` is no role at all.
    Csv,
    /// One JSON object on each line; roles are an array.
    JsonLines,
}

/// Not a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a format is csv or jsonl")]
pub struct RosterFormatError;

impl FromStr for RosterFormat {
    type Err = RosterFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "csv" => Ok(Self::Csv),
            "jsonl" | "ndjson" => Ok(Self::JsonLines),
            _ => Err(RosterFormatError),
        }
    }
}

impl fmt::Display for RosterFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        })
    }
}

#[cfg(test)]
mod tests;
