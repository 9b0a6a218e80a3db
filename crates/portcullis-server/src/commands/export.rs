use std::path::{Path, PathBuf};

use clap::Args;
use portcullis_core::{
    audit::kind,
    clock::{Clock as _, SystemClock},
    roster::{RosterFormat, RosterWriter},
    store::Store as _,
};
use portcullis_store::transfer::{self, Progress as Step};
use serde_json::json;

use super::{Failure, backup::event, data, options::DataOptions};
use crate::{
    installation::InstallationError,
    output::{self, Progress, Rate, ResultFile},
};

/// Write all users into a file of CSV or JSON lines, in the form that import reads
///
/// As they are at one moment, while servers go on. For moving to another system; to move to another database use copy, and to
/// keep the data safe use backup.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Export {
    /// File to write, with mode 0600; replaces none without --force. `-` is stdout
    file: PathBuf,
    /// csv or jsonl [default: by the end of the file's name]
    #[arg(long)]
    format: Option<RosterFormat>,
    /// Write the hashes of the passwords too: whoever gets the file can guess at them without end
    #[arg(long)]
    with_hashes: bool,
    /// Take the place of a file that is there already
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis export users.csv
  portcullis export - --format jsonl | jq -r .email
  portcullis export users.jsonl --with-hashes";

impl Export {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self {
            file,
            format,
            with_hashes,
            force,
            data,
        } = self;
        let format = super::import::format(format, &file)?;
        let result = if force {
            ResultFile::replacing(&file)?
        } else {
            ResultFile::create(&file)?
        };
        let failed = |source| output::FileError::Write {
            path: file.clone(),
            source,
        };
        let mut roster = RosterWriter::new(result, format, with_hashes).map_err(failed)?;
        let started = SystemClock.monotonic();
        let number = data::on_options(data, async |options, database| {
            // That someone took all users with them is a matter for the audit log, before it happens.
            let detail = json!({"format": format.to_string(), "with_hashes": with_hashes});
            let noted = database
                .append_audit(vec![event(kind::USERS_EXPORTED, detail)])
                .await;
            noted.map_err(InstallationError::from)?;
            let bar = Progress::new("Exporting", "users", None);
            let mut watch = |step| match step {
                Step::Total(users) => bar.begin("Exporting", users),
                Step::Rows(users) => bar.advance(users),
                _ => {}
            };
            Ok(transfer::export(options, &mut |user| roster.write(user), &mut watch).await?)
        })?;
        roster.finish().map_err(failed)?.commit()?;
        if file != Path::new("-") {
            let hashes = if with_hashes { "with" } else { "without" };
            output::note(format_args!(
                "Wrote {}, {hashes} hashes.",
                Rate::of("users", started, number)
            ));
        }
        Ok(())
    }
}
