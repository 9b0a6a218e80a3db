//! The command line: one file for each command, with its arguments, its help and what it does.

mod check;
mod config;
mod man;
mod options;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{config::Problems, data_dir::DataDirError, output, output::OutputError, serve::ServeError};

/// Portcullis registers people, logs them in, and says who may do what.
#[derive(Parser)]
#[command(name = "portcullis", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  portcullis serve --dev                 try it: http://127.0.0.1:8000
  portcullis check                       what is wrong with the configuration, if anything
  portcullis config --example            every key with its meaning and its default

Exit codes: 0 done, 1 failed, 2 wrong usage.";

#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    Check(check::Check),
    Config(config::Config),
    Man(man::Man),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Config(#[from] Problems),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Output(#[from] OutputError),
    /// All was said already.
    #[error("")]
    Said,
}

/// Parses the arguments and runs their command. Wrong usage ends the process with 2.
pub(crate) fn run() -> ExitCode {
    match Cli::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Said) => ExitCode::FAILURE,
        Err(failure) => {
            output::failure(failure);
            ExitCode::FAILURE
        }
    }
}

impl Command {
    fn run(self) -> Result<(), Failure> {
        match self {
            Self::Serve(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::Config(command) => command.run(),
            Self::Man(command) => command.run(),
        }
    }
}
