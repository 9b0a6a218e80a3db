//! Every method of the port, on both engines.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod fixture;
mod users;
