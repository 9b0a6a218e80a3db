//! How often something may be done: exact sliding windows in bounded memory.

mod address;
mod decision;
mod limiter;
mod log;
mod quota;
mod shard;
mod shared;
#[cfg(test)]
mod tests;

pub(crate) use self::shared::{SharedKeys, binding};
pub use self::{
    address::address_key,
    decision::Decision,
    limiter::Limiter,
    quota::{Quota, QuotaError, Rule},
    shared::{Shared, SharedAsk, SharedCounts, SharedStanding},
};
