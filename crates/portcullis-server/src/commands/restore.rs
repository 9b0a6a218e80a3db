use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use clap::Args;
use portcullis::embedded::DataDir;
use portcullis_core::{
    archive::{ArchiveReader, Entry, LockedArchive},
    audit::kind,
    clock::{Clock as _, SystemClock},
    rng::SystemRng,
};
use portcullis_store::transfer::{self, Progress as Step, Tables};
use serde_json::json;

use super::{
    Failure,
    backup::{event, report, users},
    data,
    options::DataOptions,
    secret,
};
use crate::{
    config::Settings,
    data_dir::{self, FolderError},
    installation::database_options,
    output::{self, Progress, Rate},
};

/// Put the data of a backup into an empty database
///
/// Into that of the configuration: a SQLite file, with its folder, is made; a PostgreSQL database must exist and be empty.
/// No server may run on it. A restore that was interrupted, or found the file damaged, is done again from the start by
/// another restore; until one is through, no server starts on the database.
///
/// All sessions end and signing keys are made anew, so that nothing is valid that was revoked after the backup: everybody
/// logs in again. Any master key will do, a new one too; then devices that were known are not known any more.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Restore {
    /// The backup; `-` is stdin
    file: PathBuf,
    /// Read the passphrase from the first line of this file; otherwise it is asked for, or the first line of stdin
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Read the whole backup and say what is inside; restore nothing
    #[arg(long)]
    check: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis restore /backup/portcullis-2026-01-31 --check
  portcullis restore /backup/portcullis-2026-01-31 --data-dir /var/lib/portcullis
  ssh backup@example.com cat portcullis | portcullis restore --passphrase-file passphrase -";

impl Restore {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self {
            file,
            passphrase_file,
            check,
            json,
            data,
        } = self;
        let settings = data.load().for_data()?;
        if file == Path::new("-") && passphrase_file.is_none() {
            return Err(Failure::Usage(
                "the backup comes on stdin, so the passphrase must come from --passphrase-file".to_owned(),
            ));
        }
        let archive = open(&file)?;
        let header = archive.header().clone();
        let mut archive = archive.unlock(&secret::passphrase(passphrase_file.as_deref(), false)?)?;
        let started = SystemClock.monotonic();
        let tables = if check {
            look(&mut archive)?
        } else {
            let detail = json!({"backup": header.created_at.to_string()});
            restore(&settings, &mut archive, detail)?
        };
        let rows = tables.iter().map(|(_, digested)| digested.rows).sum();
        let rate = Rate::of("rows", started, rows);
        if json {
            let mut report = report(&tables, &rate);
            report["created_at"] = json!(header.created_at.to_string());
            report["version"] = json!(header.version);
            return Ok(output::json(&report)?);
        }
        let of = format!(
            "a backup of {}, made by version {} on {}",
            header.created_at, header.version, header.engine
        );
        if check {
            return Ok(output::line(format_args!(
                "{} users in {of}: whole and readable, {rate}. The master key is not inside.",
                users(&tables)
            ))?);
        }
        output::line(format_args!(
            "Restored {} users from {of}: {rate}.",
            users(&tables)
        ))?;
        output::note(
            "All sessions are over: everybody logs in again. Signing keys are made anew at the next start.",
        );
        if settings.token.secret.is_some() {
            output::warning(
                "tokens are signed with token.secret: those that were revoked after the backup are valid again until they \
                 expire, unless you start with another secret",
            );
        }
        Ok(())
    }
}

type Input = Box<dyn Read + Send>;

fn open(path: &Path) -> Result<LockedArchive<Input>, Failure> {
    let input: Input = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        let opened = File::open(path).map_err(|source| Failure::Read {
            place: path.display().to_string(),
            source,
        })?;
        Box::new(BufReader::with_capacity(256 * 1024, opened))
    };
    Ok(ArchiveReader::open(input)?)
}

/// Reads to the end.
fn look(archive: &mut ArchiveReader<Input>) -> Result<Tables, Failure> {
    let bar = Progress::new("Reading", "rows", None);
    let mut tables = Tables::new();
    let mut table = "";
    while let Some(entry) = archive.next()? {
        match entry {
            Entry::Table(head) => table = transfer::table_name(&head)?,
            Entry::Row(_) => bar.advance(1),
            Entry::End(digested) => tables.push((table, digested)),
        }
    }
    Ok(tables)
}

fn restore(
    settings: &Settings,
    archive: &mut ArchiveReader<Input>,
    detail: serde_json::Value,
) -> Result<Tables, Failure> {
    let folder = match &settings.database.url {
        Some(_) => None,
        None => Some(DataDir::create(&settings.data_dir).map_err(FolderError::from)?),
    };
    let _lock = folder.as_ref().map(data_dir::lock).transpose()?;
    let options = database_options(settings, folder.as_ref());
    let bar = Progress::new("Restoring", "rows", None);
    data::runtime()?.block_on(async {
        let event = event(kind::RESTORED, detail);
        let mut watch = |step| {
            if let Step::Rows(rows) = step {
                bar.advance(rows);
            }
        };
        Ok(transfer::restore(archive, &options, &event, &SystemRng, &mut watch).await?)
    })
}
