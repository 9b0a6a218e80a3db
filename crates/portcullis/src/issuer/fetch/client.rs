use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use portcullis_core::issuer::is_public;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::target::Target;

/// Longest answer: hundred keys with their certificates.
const LONGEST: usize = 512 * 1024;
/// For one answer, redirects included.
const TIME: Duration = Duration::from_secs(5);
/// For one of the addresses of a host.
const CONNECT: Duration = Duration::from_secs(2);
const MOST_ADDRESSES: usize = 4;
const MOST_REDIRECTS: usize = 3;

/// What may be reached, and whose certificates are believed.
#[derive(Clone, Default)]
pub(crate) struct Network {
    /// Whether private addresses are asked.
    pub(crate) private: bool,
    /// Further authorities, each text in PEM.
    pub(crate) roots: Vec<String>,
}

/// Why nothing came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("`{0}` is no https URL")]
    Url(String),
    #[error(
        "`{0}` is neither https nor on a loopback address: whoever is on the line could send keys of their own"
    )]
    Insecure(String),
    #[error("the certificates given by `root_certificates` are not PEM")]
    Certificates,
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("the name {0} has no address")]
    Unresolved(String),
    #[error("{0} leads into a private network: if that is meant, say `.allow_private_addresses()`")]
    Private(String),
    #[error("no connection: {0}")]
    Connect(io::Error),
    #[error("the connection broke: {0}")]
    Http(#[from] hyper::Error),
    #[error("a redirect leads elsewhere, to `{0}`: give the URL where the keys really are")]
    Redirect(String),
    #[error("more than {MOST_REDIRECTS} redirects")]
    Redirects,
    #[error("the answer was {0}")]
    Status(StatusCode),
    #[error("the answer is longer than {LONGEST} bytes")]
    TooLong,
    #[error("no answer within {} seconds", TIME.as_secs())]
    Time,
    #[error("the answer is no description of an issuer: {0}")]
    Description(&'static str),
    #[error("it calls itself `{0}`: give exactly this name, if it is the one that is meant")]
    OtherIssuer(String),
    #[error(transparent)]
    Keys(#[from] portcullis_core::key::KeyMaterialError),
}

/// An answer of 200.
pub(crate) struct Answer {
    pub(super) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Asks one URL at a time: no pool, no proxy, no cookies, no compression. Where a name leads is checked on the very address
/// that is then connected to, so that a name that resolves otherwise a moment later gains nothing.
pub(crate) struct Client {
    tls: TlsConnector,
    private: bool,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Ends what drives a connection together with whoever waits for it.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Client {
    pub(crate) fn new(network: &Network) -> Result<Self, FetchError> {
        let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        for pem in &network.roots {
            let mut any = false;
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|_| FetchError::Certificates)?;
                roots.add(certificate)?;
                any = true;
            }
            if !any {
                return Err(FetchError::Certificates);
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            private: network.private,
        })
    }

    /// What is at the URL.
    pub(crate) async fn get(&self, target: &Target) -> Result<Answer, FetchError> {
        timeout(TIME, self.follow(target))
            .await
            .unwrap_or(Err(FetchError::Time))
    }

    /// What is answered to a form. Redirects are not followed: they would get it too.
    pub(super) async fn post(
        &self,
        target: &Target,
        headers: [(HeaderName, HeaderValue); 2],
        form: Bytes,
    ) -> Result<Answer, FetchError> {
        let asked = async {
            let (status, answer) = self.ask(target, Method::POST, headers, form).await?;
            if status == StatusCode::OK {
                Ok(answer)
            } else {
                Err(FetchError::Status(status))
            }
        };
        timeout(TIME, asked).await.unwrap_or(Err(FetchError::Time))
    }

    /// What is at the URL for who sends these headers. Redirects are not followed: they would get them too.
    pub(crate) async fn get_with(
        &self,
        target: &Target,
        headers: [(HeaderName, HeaderValue); 1],
    ) -> Result<Answer, FetchError> {
        let asked = async {
            match self.ask(target, Method::GET, headers, Bytes::new()).await? {
                (StatusCode::OK, answer) => Ok(answer),
                (status, _) => Err(FetchError::Status(status)),
            }
        };
        timeout(TIME, asked).await.unwrap_or(Err(FetchError::Time))
    }

    /// What is answered to a form, whether it was taken or refused (4xx), which has its reason in the body. Redirects are not
    /// followed.
    pub(crate) async fn post_form(
        &self,
        target: &Target,
        authorization: Option<HeaderValue>,
        form: String,
    ) -> Result<(StatusCode, Bytes), FetchError> {
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = std::iter::once((header::CONTENT_TYPE, kind))
            .chain(authorization.map(|value| (header::AUTHORIZATION, value)));
        let asked = async {
            let (status, answer) = self.ask(target, Method::POST, headers, form.into()).await?;
            if status == StatusCode::OK || status.is_client_error() {
                Ok((status, answer.body))
            } else {
                Err(FetchError::Status(status))
            }
        };
        timeout(TIME, asked).await.unwrap_or(Err(FetchError::Time))
    }

    async fn follow(&self, target: &Target) -> Result<Answer, FetchError> {
        let mut target = target.clone();
        for _ in 0..=MOST_REDIRECTS {
            let (status, answer) = self.ask(&target, Method::GET, [], Bytes::new()).await?;
            if status == StatusCode::OK {
                return Ok(answer);
            }
            let location = answer.headers.get(header::LOCATION);
            match location.and_then(|location| location.to_str().ok()) {
                Some(location) if status.is_redirection() => target = target.redirected(location)?,
                _ => return Err(FetchError::Status(status)),
            }
        }
        Err(FetchError::Redirects)
    }

    async fn ask(
        &self,
        target: &Target,
        method: Method,
        more: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<(StatusCode, Answer), FetchError> {
        let stream = self.connect(target).await?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(64 * 1024)
            .handshake(TokioIo::new(stream))
            .await?;
        let _driver = Driver(tokio::spawn(async move {
            // Whoever waits for the answer sees the error too.
            let _ended = connection.await;
        }));
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = target
            .path()
            .parse()
            .map_err(|_| FetchError::Url(target.path().to_owned()))?;
        let headers = request.headers_mut();
        if let Ok(host) = target.authority().parse() {
            headers.insert(header::HOST, host);
        }
        headers.extend(more);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static("portcullis"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = if head.status == StatusCode::OK || head.status.is_client_error() {
            let read = Limited::new(body, LONGEST).collect().await;
            read.map_err(|error| match error.downcast::<hyper::Error>() {
                Ok(broken) => FetchError::Http(*broken),
                Err(error) if error.is::<LengthLimitError>() => FetchError::TooLong,
                Err(_) => FetchError::Time,
            })?
            .to_bytes()
        } else {
            Bytes::new()
        };
        let answer = Answer {
            headers: head.headers,
            body,
        };
        Ok((head.status, answer))
    }

    async fn connect(&self, target: &Target) -> Result<Box<dyn Stream>, FetchError> {
        let stream = self.reach(target).await?;
        // Keys come in one small answer.
        stream.set_nodelay(true).map_err(FetchError::Connect)?;
        if !target.is_secure() {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(target.host().to_owned())
            .map_err(|_| FetchError::Url(target.host().to_owned()))?;
        let stream = self
            .tls
            .connect(name, stream)
            .await
            .map_err(FetchError::Connect)?;
        Ok(Box::new(stream))
    }

    async fn reach(&self, target: &Target) -> Result<TcpStream, FetchError> {
        let found = lookup_host((target.host(), target.port())).await;
        let found: Vec<SocketAddr> = found
            .map_err(|_| FetchError::Unresolved(target.host().to_owned()))?
            .collect();
        if found.is_empty() {
            return Err(FetchError::Unresolved(target.host().to_owned()));
        }
        let allowed = found
            .into_iter()
            .filter(|address| self.private || is_public(address.ip()))
            // A name below `localhost` is for the resolver to know, and not each one does.
            .filter(|address| target.is_secure() || address.ip().is_loopback())
            .take(MOST_ADDRESSES);
        let mut last = FetchError::Private(target.host().to_owned());
        for address in allowed {
            match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = FetchError::Connect(error),
                Err(_) => last = FetchError::Connect(io::ErrorKind::TimedOut.into()),
            }
        }
        Err(last)
    }
}
