//! Names of sixteen bytes, each with numbers that only grow and an end. Millions of them: read without locks, written and
//! swept shard by shard, so that nothing ever takes longer than one shard does.

use std::{
    array,
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicI64, AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use arc_swap::ArcSwap;

use crate::clock::Timestamp;

/// Shards. Ten million names make 40,000 in each: to build one anew takes a few milliseconds.
pub(super) const SHARDS: usize = 256;
/// Places of a shard that has any.
const LEAST: usize = 16;

/// States of a place, in the stead of the end of its name.
const EMPTY: u64 = 0;
const DEAD: u64 = 1;
const EARLIEST: u64 = 2;

/// `N` numbers for each name.
pub(super) struct Table<const N: usize> {
    shards: Box<[Shard<N>]>,
    hasher: RandomState,
    live: AtomicUsize,
}

struct Shard<const N: usize> {
    /// What readers see. Another one takes its stead when it is full.
    places: ArcSwap<Places<N>>,
    /// Whoever writes holds it.
    fill: Mutex<Fill>,
}

#[derive(Default)]
struct Fill {
    /// Places whose name has not ended.
    live: usize,
    /// Places that are not empty.
    used: usize,
}

/// Open addressing, one place after the other. A place goes from empty to a name to dead, and never back: a reader that
/// comes by at any moment passes over nothing that was there before.
struct Places<const N: usize>(Box<[Place<N>]>);

struct Place<const N: usize> {
    high: AtomicU64,
    low: AtomicU64,
    numbers: [AtomicI64; N],
    /// `EMPTY`, `DEAD`, or the end in milliseconds. Written last, read first.
    until: AtomicU64,
}

impl<const N: usize> Default for Place<N> {
    fn default() -> Self {
        Self {
            high: AtomicU64::new(0),
            low: AtomicU64::new(0),
            numbers: array::from_fn(|_| AtomicI64::new(0)),
            until: AtomicU64::new(EMPTY),
        }
    }
}

impl<const N: usize> Place<N> {
    /// Whether it has this name; the place must not be empty.
    fn has(&self, key: u128) -> bool {
        self.low.load(Relaxed) == low(key) && self.high.load(Relaxed) == high(key)
    }

    fn name(&self) -> u128 {
        (u128::from(self.high.load(Relaxed)) << 64) | u128::from(self.low.load(Relaxed))
    }

    fn numbers(&self) -> [i64; N] {
        array::from_fn(|i| self.numbers[i].load(Relaxed))
    }

    /// Only into one that is empty.
    fn fill(&self, key: u128, numbers: [i64; N], until: u64) {
        self.high.store(high(key), Relaxed);
        self.low.store(low(key), Relaxed);
        for (place, number) in self.numbers.iter().zip(numbers) {
            place.store(number, Relaxed);
        }
        self.until.store(until, Release);
    }

    /// Whether any of them grew.
    fn raise(&self, numbers: [i64; N], until: u64) -> bool {
        let mut grew = false;
        for (place, number) in self.numbers.iter().zip(numbers) {
            grew |= place.fetch_max(number, Relaxed) < number;
        }
        grew | (self.until.fetch_max(until, Release) < until)
    }
}

fn high(key: u128) -> u64 {
    u64::try_from(key >> 64).unwrap_or(0)
}

fn low(key: u128) -> u64 {
    u64::try_from(key & u128::from(u64::MAX)).unwrap_or(0)
}

/// How an end is stored. Before 1970 nothing was revoked.
fn stored(until: Timestamp) -> u64 {
    u64::try_from(until.millis()).unwrap_or(0).max(EARLIEST)
}

impl<const N: usize> Places<N> {
    fn new(places: usize) -> Self {
        Self((0..places).map(|_| Place::default()).collect())
    }

    /// The place of the name, or the empty one where it would go; none when there are no places.
    fn find(&self, key: u128, hash: u64) -> Option<(&Place<N>, u64)> {
        let all = self.0.len();
        // The upper half of the hash as a fraction of all places. The lower half chose the shard.
        let first = ((hash >> 32) * u64::try_from(all).ok()?) >> 32;
        let mut at = usize::try_from(first).ok()?;
        for _ in 0..all {
            let place = self.0.get(at)?;
            let until = place.until.load(Acquire);
            if until == EMPTY || (until != DEAD && place.has(key)) {
                return Some((place, until));
            }
            at = if at + 1 == all { 0 } else { at + 1 };
        }
        None
    }
}

/// How far a sweep has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    shard: usize,
    place: usize,
}

