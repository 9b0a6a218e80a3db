use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Uri, header};
use serde::Deserialize;
use tower::Layer;
use tower_http::cors::{AllowOrigin, Cors as CorsService, CorsLayer};

use super::request_id::X_REQUEST_ID;
use crate::problem::RateLimit;

/// Which pages of other origins may call from a browser.
///
/// Give it to an [`Edge`](super::Edge), or put it around a router as a layer, outside of everything that refuses
/// requests: a page can read a 401, 403 or 429 only if that has the headers too. It can be read from a configuration,
/// with `origins` and `credentials` (false unless told).
///
/// ```
/// use portcullis::layers::Cors;
///
/// let cors: Cors = serde_json::from_str(r#"{"origins": ["https://app.example.com"], "credentials": true}"#)?;
/// let router = axum::Router::<()>::new().layer(cors);
/// # drop(router);
/// assert!(serde_json::from_str::<Cors>(r#"{"origins": ["*"], "credentials": true}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "CorsConfig")]
pub struct Cors(pub(super) CorsLayer);

/// As it stands in a configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CorsConfig {
    origins: Vec<String>,
    #[serde(default)]
    credentials: bool,
}

impl TryFrom<CorsConfig> for Cors {
    type Error = CorsError;

    fn try_from(config: CorsConfig) -> Result<Self, CorsError> {
        Self::new(&config.origins, config.credentials)
    }
}

impl<S> Layer<S> for Cors {
    type Service = CorsService<S>;

    fn layer(&self, inner: S) -> CorsService<S> {
        self.0.layer(inner)
    }
}

/// Why CORS is not configured as it was asked.
///
/// ```
/// use portcullis::layers::{Cors, CorsError};
///
/// assert_eq!(Cors::new(&["*"], true).err(), Some(CorsError::AnyWithCredentials));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CorsError {
    /// `*` with credentials.
    #[error("the origin `*` with credentials would let any page act as its visitor: list the origins")]
    AnyWithCredentials,
    /// `*` among others.
    #[error("the origin `*` makes all others pointless: list it alone, or not at all")]
    AnyAmongOthers,
    /// Not an origin.
    #[error(
        "`{0}` is not an origin: write `https://app.example.com` or `http://localhost:3000`, nothing after it"
    )]
    NotAnOrigin(String),
}

impl Cors {
    /// Lets pages of `origins` call, with cookies and the like if `credentials`. GET, POST, PUT, PATCH, DELETE with
    /// `Authorization`, `Content-Type` and `X-CSRF-Token`; pages may read the limits, `Retry-After`,
    /// `WWW-Authenticate`, `Link` and the request id.
    ///
    /// # Errors
    /// When an origin is none, or `*` comes with credentials or among others.
    pub fn new(origins: &[impl AsRef<str>], credentials: bool) -> Result<Self, CorsError> {
        let origins: Vec<&str> = origins.iter().map(AsRef::as_ref).collect();
        let allowed = match origins.as_slice() {
            ["*"] if credentials => return Err(CorsError::AnyWithCredentials),
            ["*"] => AllowOrigin::any(),
            _ if origins.contains(&"*") => return Err(CorsError::AnyAmongOthers),
            _ => AllowOrigin::list(
                origins
                    .iter()
                    .map(|origin| parse(origin))
                    .collect::<Result<Vec<_>, _>>()?,
            ),
        };
        let layer = CorsLayer::new()
            .allow_origin(allowed)
            .allow_credentials(credentials)
            .allow_methods([
                Method::GET,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                HeaderName::from_static("x-csrf-token"),
            ])
            .expose_headers([
                RateLimit::STATE,
                RateLimit::POLICY,
                header::RETRY_AFTER,
                header::WWW_AUTHENTICATE,
                header::LINK,
                X_REQUEST_ID,
            ])
            .max_age(Duration::from_secs(600));
        Ok(Self(layer))
    }
}

/// Whether it is exactly what a browser sends in `Origin`.
pub(crate) fn is_origin(origin: &str) -> bool {
    parse(origin).is_ok()
}

/// Exactly what a browser sends in `Origin`: scheme, host in lower case, port unless it is the scheme's own.
fn parse(origin: &str) -> Result<HeaderValue, CorsError> {
    let wrong = || CorsError::NotAnOrigin(origin.to_owned());
    let uri: Uri = origin.parse().map_err(|_| wrong())?;
    let scheme = uri.scheme_str().ok_or_else(wrong)?;
    let authority = uri.authority().ok_or_else(wrong)?;
    let is_default_port = matches!(
        (scheme, authority.port_u16()),
        ("https", Some(443)) | ("http", Some(80))
    );
    let is_exact = format!("{scheme}://{authority}") == origin;
    let is_host = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._:[]".contains(&b);
    let is_plain = !authority.host().is_empty() && authority.as_str().bytes().all(is_host);
    if is_exact && is_plain && !is_default_port && matches!(scheme, "http" | "https") {
        HeaderValue::try_from(origin).map_err(|_| wrong())
    } else {
        Err(wrong())
    }
}
