//! Runs a command on the data of an installation, beside a server or without one.

use super::{Failure, options::DataOptions};
use crate::{installation::Installation, log};

/// Opens the installation, does `act`, stores what waits and closes.
pub(super) fn on<T>(
    options: DataOptions,
    act: impl AsyncFnOnce(&Installation) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let settings = options.load().for_data()?;
    log::start_quiet();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    runtime.block_on(async {
        let installation = Installation::existing(&settings).await?;
        let done = act(&installation).await;
        installation.close().await;
        done
    })
}
