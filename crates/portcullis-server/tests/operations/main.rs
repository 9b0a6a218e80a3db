//! The real binary as an operator meets it: first start, second start, signals, TLS, files, messages, exit codes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod check;
mod command_line;
mod copy;
mod deploy;
mod doctor;
mod files;
mod harness;
mod import;
mod life;
mod maintenance;
mod metrics;
mod migrate;
mod tls;
mod token;
mod traces;
