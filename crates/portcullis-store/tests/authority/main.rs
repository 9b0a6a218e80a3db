//! The authority on a real database: what an attacker tries who has a password, a token or a moment.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod accounts;
mod devices;
mod dropped;
mod ended;
mod fixture;
mod late;
mod maintenance;
mod providers;
mod races;
mod upkeep;
