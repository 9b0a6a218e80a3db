use std::{fmt, time::Duration};

use portcullis_core::clock::{Clock as _, SystemClock};

/// How much was done in what time.
pub(crate) struct Rate {
    unit: &'static str,
    number: u64,
    took: Duration,
}

impl Rate {
    /// So many since the moment `started` of the monotonic clock.
    pub(crate) fn of(unit: &'static str, started: Duration, number: u64) -> Self {
        Self {
            unit,
            number,
            took: SystemClock.monotonic().saturating_sub(started),
        }
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.took.as_secs_f64()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { unit, number, took } = self;
        let micros = took.as_micros().max(1);
        let each_second = u128::from(*number) * 1_000_000 / micros;
        write!(
            f,
            "{number} {unit} in {:.1} s, {each_second} {unit}/s",
            self.seconds()
        )
    }
}
