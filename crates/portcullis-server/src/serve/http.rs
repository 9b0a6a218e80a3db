//! HTTP/1.1 and HTTP/2 on one listener, with bounds on what a client may hold.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use axum_server::{
    Handle, Server,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};

use super::connections::Bounded;
use crate::config::HttpSettings;

/// Serves `app` until `handle` ends it.
pub(super) async fn run(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    app: Router,
    settings: &HttpSettings,
    handle: Handle<SocketAddr>,
) -> io::Result<()> {
    let timeout = settings.request_timeout;
    let app = app.layer(middleware::from_fn(move |request, next| {
        answer_within(timeout, request, next)
    }));
    let bounded = Bounded::new(settings.max_connections);
    match tls {
        Some(tls) => {
            let app = app.layer(middleware::map_response(demand_tls));
            let acceptor = RustlsAcceptor::new(tls)
                .handshake_timeout(settings.header_timeout)
                .acceptor(bounded);
            let server = configured(axum_server::from_tcp(listener)?, settings)
                .acceptor(acceptor)
                .handle(handle);
            server
                .serve(app.into_make_service_with_connect_info::<SocketAddr>())
                .await
        }
        None => {
            let server = configured(axum_server::from_tcp(listener)?, settings)
                .acceptor(bounded)
                .handle(handle);
            server
                .serve(app.into_make_service_with_connect_info::<SocketAddr>())
                .await
        }
    }
}

fn configured(mut server: Server<SocketAddr>, settings: &HttpSettings) -> Server<SocketAddr> {
    let http = server.http_builder();
    http.http1()
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(64 * 1024);
    http.http2()
        .max_concurrent_streams(128)
        .max_header_list_size(16 * 1024)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    server
        .first_request_timeout(settings.header_timeout)
        .accept_error_handler(|_, error| tracing::debug!(%error, "connection refused"))
}

/// A request that takes too long is dropped, with what it still waits for, and the client is told to come again.
async fn answer_within(timeout: Duration, request: Request, next: Next) -> Response {
    match tokio::time::timeout(timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::CONTENT_TYPE, "application/problem+json"), (header::RETRY_AFTER, "1")],
            r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"The request took too long. Try again."}"#,
        )
            .into_response(),
    }
}

/// RFC 6797: a browser that came once by TLS comes by nothing else for a year.
async fn demand_tls(mut response: Response) -> Response {
    const HSTS: HeaderName = header::STRICT_TRANSPORT_SECURITY;
    response
        .headers_mut()
        .insert(HSTS, HeaderValue::from_static("max-age=31536000"));
    response
}
