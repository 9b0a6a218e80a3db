//! Time, passed in. Nothing else in Portcullis reads a clock, so a test can move it.

use std::{
    fmt,
    ops::{Add, Sub},
    str::FromStr,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// An instant in milliseconds since 1970-01-01T00:00:00Z, as it is stored (`BIGINT`) and compared.
///
/// ```
/// use std::time::Duration;
/// use portcullis_core::clock::Timestamp;
///
/// let issued = Timestamp::from_unix_seconds(1_700_000_000);
/// assert_eq!((issued + Duration::from_secs(900)).unix_seconds(), 1_700_000_900);
/// assert_eq!(issued.to_string(), "2023-11-14T22:13:20Z");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the epoch (`NumericDate` of RFC 7519, section 2). Saturates.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Time elapsed since `earlier`; zero when `earlier` lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(millis(rhs)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(millis(rhs)))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with whole seconds, `2023-11-14T22:13:20Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use time::{OffsetDateTime, format_description::well_known::Rfc3339};
        match OffsetDateTime::from_unix_timestamp(self.unix_seconds())
            .ok()
            .and_then(|t| t.format(&Rfc3339).ok())
        {
            Some(text) => f.write_str(&text),
            None => write!(f, "{}ms", self.0),
        }
    }
}

/// Not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time looks like 2026-01-31T12:00:00Z (RFC 3339)")]
pub struct TimestampError;

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// From RFC 3339.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use time::{OffsetDateTime, format_description::well_known::Rfc3339};
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimestampError)?;
        Ok(Self(
            time.unix_timestamp()
                .saturating_mul(1000)
                .saturating_add(time.millisecond().into()),
        ))
    }
}

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// Time since an arbitrary fixed point. Never goes back, and counts the time for which the machine was
    /// suspended: a lease must not survive a nap.
    fn monotonic(&self) -> Duration;
}

/// The machine's own clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one real wall clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(millis(since_epoch))
    }

    fn monotonic(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
        Duration::new(seconds, nanos)
    }
}

/// A clock that moves only when told to; wall and monotonic time move together, unless [`MovableClock::step`]
/// is used.
///
/// ```
/// use std::time::Duration;
/// use portcullis_core::clock::{Clock, MovableClock};
///
/// let clock = MovableClock::default();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now().since(before), Duration::from_secs(60));
/// ```
#[derive(Debug)]
pub struct MovableClock {
    wall: AtomicI64,
    monotonic: AtomicI64,
}

impl Default for MovableClock {
    /// Starts at 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self {
            wall: AtomicI64::new(1_767_225_600_000),
            monotonic: AtomicI64::new(1_000_000),
        }
    }
}

impl MovableClock {
    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        self.wall.fetch_add(millis(by), Ordering::SeqCst);
        self.monotonic.fetch_add(millis(by), Ordering::SeqCst);
    }

    /// Steps the wall clock alone, as a corrected system clock would.
    pub fn step(&self, by_millis: i64) {
        self.wall.fetch_add(by_millis, Ordering::SeqCst);
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.wall.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.monotonic.load(Ordering::SeqCst)).unwrap_or(0))
    }
}
