use std::path::{Path, PathBuf};

use clap::Args;
use portcullis_core::{
    clock::{Clock as _, SystemClock},
    rng::SystemRng,
};
use portcullis_store::{
    DatabaseOptions,
    transfer::{self, Copied, Progress as Step},
};
use serde_json::json;

use super::{Failure, data};
use crate::{
    data_dir::{self, ServeLock},
    output::{self, Progress, Rate},
};

/// Copy everything from one database into an empty one: SQLite, PostgreSQL, in either direction
///
/// Stop the servers first: whoever writes to the source meanwhile waits, and is refused after a while. A copy that was
/// interrupted goes on where it was when the same command is run again; until it is through, no server starts on the
/// target. At the end both sides are read again, counted and compared.
///
/// Sessions and refresh tokens go on working: start the servers on the target with the same master key (the file
/// master.key, or `PORTCULLIS_MASTER_KEY`) and the same token.issuer.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Copy {
    /// What to copy, `sqlite:PATH` or `postgres://USER@HOST/NAME`; a password comes from PGPASSWORD or ~/.pgpass
    #[arg(long, value_name = "URL")]
    from: String,
    /// Where to, the same forms; a SQLite file is made, a PostgreSQL database must exist
    #[arg(long, value_name = "URL")]
    to: String,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  portcullis copy --from sqlite:portcullis-data/portcullis.db --to postgres://portcullis@db.example.com/portcullis
  portcullis copy --from postgres://portcullis@db.example.com/portcullis --to sqlite:portcullis.db";

impl Copy {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (from, to) = (DatabaseOptions::new(self.from), DatabaseOptions::new(self.to));
        let _locks = keep_servers_out([&from, &to])?;
        let started = SystemClock.monotonic();
        let copied = data::runtime()?.block_on(async {
            let bar = Progress::new("Looking", "rows", None);
            transfer::copy(&from, &to, &SystemRng, &mut |step| match step {
                Step::Total(rows) => bar.begin("Copying", rows),
                Step::Comparing(rows) => bar.begin("Comparing", rows),
                Step::Rows(rows) => bar.advance(rows),
                _ => {}
            })
            .await
        })?;
        let rate = Rate::of("rows", started, copied.written);
        if self.json {
            return Ok(output::json(&json!({
                "rows": copied.written,
                "seconds": rate.seconds(),
                "tables": copied.tables.iter().map(|(table, digested)| json!({
                    "table": table, "rows": digested.rows, "digest": digested.to_string(),
                })).collect::<Vec<_>>(),
            }))?);
        }
        tell(&copied, &rate)
    }
}

fn tell(copied: &Copied, rate: &Rate) -> Result<(), Failure> {
    let rows = copied.tables.iter().map(|(table, digested)| {
        [
            (*table).to_owned(),
            digested.rows.to_string(),
            digested.to_string(),
        ]
    });
    output::table(["TABLE", "ROWS", "DIGEST"], rows)?;
    output::line(format_args!(
        "Both sides are the same. Copied {rate}, comparison included."
    ))?;
    output::note("Start the servers on the target with the same master key and the same token.issuer.");
    Ok(())
}

/// Where a file lies in a data folder, no server may run on it, nor start.
fn keep_servers_out(databases: [&DatabaseOptions; 2]) -> Result<Vec<ServeLock>, Failure> {
    let mut folders: Vec<PathBuf> = databases
        .into_iter()
        .filter_map(DatabaseOptions::file)
        // What is not there has no server.
        .filter_map(|file| file.canonicalize().ok()?.parent().map(Path::to_owned))
        .collect();
    folders.dedup();
    let mut locks = Vec::new();
    for folder in folders {
        locks.extend(data_dir::lock_if_served(&folder)?);
    }
    Ok(locks)
}
