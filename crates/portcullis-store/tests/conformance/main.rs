//! Every method of the port, on both engines, on databases of our own and on the pools of applications.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod administrators;
mod audit;
mod failures;
mod feed;
mod fixture;
mod identities;
mod keys;
mod list;
mod passwords;
mod pools;
mod races;
mod refresh;
mod revoked;
mod roles;
mod schema;
mod sessions;
mod sqlite;
mod transfer;
mod upkeep;
mod users;
mod word;
