//! Runs a command on the data of an installation, beside a server or without one.

use portcullis_core::store::{Store as _, UNFINISHED};
use portcullis_store::{Database, DatabaseOptions};
use tokio::runtime::Runtime;

use super::{Failure, options::DataOptions};
use crate::{
    data_dir,
    installation::{Installation, InstallationError, database_options},
    log,
};

/// Opens the installation, does `act`, stores what waits and closes.
pub(super) fn on<T>(
    options: DataOptions,
    act: impl AsyncFnOnce(&Installation) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let settings = options.load().for_data()?;
    runtime()?.block_on(async {
        let installation = Installation::existing(&settings).await?;
        let done = act(&installation).await;
        installation.close().await;
        done
    })
}

/// Opens the database alone, which needs no master key, does `act` and closes it.
pub(super) fn on_options<T>(
    options: DataOptions,
    act: impl AsyncFnOnce(&DatabaseOptions, &Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let settings = options.load().for_data()?;
    let folder = match &settings.database.url {
        Some(_) => None,
        None => Some(data_dir::existing(&settings.data_dir)?),
    };
    let mut options = database_options(&settings, folder.as_ref());
    options.migrate = false;
    runtime()?.block_on(async {
        let database = Database::open(&options).await.map_err(InstallationError::from)?;
        let done = match usable(&database).await {
            Ok(()) => act(&options, &database).await,
            Err(error) => Err(error.into()),
        };
        database.close().await;
        done
    })
}

/// Like [`on_options`], for who needs no second connection.
pub(super) fn on_database<T>(
    options: DataOptions,
    act: impl AsyncFnOnce(&Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    on_options(options, async |_, database| act(database).await)
}

async fn usable(database: &Database) -> Result<(), InstallationError> {
    let pending = database.pending_migrations().await?;
    if !pending.is_empty() {
        return Err(InstallationError::NotMigrated(pending));
    }
    if database.meta(UNFINISHED).await?.is_some() {
        return Err(InstallationError::Unfinished);
    }
    Ok(())
}

/// What a command runs on, with a log for what goes wrong beside its result.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    log::start_quiet();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Failure::Runtime)
}
