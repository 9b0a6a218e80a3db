use std::fmt;

use portcullis_core::clock::Timestamp;

/// A run that did not happen, or several in a row.
///
/// ```
/// use portcullis::schedule;
///
/// let nightly = schedule("0 0 3 * * *", async || ())?.on_missed(|missed| eprintln!("{missed}"));
/// # drop(nightly);
/// # Ok::<(), portcullis::schedule::CronError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Missed {
    /// The schedule's name.
    pub schedule: String,
    /// When the first of them was due.
    pub first: Timestamp,
    /// When the last of them was due: the same if it is one.
    pub last: Timestamp,
    /// What became of them.
    pub reason: MissedReason,
}

/// What became of a run that is missed.
///
/// ```
/// use portcullis::schedule::{Missed, MissedReason};
///
/// fn is_to_be_repeated(missed: &Missed) -> bool { missed.reason == MissedReason::NotBegun }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissedReason {
    /// Nobody began it in time: no process was up, the machine slept, or the run before took too long.
    NotBegun,
    /// It was begun, and the process ended before it did.
    NotFinished,
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            schedule,
            first,
            last,
            reason,
        } = self;
        let what = match reason {
            MissedReason::NotBegun => "was not begun in time",
            MissedReason::NotFinished => "was begun and not finished",
        };
        if first == last {
            write!(f, "the run of `{schedule}` due at {first} {what}")
        } else {
            write!(f, "each run of `{schedule}` due from {first} to {last} {what}")
        }
    }
}
