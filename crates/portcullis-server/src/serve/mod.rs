//! The server's life: folder, listener, TLS, signals, end.

mod app;
mod connections;
mod http;
mod signals;
mod tls;

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use axum_server::{Handle, tls_rustls::RustlsConfig};

pub(crate) use self::tls::{TlsError, load as load_tls};
use crate::{
    config::Settings,
    data_dir::{DataDir, DataDirError},
};

/// Why a server does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("{0} is taken by another program: stop that one, or choose another address with --listen")]
    Taken(SocketAddr),
    #[error("listening on {address} is not possible: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the server cannot run: {0}")]
    Run(#[from] io::Error),
}

/// Serves until a signal ends it.
pub(crate) fn run(settings: Settings) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(settings))
}

async fn serve(settings: Settings) -> Result<(), ServeError> {
    let folder = DataDir::create(&settings.data_dir)?;
    let _lock = folder.lock()?;
    if let Some(warning) = folder.warning() {
        tracing::warn!("{warning}");
    }
    let listener = listen(settings.listen)?;
    let address = listener.local_addr()?;
    let tls = settings
        .tls
        .as_ref()
        .map(load_tls)
        .transpose()?
        .map(RustlsConfig::from_config);
    let handle = Handle::new();
    // Before the first word that the server is there: a signal that comes then must find someone.
    signals::watch(
        handle.clone(),
        settings.tls.clone().zip(tls.clone()),
        settings.http.drain_timeout,
    )?;

    let app = app::app();
    tracing::info!(url = settings.url_of(address), dev = settings.dev, "listening");
    http::run(listener, tls, app, &settings.http, handle).await?;
    tracing::info!("stopped");
    Ok(())
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::Taken(address),
        _ => ServeError::Listen { address, source },
    })
}
