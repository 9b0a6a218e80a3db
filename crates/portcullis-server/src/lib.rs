//! The Portcullis server: the binary `portcullis`, its command line, its configuration, and the wiring of the other
//! crates.

mod check;
mod commands;
mod config;
mod data_dir;
mod doctor;
mod installation;
mod log;
mod metrics;
mod output;
mod serve;
mod telemetry;

use std::process::ExitCode;

/// Runs the command that the process was started with: 0 done, 1 failed, 2 wrong usage.
#[must_use]
pub fn run() -> ExitCode {
    commands::run()
}
