//! Limits that nodes share through Redis or Valkey (feature `redis`): the limits of logins, refreshes, registrations and
//! passwords.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use portcullis::{Portcullis, rate_limit::SharedLimits};
//!
//! let shared = SharedLimits::new("redis://127.0.0.1:6379")?;
//! let auth = Portcullis::builder().sqlite("app.db").shared_limits(&shared).build().await?;
//! # Ok(())
//! # }
//! ```
//!
//! One call of a script decides about a request under all its rules (`docs/decisions/0132`): exact sliding windows, on the
//! clock of Redis. Redis learns keyed hashes only, and each of its keys expires with its window. When it is away, slow or
//! answers with an error, each node decides by itself, from what it has counted itself, and says so once; it is asked again
//! as soon as it is back.

mod away;
mod connection;
mod target;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis_core::limit::{SharedAsk, SharedCounts, SharedStanding};
use secrecy::{ExposeSecret as _, SecretString};

use self::{away::Away, connection::Link, target::Target};

/// Longest that an answer may take: then the node decides by itself.
const PATIENCE: Duration = Duration::from_millis(250);

/// What all keys begin with. The part in braces puts them into one slot of a cluster, so that a script may have several.
const PREFIX: &str = "portcullis:{limits}:";

/// Counts in a Redis or Valkey. Clones share one connection.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use portcullis::rate_limit::SharedLimits;
///
/// let plain = SharedLimits::new("redis://127.0.0.1:6379")?;
/// let authority = std::fs::read_to_string("redis-ca.pem")?;
/// let secure = SharedLimits::with_root_certificates("rediss://app:secret@redis.internal:6379", &authority)?;
/// // Before a start: what is wrong with it?
/// secure.probe().await?;
/// // A builder does this.
/// plain.connect().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SharedLimits {
    link: Arc<Link>,
}

/// Why limits cannot be shared.
///
/// ```
/// use portcullis::rate_limit::{SharedLimits, SharedLimitsError};
///
/// let refused = SharedLimits::new("rediss://redis.internal/#insecure").unwrap_err();
/// assert_eq!(refused, SharedLimitsError::Fragment);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SharedLimitsError {
    /// The URL cannot be read. Its text is never repeated: it may have a password.
    #[error(
        "is not the URL of a Redis: write `redis://HOST:6379`, `rediss://HOST:6379` for TLS, with user and password as \
         `redis://USER:PASSWORD@HOST:6379/0`, where other characters than letters and digits are percent-encoded"
    )]
    Url,
    /// `#insecure`, by which other programs mean TLS without looking at the certificate; or a password that has a `#`.
    #[error(
        "has a `#`: in a password write it as `%23`; TLS without verification (`#insecure`) is not done, since then anybody \
         can pose as the server: name the authority of its certificate"
    )]
    Fragment,
    /// Authorities for a connection without TLS.
    #[error("has an authority for certificates, but no TLS: write `rediss://`")]
    NoTls,
    /// The authorities cannot be read.
    #[error("has an authority whose certificate is not PEM")]
    Certificates,
}

impl SharedLimits {
    /// At a URL: `redis://USER:PASSWORD@HOST:PORT/DATABASE`, `rediss://` for TLS, with a certificate by an authority of the
    /// web. Does not connect yet.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn new(url: impl Into<SecretString>) -> Result<Self, SharedLimitsError> {
        Self::open(&url.into(), None)
    }

    /// The same with TLS whose certificate is by one of the authorities in `pem`, and by no other.
    ///
    /// # Errors
    /// When the URL or the authorities cannot be read, or the URL is one without TLS.
    pub fn with_root_certificates(
        url: impl Into<SecretString>,
        pem: &str,
    ) -> Result<Self, SharedLimitsError> {
        Self::open(&url.into(), Some(pem))
    }

    fn open(url: &SecretString, pem: Option<&str>) -> Result<Self, SharedLimitsError> {
        let target = Target::new(url.expose_secret(), pem)?;
        Ok(Self {
            link: Arc::new(Link::new(target, PATIENCE)),
        })
    }

    /// Connects, so that limits are shared from the first request on. Waits for two seconds at most; what is away is asked
    /// again in the background. [`Builder::build`](crate::embedded::Builder::build) does it.
    pub async fn connect(&self) {
        self.link.connect_now().await;
    }

    /// Whether it answers, and can do what is asked of it: for a check before a start.
    ///
    /// # Errors
    /// With what it says.
    pub async fn probe(&self) -> Result<(), String> {
        self.link.probe().await.map_err(|away| away.to_string())
    }
}

#[async_trait]
impl SharedCounts for SharedLimits {
    async fn count(&self, asked: &[SharedAsk]) -> Option<(bool, Vec<SharedStanding>)> {
        let keys: Vec<String> = asked
            .iter()
            .map(|ask| format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(ask.key)))
            .collect();
        let quotas: Vec<(u32, u64)> = asked
            .iter()
            .map(|ask| {
                let quota = ask.rule.quota();
                (quota.limit(), quota.window().as_secs() * 1_000_000)
            })
            .collect();
        let Verdict(allowed, standings) = self.link.ask(&keys, &quotas).await?;
        Some((allowed, standings))
    }

    fn away(&self) -> bool {
        !self.link.is_up()
    }
}

/// Whether it was allowed, and how the caller stands under each rule.
#[derive(Debug, PartialEq)]
struct Verdict(bool, Vec<SharedStanding>);

impl Verdict {
    /// Of the numbers that the script gives: 0 or 1, then two for each question.
    fn read(numbers: &[i64], questions: usize) -> Option<Self> {
        let (verdict, rest) = numbers.split_first()?;
        let allowed = match verdict {
            1 => true,
            0 => false,
            _ => return None,
        };
        let standings: Vec<SharedStanding> = rest
            .chunks(2)
            .map(|pair| {
                let [live, reset_after] = pair else { return None };
                Some(SharedStanding {
                    live: u32::try_from(*live).ok()?,
                    reset_after_micros: u64::try_from(*reset_after).ok()?,
                })
            })
            .collect::<Option<_>>()?;
        (standings.len() == questions).then_some(Self(allowed, standings))
    }
}

impl fmt::Debug for SharedLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedLimits").finish_non_exhaustive()
    }
}
