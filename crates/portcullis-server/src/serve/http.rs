//! HTTP/1.1 and HTTP/2 on one listener, with bounds on what a client may hold.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use axum::Router;
use axum_server::{
    Handle, Server,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};

use super::{connections::Bounded, leaving::Leaving, version::Telling};
use crate::config::HttpSettings;

/// Largest headers of a request in bytes, and largest buffer of a connection (decision 0053).
const LARGEST_HEADERS: u32 = 16 * 1024;

/// Connections at a time to what is not for the public.
const PRIVATE_CONNECTIONS: u32 = 16;
/// Headers come within so long there.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves `app` until `handle` ends it.
pub(super) async fn run(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    app: Router,
    settings: &HttpSettings,
    leaving: Leaving,
    handle: Handle<SocketAddr>,
) -> io::Result<()> {
    let bounded = Bounded::new(settings.max_connections, settings.kept_connections, leaving);
    let server = configured(axum_server::from_tcp(listener)?, settings).handle(handle);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    if let Some(tls) = tls {
        let tls = RustlsAcceptor::new(tls).handshake_timeout(settings.header_timeout);
        server.acceptor(Telling(tls.acceptor(bounded))).serve(app).await
    } else {
        server.acceptor(Telling(bounded)).serve(app).await
    }
}

/// Serves an `app` that is not for the public, to a few at a time.
pub(super) async fn run_private(
    listener: TcpListener,
    app: Router,
    handle: Handle<SocketAddr>,
) -> io::Result<()> {
    let mut server = axum_server::from_tcp(listener)?.handle(handle);
    server
        .http_builder()
        .http1()
        .header_read_timeout(PATIENCE)
        .max_buf_size(LARGEST_HEADERS as usize);
    server
        // Idle connections of HTTP/2 end by nothing, and sixteen would shut Prometheus out.
        .http1_only()
        .first_request_timeout(PATIENCE)
        .acceptor(Bounded::new(
            PRIVATE_CONNECTIONS,
            PRIVATE_CONNECTIONS,
            Leaving::default(),
        ))
        .serve(app.into_make_service())
        .await
}

fn configured(mut server: Server<SocketAddr>, settings: &HttpSettings) -> Server<SocketAddr> {
    let http = server.http_builder();
    http.http1()
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(LARGEST_HEADERS as usize);
    http.http2()
        .max_concurrent_streams(128)
        .max_header_list_size(LARGEST_HEADERS)
        // What a client may send that nobody has read yet: one body, and a few of all its requests.
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(256 * 1024)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    server
        .first_request_timeout(settings.header_timeout)
        .accept_error_handler(|_, error| tracing::debug!(%error, "connection refused"))
}
