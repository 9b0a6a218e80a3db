use std::{io, sync::Arc, time::Duration};

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, StatusCode, Uri,
    client::conn::http1,
    header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, crypto::aws_lc_rs, pki_types::ServerName};
use secrecy::ExposeSecret as _;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::Runtime,
};
use tokio_rustls::TlsConnector;

use crate::{config::TelemetrySettings, doctor::authorities};

/// A message must be taken within so long.
const TIMEOUT: Duration = Duration::from_secs(5);
/// More of an answer is not read.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Posts messages to one receiver, each on a connection of its own, on a runtime of its own: threads that serve requests take no
/// part in it.
pub(super) struct Post {
    runtime: Runtime,
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("the receiver answers {0}")]
    Refused(StatusCode),
    #[error("the request cannot be: {0}")]
    Request(#[from] hyper::http::Error),
}

impl Post {
    pub(super) fn new(settings: &TelemetrySettings) -> io::Result<Self> {
        let invalid =
            |error: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidInput, error.to_string());
        let uri: Uri = settings.traces_url().parse().map_err(|error| invalid(&error))?;
        let host = uri.host().unwrap_or_default().to_owned();
        let secure = uri.scheme_str() == Some("https");
        let tls = if secure {
            let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
                .map_err(|error| invalid(&error))?;
            Some((connector().map_err(|error| invalid(&error))?, name))
        } else {
            None
        };
        let mut headers = Vec::new();
        for (name, value) in &settings.headers {
            let name = name.parse().map_err(|error| invalid(&error))?;
            let mut value: HeaderValue = value.expose_secret().parse().map_err(|error| invalid(&error))?;
            value.set_sensitive(true);
            headers.push((name, value));
        }
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            port: uri.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            uri,
            host,
            tls,
            headers,
        })
    }

    /// Sends one message, and waits until it is taken.
    pub(super) fn send(&self, message: Vec<u8>) -> Result<(), PostError> {
        self.runtime.block_on(async {
            tokio::time::timeout(TIMEOUT, self.deliver(message.into()))
                .await
                .unwrap_or(Err(PostError::Timeout))
        })
    }

    async fn deliver(&self, message: Bytes) -> Result<(), PostError> {
        let stream = TcpStream::connect((self.host.trim_matches(['[', ']']), self.port)).await?;
        match &self.tls {
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await?;
                self.exchange(stream, message).await
            }
            None => self.exchange(stream, message).await,
        }
    }

    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        message: Bytes,
    ) -> Result<(), PostError> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut request = Request::post(self.uri.path())
            .header(
                HOST,
                self.uri.authority().map_or("", |authority| authority.as_str()),
            )
            .header(USER_AGENT, concat!("portcullis/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/x-protobuf");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(message))?;
        let driver = tokio::spawn(connection);
        let answered = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            // Read, so that the receiver sees an orderly end; what it says does not matter.
            let _ = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
            Ok::<StatusCode, hyper::Error>(status)
        };
        let status = answered.await;
        driver.abort();
        let status = status?;
        if status.is_success() {
            Ok(())
        } else {
            Err(PostError::Refused(status))
        }
    }
}

fn connector() -> Result<TlsConnector, rustls::Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities())
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
