use std::time::Duration;

/// When an issuer's keys are fetched, and for how long they are believed.
///
/// ```
/// use std::time::Duration;
/// use portcullis_core::issuer::KeyPolicy;
///
/// let policy = KeyPolicy { outage: Duration::from_secs(3600), ..KeyPolicy::default() };
/// assert_eq!(policy.most_age, Duration::from_secs(3600));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPolicy {
    /// Least time for which keys are kept, whatever the issuer says (`Cache-Control`).
    pub least_age: Duration,
    /// Most time for which keys are kept, whatever the issuer says: a key that it withdraws is refused within this.
    pub most_age: Duration,
    /// For how long keys are kept where the issuer says nothing.
    pub usual_age: Duration,
    /// Least time between two fetches that tokens with unknown keys cause, however many come.
    pub unknown_key_interval: Duration,
    /// Least time before a failed fetch is tried again; doubled with each further one.
    pub least_retry: Duration,
    /// Most time before a failed fetch is tried again.
    pub most_retry: Duration,
    /// For how long after the last good fetch its keys are believed, when no other succeeds.
    pub outage: Duration,
}

impl Default for KeyPolicy {
    /// A minute, an hour, ten minutes; 10 seconds; 1 second, a minute; a day.
    fn default() -> Self {
        Self {
            least_age: Duration::from_secs(60),
            most_age: Duration::from_secs(3600),
            usual_age: Duration::from_secs(600),
            unknown_key_interval: Duration::from_secs(10),
            least_retry: Duration::from_secs(1),
            most_retry: Duration::from_secs(60),
            outage: Duration::from_secs(86_400),
        }
    }
}

/// What to do about a token whose key is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownKey {
    /// A fetch is under way or due at once: look again after it.
    Wait,
    /// The issuer was asked a moment ago: it has no such key.
    None,
    /// The issuer was asked a moment ago and did not answer: nobody can tell.
    Unreachable,
}

/// When to fetch the keys of one issuer. Decides, and does nothing; `now` is monotonic.
///
/// ```
/// use std::time::Duration;
/// use portcullis_core::issuer::{KeyPolicy, KeySchedule, UnknownKey};
///
/// let at = Duration::from_secs;
/// let mut schedule = KeySchedule::new(KeyPolicy::default());
/// assert!(schedule.is_due(at(0)));
/// schedule.begin(at(0));
/// schedule.succeeded(at(1), Some(at(300)));
/// // Before the keys are 300 seconds old.
/// assert_eq!(schedule.due(), Some(at(225)));
/// // However many ask: the issuer was asked a moment ago.
/// assert_eq!(schedule.unknown_key(at(2)), UnknownKey::None);
/// assert_eq!(schedule.unknown_key(at(11)), UnknownKey::Wait);
/// ```
#[derive(Clone, Debug)]
pub struct KeySchedule {
    policy: KeyPolicy,
    /// Start of the fetch that is under way.
    fetching: Option<Duration>,
    /// End of the last fetch, good or not.
    ended: Option<Duration>,
    /// Start of the last good fetch.
    good: Option<Duration>,
    failures: u32,
    next: Duration,
    wanted: bool,
}

impl KeySchedule {
    /// Nothing was fetched yet: the first fetch is due.
    #[must_use]
    pub const fn new(policy: KeyPolicy) -> Self {
        Self {
            policy,
            fetching: None,
            ended: None,
            good: None,
            failures: 0,
            next: Duration::ZERO,
            wanted: false,
        }
    }

    /// When the next fetch is due; none while one is under way.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        match self.fetching {
            Some(_) => None,
            None if self.wanted => Some(Duration::ZERO),
            None => Some(self.next),
        }
    }

    /// Whether a fetch is due.
    #[must_use]
    pub fn is_due(&self, now: Duration) -> bool {
        self.due().is_some_and(|due| due <= now)
    }

    /// A fetch begins.
    pub fn begin(&mut self, now: Duration) {
        self.fetching = Some(now);
        self.wanted = false;
    }

    /// The fetch brought keys, of which the issuer says that they may be kept for `age`.
    pub fn succeeded(&mut self, now: Duration, age: Option<Duration>) {
        let began = self.fetching.take().unwrap_or(now);
        let KeyPolicy {
            least_age,
            most_age,
            usual_age,
            ..
        } = self.policy;
        let age = age.unwrap_or(usual_age).min(most_age).max(least_age);
        self.ended = Some(now);
        self.good = Some(began);
        self.failures = 0;
        self.next = began + age * 3 / 4;
    }

    /// The fetch brought nothing.
    pub fn failed(&mut self, now: Duration) {
        self.fetching = None;
        self.ended = Some(now);
        let doubled = 2u32.saturating_pow(self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let pause = self.policy.least_retry.saturating_mul(doubled);
        self.next = now + pause.min(self.policy.most_retry);
    }

    /// A token names a key that is not among those that are known, or none are known.
    pub fn unknown_key(&mut self, now: Duration) -> UnknownKey {
        if self.fetching.is_some() || self.wanted {
            return UnknownKey::Wait;
        }
        let lately = self
            .ended
            .is_some_and(|ended| now.saturating_sub(ended) < self.policy.unknown_key_interval);
        match (lately, self.failures) {
            (false, _) => {
                self.wanted = true;
                UnknownKey::Wait
            }
            (true, 0) => UnknownKey::None,
            (true, _) => UnknownKey::Unreachable,
        }
    }

    /// Until when what the last good fetch brought is believed; none before the first.
    #[must_use]
    pub fn believed_until(&self) -> Option<Duration> {
        self.good.map(|good| good.saturating_add(self.policy.outage))
    }
}
