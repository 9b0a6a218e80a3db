use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;

use super::{KeyPolicy, KeySchedule, UnknownKey};
use crate::{clock::Clock, key::JwkSet};

/// The keys of one issuer as they are known now, read without a lock by all who verify.
///
/// One task fetches: it waits for [`IssuerKeys::next_fetch`], calls [`IssuerKeys::begin`], and ends the [`Attempt`].
pub struct IssuerKeys {
    held: ArcSwapOption<Held>,
    /// None for keys that are fixed.
    fetched: Option<Fetched>,
}

struct Fetched {
    clock: Arc<dyn Clock>,
    schedule: Mutex<KeySchedule>,
}

impl Fetched {
    fn schedule(&self) -> MutexGuard<'_, KeySchedule> {
        // Nothing panics while it is held.
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Held {
    set: Arc<JwkSet>,
    until: Duration,
}

/// A fetch that is under way. Dropped without an end, it has failed.
pub struct Attempt<'a> {
    keys: &'a IssuerKeys,
    ended: bool,
}

impl IssuerKeys {
    /// These and no others.
    #[must_use]
    pub fn fixed(set: JwkSet) -> Self {
        Self {
            held: ArcSwapOption::from_pointee(Held {
                set: Arc::new(set),
                until: Duration::MAX,
            }),
            fetched: None,
        }
    }

    /// None ever: of an issuer whose tokens are opaque.
    #[must_use]
    pub fn none() -> Self {
        Self {
            held: ArcSwapOption::empty(),
            fetched: None,
        }
    }

    /// None yet: to be fetched by this policy.
    #[must_use]
    pub fn fetched(policy: KeyPolicy, clock: Arc<dyn Clock>) -> Self {
        Self {
            held: ArcSwapOption::empty(),
            fetched: Some(Fetched {
                clock,
                schedule: Mutex::new(KeySchedule::new(policy)),
            }),
        }
    }

    /// The keys of now; none where none were fetched, or the last good fetch is too long ago.
    #[must_use]
    pub fn current(&self) -> Option<Arc<JwkSet>> {
        let held = self.held.load();
        let held = held.as_ref()?;
        let believed = match &self.fetched {
            None => true,
            Some(fetched) => fetched.clock.monotonic() < held.until,
        };
        believed.then(|| Arc::clone(&held.set))
    }

    /// A token names a key that is not in [`IssuerKeys::current`], or there are none. On [`UnknownKey::Wait`], wake who
    /// fetches.
    pub fn unknown_key(&self) -> UnknownKey {
        match &self.fetched {
            None => UnknownKey::None,
            Some(fetched) => fetched.schedule().unknown_key(fetched.clock.monotonic()),
        }
    }

    /// How long to wait until the next fetch; none where there is nothing to fetch, or a fetch is under way.
    #[must_use]
    pub fn next_fetch(&self) -> Option<Duration> {
        let fetched = self.fetched.as_ref()?;
        let due = fetched.schedule().due()?;
        Some(due.saturating_sub(fetched.clock.monotonic()))
    }

    /// Begins a fetch, if one is due.
    pub fn begin(&self) -> Option<Attempt<'_>> {
        let fetched = self.fetched.as_ref()?;
        let now = fetched.clock.monotonic();
        let mut schedule = fetched.schedule();
        if !schedule.is_due(now) {
            return None;
        }
        schedule.begin(now);
        Some(Attempt {
            keys: self,
            ended: false,
        })
    }
}

impl Attempt<'_> {
    /// It brought these keys, of which the issuer says that they may be kept for `age`.
    pub fn succeeded(mut self, set: JwkSet, age: Option<Duration>) {
        self.ended = true;
        let Some(fetched) = &self.keys.fetched else { return };
        let mut schedule = fetched.schedule();
        schedule.succeeded(fetched.clock.monotonic(), age);
        let until = schedule.believed_until().unwrap_or_default();
        self.keys.held.store(Some(Arc::new(Held {
            set: Arc::new(set),
            until,
        })));
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let (false, Some(fetched)) = (self.ended, &self.keys.fetched) {
            fetched.schedule().failed(fetched.clock.monotonic());
        }
    }
}
