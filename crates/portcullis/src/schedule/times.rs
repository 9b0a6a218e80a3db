use std::{fmt, str::FromStr, sync::Arc};

use portcullis_core::clock::{Clock as _, SystemClock, Timestamp};

use super::{CronError, cron::Cron};

/// Times at which something is due, written as in [`schedule`](super::schedule()).
///
/// ```
/// use portcullis::schedule::Times;
///
/// let nightly: Times = "0 0 3 * * *".parse()?;
/// let next = nightly.after("2026-01-31T12:00:00Z".parse()?);
/// assert_eq!(next, Some("2026-02-01T03:00:00Z".parse()?));
/// assert_eq!(nightly.until("2026-01-31T12:00:00Z".parse()?), Some("2026-01-31T03:00:00Z".parse()?));
/// assert_eq!(nightly.text(), "0 0 3 * * *");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Times(Arc<Cron>);

impl Times {
    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// The first time after the second of `at`.
    #[must_use]
    pub fn after(&self, at: Timestamp) -> Option<Timestamp> {
        self.0.after(at)
    }

    /// The last time not after `at`.
    #[must_use]
    pub fn until(&self, at: Timestamp) -> Option<Timestamp> {
        self.0.until(at)
    }
}

impl FromStr for Times {
    type Err = CronError;

    /// Reads six fields. Looks whether there is a time to come.
    fn from_str(text: &str) -> Result<Self, CronError> {
        Ok(Self(Arc::new(Cron::parse(text, SystemClock.now())?)))
    }
}

impl fmt::Debug for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Times").field(&self.text()).finish()
    }
}
