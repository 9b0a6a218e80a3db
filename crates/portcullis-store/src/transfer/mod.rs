//! Whole databases: read in one view, written in order, compared.
//!
//! - [`copy`] moves all tables from one database into an empty one, of either engine.
//! - [`export`] gives the users, one by one.
//! - [`backup`] writes them into an archive while servers go on, [`restore`] puts them into an empty database.
//!
//! A database into which rows are being written has a mark in `portcullis_meta` until all are there. An authority does not
//! open it before ([`UNFINISHED`](portcullis_core::store::UNFINISHED)), and the same command goes on where it was
//! interrupted.

mod backup;
mod copy;
mod engine;
mod error;
mod export;
mod link;
pub(crate) mod rows;
mod source;
pub(crate) mod table;
mod target;
#[cfg(test)]
mod tests;

pub use self::{
    backup::{Tables, backup, restore, table_name},
    copy::{Copied, copy},
    error::TransferError,
    export::export,
};

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// So many rows are to be moved altogether.
    Total(u64),
    /// So many more rows are done, or were already.
    Rows(u64),
    /// All are moved; so many are to be read again, on both sides, and compared.
    Comparing(u64),
}

/// Who is told of it.
pub type Watch<'a> = &'a mut (dyn FnMut(Progress) + Send);
