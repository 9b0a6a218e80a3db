//! Runs a command on the data of an installation, beside a server or without one.

use tokio::runtime::Runtime;

use super::{Failure, options::DataOptions};
use crate::{installation::Installation, log};

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

/// What a command runs on, with a log for what goes wrong beside its result.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    log::start_quiet();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Failure::Runtime)
}
