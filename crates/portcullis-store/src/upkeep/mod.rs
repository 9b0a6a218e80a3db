//! Upkeep: purging, leases, what is used up, values of the store as a whole.

mod lease;
mod meta;
mod purge;
mod spend;

pub(crate) use self::{
    lease::TakeLease,
    meta::{MetaOrInsert, SetMeta, database_time, meta, ping},
    purge::Purge,
    spend::Spend,
};
