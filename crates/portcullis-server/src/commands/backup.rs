use std::{
    cell::Cell,
    path::{Path, PathBuf},
};

use clap::Args;
use portcullis_core::{
    archive::{ArchiveWriter, Header},
    audit::{Actor, AuditEvent, kind},
    clock::{Clock as _, SystemClock},
    id::AuditId,
    rng::SystemRng,
    store::Store as _,
};
use portcullis_store::transfer::{self, Progress as Step, Tables};
use serde_json::json;

use super::{Failure, data, options::DataOptions, secret};
use crate::{
    installation::InstallationError,
    output::{self, Progress, Rate, ResultFile},
};

/// Write all data into one file, compressed and encrypted, while servers go on
///
/// The file is of one moment, the same for SQLite and PostgreSQL, and can be restored into either. It is sealed with a
/// passphrase of at least 12 characters: asked for, or the first line of stdin, or of --passphrase-file.
///
/// Inside are users with the hashes of their passwords, roles, failed logins and the audit log. Not inside are the master
/// key and the signing keys: a restore does not need them. Nor sessions: a restore ends them.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Backup {
    /// File to write, with mode 0600; never replaces one. `-` is stdout
    file: PathBuf,
    /// Read the passphrase from the first line of this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis backup /backup/portcullis-$(date +%F)
  portcullis backup --passphrase-file /etc/portcullis/backup-passphrase /backup/portcullis-$(date +%F)
  portcullis backup --passphrase-file passphrase - | ssh backup@example.com 'cat > portcullis'";

impl Backup {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self {
            file,
            passphrase_file,
            json,
            data,
        } = self;
        if json && file == Path::new("-") {
            return Err(Failure::Usage(
                "the backup goes to stdout, and so would --json".to_owned(),
            ));
        }
        let started = Cell::new(SystemClock.monotonic());
        let (archive, tables) = data::on_options(data, async |options, database| {
            let result = ResultFile::create(&file)?;
            let passphrase = secret::passphrase(passphrase_file.as_deref(), true)?;
            let header = Header {
                created_at: SystemClock.now(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                engine: database.engine().to_owned(),
            };
            let mut archive = ArchiveWriter::new(result, &header, &passphrase, &SystemRng)?;
            started.set(SystemClock.monotonic());
            // That someone took all data with them is a matter for the audit log, before it happens.
            let noted = database
                .append_audit(vec![event(kind::BACKED_UP, json!({}))])
                .await;
            noted.map_err(InstallationError::from)?;
            let bar = Progress::new("Reading", "rows", None);
            let mut watch = |step| match step {
                Step::Total(rows) => bar.begin("Writing", rows),
                Step::Rows(rows) => bar.advance(rows),
                _ => {}
            };
            let tables = transfer::backup(options, &mut archive, &mut watch).await?;
            Ok((archive, tables))
        })?;
        archive.finish()?.commit()?;
        let rows = tables.iter().map(|(_, digested)| digested.rows).sum();
        let rate = Rate::of("rows", started.get(), rows);
        if json {
            return Ok(output::json(&report(&tables, &rate))?);
        }
        output::note(format_args!(
            "Wrote {rate}, {} users. The master key and the signing keys are not inside.",
            users(&tables)
        ));
        Ok(())
    }
}

/// Done by an operator, now.
pub(super) fn event(kind: &str, detail: serde_json::Value) -> AuditEvent {
    let now = SystemClock.now();
    AuditEvent {
        id: AuditId::generate(now, &SystemRng),
        at: now,
        kind: kind.to_owned(),
        actor: Actor::Operator,
        subject: None,
        address: None,
        request_id: None,
        detail,
    }
}

pub(super) fn users(tables: &Tables) -> u64 {
    let users = tables.iter().find(|(table, _)| *table == "portcullis_users");
    users.map_or(0, |(_, digested)| digested.rows)
}

pub(super) fn report(tables: &Tables, rate: &Rate) -> serde_json::Value {
    json!({
        "users": users(tables),
        "seconds": rate.seconds(),
        "tables": tables.iter().map(|(table, digested)| json!({
            "table": table, "rows": digested.rows, "digest": digested.to_string(),
        })).collect::<Vec<_>>(),
    })
}
