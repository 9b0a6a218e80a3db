use std::{fmt, time::Duration};

use portcullis_core::clock::{Clock as _, SystemClock};

/// How much was done in what time.
pub(crate) struct Rate {
    rows: u64,
    took: Duration,
}

impl Rate {
    /// Since the moment `started` of the monotonic clock.
    pub(crate) fn since(started: Duration, rows: u64) -> Self {
        Self {
            rows,
            took: SystemClock.monotonic().saturating_sub(started),
        }
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.took.as_secs_f64()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.took.as_micros().max(1);
        let each_second = u128::from(self.rows) * 1_000_000 / micros;
        write!(
            f,
            "{} rows in {:.1} s, {each_second} rows/s",
            self.rows,
            self.seconds()
        )
    }
}
