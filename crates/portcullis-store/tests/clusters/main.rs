//! PostgreSQL servers of the test's own: by TLS, and several of which one takes writes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod hosts;
mod silent;
mod tls;
