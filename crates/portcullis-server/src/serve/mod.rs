//! The server's life: folder, listener, TLS, signals, end.

mod app;
mod certificate;
mod connections;
mod http;
mod leaving;
mod metrics;
mod signals;
mod tls;
mod version;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum_server::{Handle, tls_rustls::RustlsConfig};

use self::leaving::Leaving;
pub(crate) use self::{
    certificate::Dated,
    tls::{Expiry, TlsError, load as load_tls},
};
use portcullis::{embedded::DataDir, gate::GateError};

use crate::{
    config::Settings,
    data_dir::{self, FolderError},
    installation::{DEV_EMAIL, DEV_PASSWORD, Installation, InstallationError},
    telemetry::Exporter,
};

/// Why a server does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("{0} is taken by another program: stop that one, or choose another address with --listen")]
    Taken(SocketAddr),
    #[error("listening on {address} is not possible: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Installation(#[from] InstallationError),
    #[error(transparent)]
    Routes(#[from] GateError),
    #[error("traces cannot be exported: {0}; see telemetry.otlp_endpoint")]
    Traces(io::Error),
    #[error("the server stopped because its background work ended: see the log")]
    Broken,
    #[error("the server cannot run: {0}")]
    Run(#[from] io::Error),
}

/// Serves until a signal ends it.
pub(crate) fn run(settings: Settings, traces: Option<Exporter>) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(settings, traces.as_ref()));
    if let Some(traces) = traces {
        traces.end();
    }
    served
}

async fn serve(settings: Settings, traces: Option<&Exporter>) -> Result<(), ServeError> {
    let folder = if settings.needs_folder() {
        Some(DataDir::create(&settings.data_dir).map_err(FolderError::from)?)
    } else {
        None
    };
    let _lock = folder.as_ref().map(data_dir::lock).transpose()?;
    if let Some(warning) = folder.as_ref().and_then(DataDir::warning) {
        tracing::warn!("{warning}");
    }
    let listener = listen(settings.listen)?;
    let address = listener.local_addr()?;
    let metrics = settings
        .metrics
        .as_ref()
        .map(|metrics| listen(metrics.listen))
        .transpose()?;
    let expiry = Expiry::default();
    let tls = settings
        .tls
        .as_ref()
        .map(|tls| load_tls(tls).map(|loaded| RustlsConfig::from_config(loaded.told(tls, &expiry))))
        .transpose()?;
    let handle = Handle::new();
    let leaving = Leaving::default();
    // Before the first word that the server is there: a signal that comes then must find someone.
    signals::watch(
        handle.clone(),
        settings
            .tls
            .clone()
            .zip(tls.clone())
            .map(|(settings, serving)| (settings, serving, expiry.clone())),
        leaving.clone(),
        &settings.http,
    )?;

    // Loading the feed may take minutes.
    let stopped = signals::first()?;
    let installation = tokio::select! {
        created = Installation::create(&settings, address) => created?,
        () = stopped => {
            tracing::info!("stopped before it served");
            return Ok(());
        }
    };
    if settings.dev {
        installation.seed().await?;
    } else if settings.is_public(address) {
        installation.refuse_dev_password(address).await?;
    }
    let authority = installation.portcullis.authority();
    authority
        .note_retention()
        .await
        .map_err(InstallationError::from)?;
    leaving.tell(&installation.portcullis);
    let app = app::app(&installation.portcullis)?;
    let broken = Arc::new(AtomicBool::new(false));
    let work = tokio::spawn({
        let (portcullis, handle, broken) = (
            installation.portcullis.clone(),
            handle.clone(),
            Arc::clone(&broken),
        );
        async move {
            portcullis.broke().await;
            // Only by a defect: a server that may not learn of revocations must not go on. Noted first: what follows ends.
            broken.store(true, Ordering::SeqCst);
            handle.shutdown();
        }
    });
    let telling = settings
        .metrics
        .as_ref()
        .zip(metrics)
        .map(|(settings, listener)| {
            crate::metrics::tell(installation.portcullis.metrics(), expiry);
            metrics::serve(listener, installation.portcullis.metrics().clone(), settings)
        });
    let telling = telling.transpose()?;
    if let Some(traces) = traces {
        traces.tell(installation.portcullis.metrics());
    }
    greet(&settings, address, &installation).await;
    http::run(listener, tls, app, &settings.http, leaving, handle).await?;
    // To the end: how a server drains is worth seeing.
    if let Some(telling) = telling {
        telling.shutdown();
    }
    work.abort();
    installation.close().await;
    tracing::info!("stopped");
    if broken.load(Ordering::SeqCst) {
        Err(ServeError::Broken)
    } else {
        Ok(())
    }
}

/// Says where the server is, and what comes next on the first start.
async fn greet(settings: &Settings, address: SocketAddr, installation: &Installation) {
    let url = settings.url_of(address);
    tracing::info!(url, dev = settings.dev, docs = format!("{url}/docs"), "listening");
    if settings.dev {
        tracing::warn!(
            email = DEV_EMAIL,
            password = DEV_PASSWORD,
            "--dev: an administrator for trying things"
        );
    } else if installation.has_administrator().await.is_ok_and(|has| !has) {
        tracing::info!(
            "there is no administrator yet: add one with `portcullis user add --role admin EMAIL`"
        );
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::Taken(address),
        _ => ServeError::Listen { address, source },
    })
}
