use std::{fs, io, path::PathBuf};

use clap::{Args, CommandFactory};

use super::{Cli, Failure};
use crate::output::{self, OutputError};

/// Print the manual page
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Man {
    /// Write the pages of all commands into this folder instead
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  portcullis man | man -l -
  portcullis man --dir /usr/local/share/man/man1";

impl Man {
    pub(super) fn run(self) -> Result<(), Failure> {
        let command = Cli::command();
        if let Some(dir) = self.dir {
            fs::create_dir_all(&dir)
                .and_then(|()| clap_mangen::generate_to(command, &dir))
                .map_err(OutputError::from)?;
            return Ok(());
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(OutputError::from)?;
        let page = String::from_utf8(page).map_err(|error| OutputError::from(io::Error::other(error)))?;
        Ok(output::text(page)?)
    }
}
