//! Whole tables outside of a database: rows as bytes that are the same whichever engine they come from, their digests, and
//! sealed files of them.

mod digest;
mod error;
mod file;
mod header;
mod row;
mod seal;

pub use self::{
    digest::{Digested, RowDigest},
    error::ArchiveError,
    file::{ArchiveReader, ArchiveWriter, Entry, LockedArchive, TableHead},
    header::Header,
    row::{Cell, LONGEST_CELL, RowError, read_row, write_row},
};
