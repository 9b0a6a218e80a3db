//! Where it is, and how to get there.

use std::sync::Arc;

use redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _,
    aio::MultiplexedConnection,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;

use super::{Away, SharedLimitsError};

pub(super) struct Target {
    info: ConnectionInfo,
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// Ends what drives a connection together with the last one who uses it, also where a peer takes no bytes any more.
pub(super) struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Target {
    /// `pem`: whose certificates are believed; without it, those of the web.
    pub(super) fn new(url: &str, pem: Option<&str>) -> Result<Self, SharedLimitsError> {
        let (scheme, rest) = url.split_once("://").ok_or(SharedLimitsError::Url)?;
        let secure = match scheme {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            _ => return Err(SharedLimitsError::Url),
        };
        // Not read as an order to leave certificates unverified, which is what the one fragment there is means.
        if rest.contains('#') {
            return Err(SharedLimitsError::Fragment);
        }
        let info = format!("redis://{rest}")
            .into_connection_info()
            .map_err(|_| SharedLimitsError::Url)?;
        let ConnectionAddr::Tcp(host, port) = info.addr() else {
            return Err(SharedLimitsError::Url);
        };
        let (host, port) = (host.clone(), *port);
        let tls = match (secure, pem) {
            (true, _) => {
                let name = ServerName::try_from(host.clone()).map_err(|_| SharedLimitsError::Url)?;
                Some((connector(pem)?, name))
            }
            (false, Some(_)) => return Err(SharedLimitsError::NoTls),
            (false, None) => None,
        };
        Ok(Self {
            host,
            port,
            tls,
            info: {
                let settings = info.redis_settings().clone().set_skip_set_lib_name();
                info.set_redis_settings(settings)
            },
        })
    }

    /// A connection that has given its password.
    pub(super) async fn connect(
        &self,
        config: AsyncConnectionConfig,
    ) -> Result<(MultiplexedConnection, Driver), Away> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await?;
                self.greet(stream, config).await
            }
            None => self.greet(stream, config).await,
        }
    }

    async fn greet(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        config: AsyncConnectionConfig,
    ) -> Result<(MultiplexedConnection, Driver), Away> {
        let (connection, driver) =
            MultiplexedConnection::new_with_config(self.info.redis_settings(), stream, config).await?;
        Ok((connection, Driver(tokio::spawn(driver))))
    }
}

fn connector(pem: Option<&str>) -> Result<TlsConnector, SharedLimitsError> {
    let mut roots = RootCertStore::empty();
    match pem {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|_| SharedLimitsError::Certificates)?;
                roots
                    .add(certificate)
                    .map_err(|_| SharedLimitsError::Certificates)?;
            }
            if roots.is_empty() {
                return Err(SharedLimitsError::Certificates);
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| SharedLimitsError::Certificates)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
