//! The command line: one file for each command, with its arguments, its help and what it does.

mod audit;
mod backup;
mod check;
mod config;
mod confirm;
mod copy;
mod data;
mod doctor;
mod export;
mod import;
mod key;
mod maintenance;
mod man;
mod migrate;
mod openapi;
mod options;
mod restore;
mod role;
mod routes;
mod secret;
mod serve;
mod token;
mod user;

use std::{io, process::ExitCode};

use clap::{Parser, Subcommand};
use portcullis_core::{
    archive::ArchiveError,
    authority::{AdminUserError, TryLater},
    key::KeyError,
    roster::RosterError,
    user::NameError,
};

use portcullis::maintenance::MaintenanceError;
use portcullis_store::transfer::TransferError;

use self::{confirm::NotConfirmed, secret::SecretError};
use crate::{
    config::Problems,
    data_dir::FolderError,
    installation::InstallationError,
    output::{self, FileError, OutputError},
    serve::ServeError,
};

/// Portcullis registers people, logs them in, and says who may do what.
#[derive(Parser)]
#[command(name = "portcullis", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  portcullis serve --dev                           try it: http://127.0.0.1:8000
  portcullis user add root@example.com --role admin
  portcullis check                                 what is wrong with the configuration, if anything
  portcullis config --example                      every key with its meaning and its default

Exit codes: 0 done, 1 failed, 2 wrong usage.";

#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    User(user::User),
    Role(role::Role),
    Key(key::Key),
    Maintenance(maintenance::Maintenance),
    Token(token::Token),
    Audit(audit::Audit),
    Routes(routes::Routes),
    Openapi(openapi::OpenApi),
    Check(check::Check),
    Doctor(doctor::Doctor),
    Config(config::Config),
    Migrate(migrate::Migrate),
    Copy(copy::Copy),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Import(import::Import),
    Export(export::Export),
    Man(man::Man),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Config(#[from] Problems),
    #[error(transparent)]
    Installation(#[from] InstallationError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Transfer(#[from] TransferError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Roster(#[from] RosterError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("there is no user `{0}`")]
    NoUser(String),
    #[error(transparent)]
    User(#[from] AdminUserError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    TryLater(#[from] TryLater),
    #[error(transparent)]
    Maintenance(#[from] MaintenanceError),
    #[error("{0}: give one with --name")]
    Name(NameError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    NotConfirmed(#[from] NotConfirmed),
    #[error("{place} cannot be read: {source}")]
    Read { place: String, source: io::Error },
    #[error("the command cannot run: {0}")]
    Runtime(io::Error),
    #[error(transparent)]
    Output(#[from] OutputError),
    /// What was asked for makes no sense: ends with 2, so that a script can tell it from the answer "no".
    #[error("{0}")]
    Usage(String),
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
            let code = match failure {
                Failure::Usage(_) => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            };
            output::failure(failure);
            code
        }
    }
}

impl Command {
    fn run(self) -> Result<(), Failure> {
        match self {
            Self::Serve(command) => command.run(),
            Self::User(command) => command.run(),
            Self::Role(command) => command.run(),
            Self::Key(command) => command.run(),
            Self::Maintenance(command) => command.run(),
            Self::Token(command) => command.run(),
            Self::Audit(command) => command.run(),
            Self::Routes(command) => command.run(),
            Self::Openapi(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::Doctor(command) => command.run(),
            Self::Config(command) => command.run(),
            Self::Migrate(command) => command.run(),
            Self::Copy(command) => command.run(),
            Self::Backup(command) => command.run(),
            Self::Restore(command) => command.run(),
            Self::Import(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::Man(command) => command.run(),
        }
    }
}
