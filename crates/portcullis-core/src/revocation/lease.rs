use std::time::Duration;

use super::Change;

/// Allowance within [`retention`] for clocks of nodes that disagree.
pub(super) const SKEW: Duration = Duration::from_secs(60);

/// For how long an entry must stay in the index and a row in the feed: the longest lifetime with which any access
/// token that may still live was issued, plus the leeway that verifiers grant, plus the longest that one request
/// may take after its token was checked, plus 60 s for clocks of nodes that disagree and for an act that takes long
/// between its look at the clock and its commit: a store must give up on an act well within that.
///
/// Use the *longest* lifetime: after `token.access_ttl` was lowered, tokens of the earlier setting live on.
///
/// ```
/// use std::time::Duration;
/// use portcullis_core::revocation::retention;
///
/// let kept = retention(Duration::from_secs(900), Duration::from_secs(5), Duration::from_secs(30));
/// assert_eq!(kept, Duration::from_secs(995));
/// ```
#[must_use]
pub fn retention(longest_token_ttl: Duration, leeway: Duration, request_deadline: Duration) -> Duration {
    longest_token_ttl
        .saturating_add(leeway)
        .saturating_add(request_deadline)
        .saturating_add(SKEW)
}

/// Times of the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerConfig {
    /// For how long after the start of a good read the index may be believed. With the request deadline, this is
    /// the bound within which a revocation takes effect on other nodes.
    pub lease: Duration,
    /// Time between two reads.
    pub poll: Duration,
    /// For how long a request waits for a read once the lease has lapsed.
    pub wait: Duration,
}

impl Default for FollowerConfig {
    /// 5 seconds, 500 ms, 500 ms.
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(5),
            poll: Duration::from_millis(500),
            wait: Duration::from_millis(500),
        }
    }
}

/// This node cannot tell which tokens are void: answer 503, never 401, and let nothing through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database was not heard from for too long to tell which tokens are still valid")]
pub struct Stale;

/// Is told of changes, after the index took them in. Called on the thread that serves: hand longer work to a task.
/// The same change may come more than once.
pub trait ChangeListener: Send + Sync {
    /// Something changed.
    fn changed(&self, change: &Change);
    /// The whole feed was loaded, and changes may have been missed before it: drop all that is cached.
    fn reloaded(&self);
}
