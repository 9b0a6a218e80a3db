//! SIGTERM and SIGINT end the server in peace, a second one at once; SIGHUP reads the certificate again.

use std::{io, net::SocketAddr};

use axum_server::{Handle, tls_rustls::RustlsConfig};
use tokio::signal::unix::{SignalKind, signal};

use super::{Expiry, leaving::Leaving, load_tls};
use crate::config::{HttpSettings, TlsSettings};

/// Listens for signals from now on.
pub(super) fn watch(
    handle: Handle<SocketAddr>,
    tls: Option<(TlsSettings, RustlsConfig, Expiry)>,
    leaving: Leaving,
    settings: &HttpSettings,
) -> io::Result<()> {
    let (delay, patience) = (settings.drain_delay, settings.drain_timeout);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                Some(()) = terminate.recv() => "SIGTERM",
                Some(()) = interrupt.recv() => "SIGINT",
                Some(()) = hang_up.recv() => {
                    reload(tls.as_ref());
                    continue;
                }
                else => return,
            };
            if leaving.has_begun() {
                tracing::warn!(signal = name, "stopping at once");
                handle.shutdown();
                continue;
            }
            leaving.begin();
            tracing::info!(
                signal = name,
                connections = handle.connection_count(),
                delay_ms = delay.as_millis(),
                "stopping"
            );
            let handle = handle.clone();
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                handle.graceful_shutdown(Some(patience));
            });
        }
    });
    Ok(())
}

/// Resolves with the first signal from now on that ends the server: for what goes on before it serves.
pub(super) fn first() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn reload(tls: Option<&(TlsSettings, RustlsConfig, Expiry)>) {
    let Some((settings, serving, expiry)) = tls else {
        return tracing::info!("SIGHUP: there is no certificate to reload");
    };
    match load_tls(settings) {
        Ok(fresh) => {
            serving.reload_from_config(fresh.told(settings, expiry));
            tracing::info!(cert = %settings.cert.display(), "tls.reloaded");
        }
        Err(error) => tracing::error!(%error, "tls.reload_failed: the certificate before stays"),
    }
}
