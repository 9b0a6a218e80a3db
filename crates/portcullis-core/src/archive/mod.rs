//! Whole tables outside of a database: rows as bytes that are the same whichever engine they come from, their digests, and
//! sealed files of them.

mod digest;
mod row;

pub use self::{
    digest::{Digested, RowDigest},
    row::{Cell, LONGEST_CELL, RowError, read_row, write_row},
};
