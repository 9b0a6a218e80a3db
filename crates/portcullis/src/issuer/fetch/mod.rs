//! Fetching what issuers publish. What is fetched, and where from, is up to whoever has the issuer's name: so nothing is
//! followed that does not lead where it should, and nothing is read for longer, or further, than it should be.

mod cache_control;
mod client;
mod discovery;
mod introspection;
mod keeper;
mod target;

pub use self::introspection::Introspection;
pub(crate) use self::{
    client::{Client, FetchError, Network},
    discovery::Places,
    target::Target,
};
pub(super) use self::{
    introspection::Introspector,
    keeper::{Keeper, KeySource},
};
