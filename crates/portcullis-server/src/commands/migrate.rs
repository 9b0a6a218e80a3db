use clap::Args;
use portcullis_store::{Database, DatabaseOptions};
use serde_json::json;

use super::{Failure, data, options::DataOptions};
use crate::{
    data_dir,
    installation::{InstallationError, database_options},
    output,
};

/// Bring the schema of the database up to date
///
/// Safe beside running servers, and from several places at once: each migration is one transaction, and whoever comes
/// second finds it done. On PostgreSQL one that waits for a table (a backup reads it, a copy) lets others pass and tries
/// again, for up to ten minutes; one that builds an index on a large table keeps writes to that table waiting meanwhile,
/// so run it in a quiet hour. A server brings a SQLite file up to date by itself; on PostgreSQL it does with
/// `serve --migrate` only.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Migrate {
    /// Apply nothing; end with 1 when migrations are pending
    #[arg(long, conflicts_with = "dry_run")]
    check: bool,
    /// Apply nothing; print the SQL that would be run
    #[arg(long)]
    dry_run: bool,
    /// Print the names as JSON
    #[arg(long, conflicts_with = "dry_run")]
    json: bool,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis migrate
  portcullis migrate --check && echo up to date
  portcullis migrate --dry-run > pending.sql";

impl Migrate {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self {
            check,
            dry_run,
            json,
            data,
        } = self;
        let settings = data.load().for_data()?;
        // Needs neither the master key nor, with a database that is configured, the folder.
        let folder = match &settings.database.url {
            Some(_) => None,
            None => Some(data_dir::existing(&settings.data_dir).map_err(InstallationError::from)?),
        };
        let options = database_options(&settings, folder.as_ref());
        data::runtime()?.block_on(async {
            if dry_run {
                return show(&options).await;
            }
            let pending = pending(&options).await?;
            if check && !pending.is_empty() {
                if json {
                    output::json(&json!({"pending": pending}))?;
                    return Err(Failure::Said);
                }
                return Err(InstallationError::NotMigrated(pending).into());
            }
            if !check {
                let database = Database::open(&options).await.map_err(InstallationError::from)?;
                database.close().await;
            }
            match (json, pending.as_slice()) {
                (true, _) if check => output::json(&json!({"pending": pending}))?,
                (true, _) => output::json(&json!({"applied": pending}))?,
                (false, []) => output::line("The database is up to date.")?,
                (false, _) => output::line(format_args!("Applied {}.", pending.join(", ")))?,
            }
            Ok(())
        })
    }
}

/// Opens the database as it is. A file that is not there yet is made by whoever migrates, not by whoever looks.
async fn look(options: &DatabaseOptions) -> Result<Database, InstallationError> {
    let looking = DatabaseOptions {
        migrate: false,
        ..options.clone()
    };
    Ok(Database::open(&looking).await?)
}

async fn pending(options: &DatabaseOptions) -> Result<Vec<&'static str>, InstallationError> {
    if options.file().is_some_and(|file| !file.exists()) {
        return Ok(Database::migrations());
    }
    let database = look(options).await?;
    let pending = database.pending_migrations().await;
    database.close().await;
    Ok(pending?)
}

async fn show(options: &DatabaseOptions) -> Result<(), Failure> {
    let database = look(options).await?;
    let sql = database.pending_sql().await;
    database.close().await;
    for text in sql.map_err(InstallationError::from)? {
        output::text(text)?;
    }
    Ok(())
}
