//! The application under test, fixtures and the means of the black-box suite.
//!
//! [`server::App`] is a running Portcullis on a database of its own: the real binary, or the same router in this
//! process with a clock that can be moved. [`client::Client`] speaks to it, and checks the manners of every single
//! answer ([`manners`]), whatever the test is about.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "only tests use this crate: a panic is how a test fails"
)]
#![allow(
    clippy::return_self_not_must_use,
    reason = "an expectation may be all that a test wants"
)]

pub mod browser;
pub mod client;
pub mod database;
pub mod equivalence;
pub mod hostile;
pub mod jwt;
pub mod manners;
pub mod memory;
pub mod nodes;
pub mod people;
pub mod postgres;
pub mod redis;
pub mod server;
pub mod stopwatch;
pub mod walk;
