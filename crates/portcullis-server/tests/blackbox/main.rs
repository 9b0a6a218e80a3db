//! The black-box suite: behaviour from outside, over HTTP, on both databases.
//!
//! One binary with a module for each concept. Every test starts the real server on a database of its own, so tests
//! neither order nor disturb each other. A new test takes a [`Setup`] and is named in its file's `on_both!`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test fails; clippy knows test functions only by their attribute"
)]

use std::path::Path;

use portcullis_testkit::server::{App, Setup};

#[macro_use]
mod both;

mod access;
mod admin_roles;
mod admin_users;
mod audit;
mod canary;
mod clients;
mod clock;
mod command_line;
mod cookies;
mod crash;
mod export;
mod failures;
mod flood;
mod hostile;
mod jwks;
mod limits;
mod login;
mod logout;
mod manners;
mod me;
mod openapi;
mod password;
mod providers;
mod refresh;
mod register;
mod revocation;
mod sessions;
mod shared_limits;
mod stacks;
mod timing;
mod verify;

/// Starts the binary under test.
async fn start(setup: Setup) -> App {
    setup.start(Path::new(env!("CARGO_BIN_EXE_portcullis"))).await
}