/// What a step of a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Places that it looked at.
    pub(super) visited: usize,
    /// Names that it dropped.
    pub(super) dropped: usize,
}

impl<const N: usize> Default for Table<N> {
    fn default() -> Self {
        let nothing = Arc::new(Places::new(0));
        let shard = |_| Shard {
            places: ArcSwap::new(Arc::clone(&nothing)),
            fill: Mutex::default(),
        };
        Self {
            shards: (0..SHARDS).map(shard).collect(),
            hasher: RandomState::default(),
            live: AtomicUsize::new(0),
        }
    }
}

impl<const N: usize> Table<N> {
    /// Names that it has.
    pub(super) fn len(&self) -> usize {
        self.live.load(Relaxed)
    }

    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.shards.iter().map(|shard| shard.places.load().0.len()).sum()
    }

    /// The numbers of a name. Allocates nothing, waits for nobody.
    pub(super) fn get(&self, key: u128) -> Option<[i64; N]> {
        let hash = self.hasher.hash_one(key);
        let places = self.shards[shard_of(hash)].places.load();
        let (place, until) = places.find(key, hash)?;
        (until != EMPTY).then(|| place.numbers())
    }

    /// Raises each number of the name to this one at least, and its end. Whether anything grew.
    pub(super) fn raise(&self, key: u128, numbers: [i64; N], until: Timestamp) -> bool {
        let (hash, until) = (self.hasher.hash_one(key), stored(until));
        let shard = &self.shards[shard_of(hash)];
        let mut fill = shard.write();
        loop {
            let places = shard.places.load();
            if let Some((place, state)) = places.find(key, hash) {
                if state != EMPTY {
                    return place.raise(numbers, until);
                }
                // At most four fifths full, for then it takes thirteen looks to see that a name is not there.
                if (fill.used + 1) * 5 <= places.0.len() * 4 {
                    place.fill(key, numbers, until);
                    fill.used += 1;
                    fill.live += 1;
                    self.live.fetch_add(1, Relaxed);
                    return true;
                }
            }
            self.rebuild(shard, &mut fill);
        }
    }

    /// Drops names that ended before `now`, beginning at `cursor`, and looks at some `budget` places: more only where a shard is
    /// built anew. None dropped is one that was raised meanwhile. Whether there is more to look at, the cursor tells.
    pub(super) fn sweep(&self, cursor: &mut Cursor, now: Timestamp, budget: usize) -> Step {
        let now = stored(now);
        let mut step = Step::default();
        while step.visited < budget
            && let Some(shard) = self.shards.get(cursor.shard)
        {
            let mut fill = shard.write();
            let places = shard.places.load();
            let rest = places.0.get(cursor.place..).unwrap_or_default();
            let rest = &rest[..rest.len().min(budget - step.visited)];
            for place in rest {
                let until = place.until.load(Relaxed);
                if (EARLIEST..now).contains(&until) {
                    place.until.store(DEAD, Release);
                    fill.live -= 1;
                    step.dropped += 1;
                }
            }
            cursor.place += rest.len();
            // Also an empty shard costs a look.
            step.visited += rest.len().max(1);
            if cursor.place >= places.0.len() {
                if places.0.len() > LEAST.max(fill.live * 4) || fill.used > fill.live * 2 {
                    step.visited += places.0.len();
                    self.rebuild(shard, &mut fill);
                }
                *cursor = Cursor {
                    shard: cursor.shard + 1,
                    place: 0,
                };
            }
        }
        self.live.fetch_sub(step.dropped, Relaxed);
        step
    }

    /// Whether a sweep has seen all.
    pub(super) fn is_swept(cursor: Cursor) -> bool {
        cursor.shard >= SHARDS
    }

    /// Gives what lives places of its own, three fifths full, and lets go of the rest.
    fn rebuild(&self, shard: &Shard<N>, fill: &mut Fill) {
        let old = shard.places.load();
        let new = Places::new(LEAST.max(fill.live * 5 / 3 + 1));
        for place in &old.0 {
            let until = place.until.load(Relaxed);
            if until >= EARLIEST {
                let key = place.name();
                if let Some((free, _)) = new.find(key, self.hasher.hash_one(key)) {
                    free.fill(key, place.numbers(), until);
                }
            }
        }
        fill.used = fill.live;
        shard.places.store(Arc::new(new));
    }
}

impl<const N: usize> Shard<N> {
    fn write(&self) -> MutexGuard<'_, Fill> {
        // Nothing in here panics half way.
        self.fill.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shard_of(hash: u64) -> usize {
    usize::from(hash.to_le_bytes()[0])
}
