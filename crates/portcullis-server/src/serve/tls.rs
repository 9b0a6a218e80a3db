//! Certificate and key for rustls, with aws-lc.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use portcullis_core::clock::{Clock as _, SystemClock};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
};

use super::certificate::Validity;
use crate::config::TlsSettings;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("the certificate {} cannot be read: {source}", path.display())]
    Cert { path: PathBuf, source: pem::Error },
    #[error("the certificate {} holds no certificate", .0.display())]
    NoCert(PathBuf),
    #[error("the private key {} cannot be read: {source}", path.display())]
    Key { path: PathBuf, source: pem::Error },
    #[error("the certificate {} and the private key {} cannot be used: {source}", cert.display(), key.display())]
    Pair {
        cert: PathBuf,
        key: PathBuf,
        source: rustls::Error,
    },
}

/// When the certificate expires that is served with, for metrics. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expiry(Arc<AtomicI64>);

impl Expiry {
    /// Seconds since 1970; none without TLS.
    pub(crate) fn seconds(&self) -> Option<i64> {
        Some(self.0.load(Relaxed)).filter(|seconds| *seconds != 0)
    }
}

/// What was read: to serve with, and until when.
pub(crate) struct Loaded {
    pub(super) config: Arc<ServerConfig>,
    pub(crate) validity: Option<Validity>,
}

impl Loaded {
    /// The same to serve with, once the log has what is to be said about the certificate.
    pub(super) fn told(self, settings: &TlsSettings, expiry: &Expiry) -> Arc<ServerConfig> {
        let until = self.validity.map_or(0, |dates| dates.until().unix_seconds());
        expiry.0.store(until, Relaxed);
        if let Some(fault) = self.validity.and_then(|dates| dates.fault(SystemClock.now())) {
            tracing::warn!(cert = %settings.cert.display(), "{fault}");
        }
        self.config
    }
}

/// Reads both files. What is loaded is complete or an error, so a reload never serves half of it.
pub(crate) fn load(settings: &TlsSettings) -> Result<Loaded, TlsError> {
    let TlsSettings { cert, key } = settings;
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| TlsError::Cert {
            path: cert.clone(),
            source,
        })?;
    let Some(own) = chain.first() else {
        return Err(TlsError::NoCert(cert.clone()));
    };
    let validity = Validity::of(own);
    let private = PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Key {
        path: key.clone(),
        source,
    })?;
    let pair = |source| TlsError::Pair {
        cert: cert.clone(),
        key: key.clone(),
        source,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Loaded {
        config: Arc::new(config),
        validity,
    })
}
