use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Decision, Rule, shard::Shard};
use crate::{
    clock::Clock,
    rng::{self, Rng},
};

/// Keys of one shard: few enough to look through.
const WAYS: usize = 128;

/// Counts requests by rule and key, exactly: in no span of time as long as the window does one key get more than its
/// limit. Requests that are refused are not counted.
///
/// Memory is bounded: `capacity` keys, and for each at most as many instants (8 bytes) as its limit. To make room,
/// expired keys go first, then the one furthest below its limit, never one at its limit; what is forgotten of a key
/// is held against all newcomers of its shard for as long as it would have counted (`docs/decisions/0041`). So a
/// flood of new keys buys nobody a second try; it costs newcomers some of theirs.
///
/// Keys are stored as keyed hashes (HMAC-SHA-256, 128 bits, a random key): an address cannot be read back, and
/// nobody can choose keys that meet in one shard.
///
/// ```
/// use std::sync::Arc;
/// use portcullis_core::{clock::SystemClock, limit::{Limiter, Rule, address_key}, rng::SystemRng};
///
/// let login = Rule::new("login", "5/minute".parse()?);
/// let limiter = Limiter::new(10_000, Arc::new(SystemClock), &SystemRng);
/// let key = address_key([192, 0, 2, 1].into());
/// let first = limiter.check(&login, &key);
/// assert!(first.allowed);
/// assert_eq!(first.policy_field(), "\"login\";q=5;w=60");
/// assert_eq!(first.ratelimit_field(), "\"login\";r=4;t=60");
/// # Ok::<(), portcullis_core::limit::QuotaError>(())
/// ```
pub struct Limiter {
    shards: Box<[Mutex<Shard>]>,
    ways: usize,
    mac: Hmac<Sha256>,
    clock: Arc<dyn Clock>,
}

impl Limiter {
    /// Remembers `capacity` keys at most, at least one.
    #[must_use]
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    pub fn new(capacity: usize, clock: Arc<dyn Clock>, rng: &dyn Rng) -> Self {
        let capacity = capacity.max(1);
        let shards = (capacity / WAYS).max(1);
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(rng::bytes(rng));
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            ways: capacity / shards,
            mac: Hmac::new_from_slice(&*key).expect("any length"),
            clock,
        }
    }

    /// Decides about one request of `key`, and counts it if it is allowed.
    pub fn check(&self, rule: &Rule, key: &[u8]) -> Decision {
        let key = self.hash(rule, key);
        let mut shard = self.lock(self.shard_of(key));
        let now = self.now();
        let allowed = shard.standing(key, rule, now).live < rule.quota().limit_len();
        if allowed {
            shard.count(key, rule, now, self.ways);
        }
        decision(&shard, key, rule, now, allowed)
    }

    /// Decides about one request under several rules at once, for example by address and by account. Allowed if all
    /// allow it; if one refuses, none counts it. Gives the decision that binds most: of refusals the longest, else
    /// the one that leaves the least. `None` if nothing is asked.
    pub fn check_all(&self, asked: &[(&Rule, &[u8])]) -> Option<Decision> {
        let mut asks: Vec<(u128, &Rule)> = asked
            .iter()
            .map(|(rule, key)| (self.hash(rule, key), *rule))
            .collect();
        // The same question twice is one question.
        asks.sort_unstable_by_key(|(key, _)| *key);
        asks.dedup_by_key(|(key, _)| *key);
        // `shard_of` grows with the key, so all lock in the same order and none waits for another in a circle.
        let mut shards: Vec<usize> = asks.iter().map(|(key, _)| self.shard_of(*key)).collect();
        shards.dedup();
        let mut guards: Vec<MutexGuard<'_, Shard>> = shards.iter().map(|shard| self.lock(*shard)).collect();
        let place = |key: u128| shards.partition_point(|shard| *shard < self.shard_of(key));
        let now = self.now();

        let refused = asks
            .iter()
            .filter(|(key, rule)| {
                guards[place(*key)].standing(*key, rule, now).live >= rule.quota().limit_len()
            })
            .map(|(key, rule)| decision(&guards[place(*key)], *key, rule, now, false))
            .max_by_key(|decision| decision.retry_after);
        if refused.is_some() {
            return refused;
        }
        for (key, rule) in &asks {
            guards[place(*key)].count(*key, rule, now, self.ways);
        }
        asks.iter()
            .map(|(key, rule)| decision(&guards[place(*key)], *key, rule, now, true))
            .min_by_key(|decision| (decision.remaining, std::cmp::Reverse(decision.reset_after)))
    }

    /// The refusal that [`check_all`](Self::check_all) would give now, if it is one. Counts nothing.
    pub fn refusal(&self, asked: &[(&Rule, &[u8])]) -> Option<Decision> {
        asked
            .iter()
            .filter_map(|(rule, key)| {
                let key = self.hash(rule, key);
                let shard = self.lock(self.shard_of(key));
                let now = self.now();
                let full = shard.standing(key, rule, now).live >= rule.quota().limit_len();
                full.then(|| decision(&shard, key, rule, now, false))
            })
            .max_by_key(|decision| decision.retry_after)
    }

    /// Counts a request that someone else has allowed, whatever the limit says.
    pub fn note(&self, asked: &[(&Rule, &[u8])]) {
        for (rule, key) in asked {
            let key = self.hash(rule, key);
            let mut shard = self.lock(self.shard_of(key));
            let now = self.now();
            shard.count(key, rule, now, self.ways);
        }
    }

    /// Drops what has expired. Not needed for the bound; gives memory back after a flood.
    pub fn sweep(&self) {
        for shard in 0..self.shards.len() {
            let mut shard = self.lock(shard);
            let now = self.now();
            shard.sweep(now);
        }
    }

    /// How many keys are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        (0..self.shards.len()).map(|shard| self.lock(shard).len()).sum()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Greatest number of instants for which memory is held.
    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        (0..self.shards.len()).map(|shard| self.lock(shard).slots()).sum()
    }

    pub(super) fn hash(&self, rule: &Rule, key: &[u8]) -> u128 {
        let quota = rule.quota();
        let mut mac = self.mac.clone();
        // Fixed lengths behind the name, and no NUL in it: no two questions are spelled alike.
        mac.update(rule.name().as_bytes());
        mac.update(&[0]);
        mac.update(&quota.limit().to_be_bytes());
        mac.update(&quota.window_nanos().to_be_bytes());
        mac.update(key);
        let tag = mac.finalize().into_bytes();
        let mut half = [0; 16];
        half.copy_from_slice(&tag[..16]);
        u128::from_be_bytes(half)
    }

    /// Splits the hashes into equal ranges.
    fn shard_of(&self, key: u128) -> usize {
        let high = key >> 64;
        // Below the number of shards, since `high` is below 2^64.
        usize::try_from((high * self.shards.len() as u128) >> 64).unwrap_or(0)
    }

    fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        // A shard is whole between statements, so one that a panic left is as good as any.
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Read under the lock of the shard, so that its logs are in order.
    fn now(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_nanos()).unwrap_or(u64::MAX)
    }
}

fn decision(shard: &Shard, key: u128, rule: &Rule, now: u64, allowed: bool) -> Decision {
    let standing = shard.standing(key, rule, now);
    Decision::new(
        rule,
        allowed,
        standing.live,
        Duration::from_nanos(standing.reset_after),
    )
}
