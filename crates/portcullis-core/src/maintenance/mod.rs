//! Work that keeps an installation from growing without end and its keys from growing old: which tasks there are, and what
//! is remembered of their runs. When they run, and on which node, is for others to say; [`Authority::maintain`] does them.
//!
//! [`Authority::maintain`]: crate::authority::Authority::maintain

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, store::Expired};

/// One kind of work.
///
/// ```
/// use portcullis_core::{clock::Timestamp, maintenance::Task, store::Expired};
///
/// assert_eq!(("audit".parse(), Task::Audit.name()), (Ok(Task::Audit), "audit"));
/// let before = Timestamp::from_millis(0);
/// assert_eq!(Task::Audit.expired(Some(before)), Some(Expired::Audit { before }));
/// assert_eq!(Task::ALL.len(), 5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Deletes sessions that are over.
    Sessions,
    /// Trims changes that no live token can need.
    Feed,
    /// Forgets old failed logins of devices and of unknown identifiers.
    Attempts,
    /// Deletes audit events past their retention.
    Audit,
    /// Drops signing keys of which nothing is valid any more, and lets the next one sign when the active one is old.
    Keys,
}

/// There is no such task.
///
/// ```
/// use portcullis_core::maintenance::Task;
///
/// let unknown = "everything".parse::<Task>().unwrap_err();
/// assert!(unknown.to_string().starts_with("there is no task `everything`"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no task `{0}`: sessions, feed, attempts, audit, keys")]
pub struct UnknownTask(String);

impl Task {
    /// All, in the order in which they are done.
    pub const ALL: [Self; 5] = [
        Self::Sessions,
        Self::Feed,
        Self::Attempts,
        Self::Audit,
        Self::Keys,
    ];

    /// One word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Feed => "feed",
            Self::Attempts => "attempts",
            Self::Audit => "audit",
            Self::Keys => "keys",
        }
    }

    /// What it deletes from the store; none for work that is more than deleting, and for what is kept for ever.
    #[must_use]
    pub fn expired(self, audit_before: Option<Timestamp>) -> Option<Expired> {
        match self {
            Self::Sessions => Some(Expired::Sessions),
            Self::Feed => Some(Expired::Changes),
            Self::Attempts => Some(Expired::Attempts),
            Self::Audit => audit_before.map(|before| Expired::Audit { before }),
            Self::Keys => None,
        }
    }

    /// Under which name the store keeps its last run.
    pub(crate) fn meta(self) -> String {
        format!("maintenance {}", self.name())
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Task {
    type Err = UnknownTask;

    fn from_str(text: &str) -> Result<Self, UnknownTask> {
        Self::ALL
            .into_iter()
            .find(|task| task.name() == text)
            .ok_or_else(|| UnknownTask(text.to_owned()))
    }
}

/// The last run of a task.
///
/// ```
/// use portcullis_core::maintenance::LastRun;
///
/// fn in_words(run: &LastRun) -> String {
///     match &run.error {
///         None => format!("{} rows removed by {} in {} ms", run.removed, run.node, run.took_ms),
///         Some(error) => format!("failed on {}: {error}; last done: {:?}", run.node, run.good_at()),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// When it began, in milliseconds since 1970.
    pub begun_at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Which node did it.
    pub node: String,
    /// Rows that were removed.
    pub removed: u64,
    /// What else was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why it did not come to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was last done before, where this run did not come to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_before: Option<Timestamp>,
}

impl LastRun {
    /// When the task was last done, by this run or by one before.
    #[must_use]
    pub fn good_at(&self) -> Option<Timestamp> {
        match self.error {
            None => Some(self.begun_at + Duration::from_millis(self.took_ms)),
            Some(_) => self.good_before,
        }
    }
}

/// Where the runs at set times stand.
///
/// ```
/// use portcullis_core::maintenance::Standing;
///
/// fn is_worth_a_look(standing: &Standing) -> bool { !standing.finished || standing.missed > 0 }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The newest time for which a run was begun.
    pub due: Timestamp,
    /// When that run began.
    pub begun_at: Timestamp,
    /// Which node began it.
    pub node: String,
    /// Whether it came to its end.
    pub finished: bool,
    /// How many times passed without a run, since the first one.
    pub missed: u64,
    /// The newest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_missed: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for task in Task::ALL {
            assert_eq!(task.name().parse(), Ok(task));
        }
        assert_eq!(
            "everything".parse::<Task>(),
            Err(UnknownTask("everything".to_owned()))
        );
    }

    #[test]
    fn a_record_of_an_older_version_can_be_read() {
        let run: LastRun =
            serde_json::from_str(r#"{"begun_at":1,"took_ms":2,"node":"n","removed":3,"later":true}"#)
                .unwrap();
        assert_eq!(
            (run.begun_at, run.removed, run.error),
            (Timestamp::from_millis(1), 3, None)
        );
    }
}
