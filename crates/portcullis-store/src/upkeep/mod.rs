//! Upkeep: purging, leases, values of the store as a whole.

mod lease;
mod meta;
mod purge;

pub(crate) use self::{
    lease::TakeLease,
    meta::{MetaOrInsert, SetMeta, database_time, meta, ping},
    purge::Purge,
};
