use std::time::Duration;

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
}

impl Tries {
    /// After which pause to run it again, if at all.
    pub(crate) fn again(&mut self, error: &sqlx::Error) -> Option<Duration> {
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
