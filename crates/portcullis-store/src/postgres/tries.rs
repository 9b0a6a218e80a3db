use std::time::Duration;

use portcullis_core::clock::{Clock as _, SystemClock};

use crate::{dialect, pause::jittered};

/// How often to run an act that meets others before giving up on it.
const MET: u32 = 10;
/// How often to run what lost its connection.
const LOST: u32 = 3;

/// How often something was run that may be run again from the start: nothing of an earlier run remains.
#[derive(Default)]
pub(crate) struct Tries {
    met: u32,
    lost: u32,
    /// For what is written. Of the true clock, which counts time in suspension: it is the database's time that passes.
    end: Option<Duration>,
}

impl Tries {
    /// As often as by default, and not when so much time has passed.
    pub(crate) fn within(time: Duration) -> Self {
        Self {
            end: Some(SystemClock.monotonic() + time),
            ..Self::default()
        }
    }

    /// Whether the time for it is over.
    pub(crate) fn are_over(&self) -> bool {
        self.end.is_some_and(|end| SystemClock.monotonic() >= end)
    }

    /// After which pause to run it again, if at all.
    pub(crate) fn again(&mut self, error: &sqlx::Error) -> Option<Duration> {
        if self.are_over() {
            return None;
        }
        if dialect::worth_retrying(error) {
            self.met += 1;
            // The first time at once: most often the other one is through.
            let pause = Duration::from_millis(2) * (self.met - 1);
            return (self.met < MET).then(|| jittered(pause));
        }
        if dialect::is_lost(error) {
            self.lost += 1;
            return (self.lost < LOST).then(|| jittered(Duration::from_millis(50)));
        }
        None
    }
}
