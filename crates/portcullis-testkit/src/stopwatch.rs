//! Time that really passes: for bounds that are stated in seconds.

use std::time::Duration;

use portcullis_core::clock::{Clock as _, SystemClock};

/// Measures from its start.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Duration);

impl Stopwatch {
    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        Self(SystemClock.monotonic())
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        SystemClock.monotonic().saturating_sub(self.0)
    }
}
