//! One request, as a service that verifies tokens makes it.

use std::{io, sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use portcullis_core::url::Url;
use rustls::{
    CertificateError, ClientConfig, Error as TlsError, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_secs(5);
/// Far more than a JWKS has.
const LARGEST: usize = 256 * 1024;

/// Where systems keep the authorities that they trust.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// Why nothing did.
pub(super) enum Unfetched {
    /// Nobody answers, or not in HTTP.
    Unreachable(String),
    /// The certificate is by nobody whom this machine knows.
    UnknownAuthority,
    /// The certificate is wrong.
    Untrusted(String),
}

impl From<io::Error> for Unfetched {
    fn from(error: io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
        match tls {
            Some(TlsError::InvalidCertificate(CertificateError::UnknownIssuer)) => Self::UnknownAuthority,
            Some(TlsError::InvalidCertificate(why)) => Self::Untrusted(why.to_string()),
            _ => Self::Unreachable(error.to_string()),
        }
    }
}

impl From<hyper::Error> for Unfetched {
    fn from(error: hyper::Error) -> Self {
        Self::Unreachable(error.to_string())
    }
}

/// `GET url`; follows nothing.
pub(super) async fn get(url: &str) -> Result<Answer, Unfetched> {
    tokio::time::timeout(PATIENCE, fetch(url))
        .await
        .unwrap_or_else(|_| {
            Err(Unfetched::Unreachable(format!(
                "nothing within {} s",
                PATIENCE.as_secs()
            )))
        })
}

async fn fetch(url: &str) -> Result<Answer, Unfetched> {
    let Some(parts) = Url::parse(url) else {
        return Err(Unfetched::Unreachable("it is no URL".to_owned()));
    };
    let host = parts
        .host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let path = url
        .split_once("://")
        .and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]))
        .unwrap_or("/");
    let request = Request::get(path)
        .header(
            header::HOST,
            parts
                .port
                .map_or_else(|| parts.host.clone(), |port| format!("{}:{port}", parts.host)),
        )
        .header(
            header::USER_AGENT,
            concat!("portcullis-doctor/", env!("CARGO_PKG_VERSION")),
        )
        .body(Empty::<Bytes>::new())
        .map_err(|error| Unfetched::Unreachable(error.to_string()))?;
    let usual = if parts.scheme == "https" { 443 } else { 80 };
    let stream = TcpStream::connect((host.as_str(), parts.port.unwrap_or(usual))).await?;
    if parts.scheme != "https" {
        return exchange(stream, request).await;
    }
    let name = ServerName::try_from(host).map_err(|error| Unfetched::Unreachable(error.to_string()))?;
    let stream = TlsConnector::from(Arc::new(client()?))
        .connect(name, stream)
        .await?;
    exchange(stream, request).await
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Empty<Bytes>>,
) -> Result<Answer, Unfetched> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LARGEST)
            .collect()
            .await
            .map_err(|error| Unfetched::Unreachable(error.to_string()))?
            .to_bytes();
        Ok(Answer { status, body })
    }
    .await;
    driver.abort();
    answer
}

/// Whom this machine trusts: the authorities of the web, and what the operator trusts beside them.
pub(crate) fn authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for file in AUTHORITIES {
        if let Ok(found) = CertificateDer::pem_file_iter(file) {
            roots.add_parsable_certificates(found.flatten());
            break;
        }
    }
    roots
}

fn client() -> Result<ClientConfig, Unfetched> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Unfetched::Unreachable(error.to_string()))?;
    Ok(config.with_root_certificates(authorities()).with_no_client_auth())
}
