use super::{Rule, log::Log};

struct Entry {
    rule: Rule,
    log: Log,
}

/// A part of the keys, under one lock.
///
/// Besides the log of each key that has an entry there is one *shared* log for each rule, which is at least as strict
/// as the log of any key that has none: what is evicted is joined into it, what finds no room is counted in it, and
/// who comes without an entry begins with a copy of it. So a key that was forgotten comes back as the worst one that
/// was, and forgetting never lets anybody do more than the limit. In a shard that never was full the shared logs
/// are empty.
#[derive(Default)]
pub(super) struct Shard {
    /// Hashes of the keys; beside `entries`, so that looking for one walks through little memory.
    keys: Vec<u128>,
    entries: Vec<Entry>,
    shared: Vec<(Rule, Log)>,
}

/// How a key stands.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    /// Requests within the window.
    pub(super) live: usize,
    /// Nanoseconds until more are allowed than now.
    pub(super) reset_after: u64,
}

impl Shard {
    fn own(&self, key: u128) -> Option<usize> {
        self.keys.iter().position(|known| *known == key)
    }

    fn shared(&self, rule: &Rule) -> Option<&Log> {
        self.shared
            .iter()
            .find(|(known, _)| known == rule)
            .map(|(_, log)| log)
    }

    fn shared_mut(&mut self, rule: &Rule) -> &mut Log {
        // Rules are the application's, not an outsider's: this list is as long as the list of rules at most.
        let i = if let Some(i) = self.shared.iter().position(|(known, _)| known == rule) {
            i
        } else {
            self.shared.push((*rule, Log::default()));
            self.shared.len() - 1
        };
        &mut self.shared[i].1
    }

    /// How `key` stands under `rule`.
    pub(super) fn standing(&self, key: u128, rule: &Rule, now: u64) -> Standing {
        let log = match self.own(key) {
            Some(i) => Some(&self.entries[i].log),
            None => self.shared(rule),
        };
        let quota = rule.quota();
        let window = quota.window_nanos();
        log.map_or(
            Standing {
                live: 0,
                reset_after: 0,
            },
            |log| {
                let live = log.live(now, window);
                Standing {
                    live,
                    reset_after: log.reset_after(now, window, quota.limit_len(), live),
                }
            },
        )
    }

    /// Counts a request of `key`; at most `capacity` keys have an entry.
    pub(super) fn count(&mut self, key: u128, rule: &Rule, now: u64, capacity: usize) {
        let quota = rule.quota();
        if let Some(i) = self.own(key) {
            let log = &mut self.entries[i].log;
            log.prune(now, quota.window_nanos());
            log.push(now, quota.limit_len());
        } else if self.make_room(now, capacity) {
            let mut log = self.shared(rule).cloned().unwrap_or_default();
            log.prune(now, quota.window_nanos());
            log.push(now, quota.limit_len());
            self.keys.push(key);
            self.entries.push(Entry { rule: *rule, log });
        } else {
            self.shared_mut(rule).push(now, quota.limit_len());
        }
    }

    /// Whether there is room for one more entry: without more ado, in place of expired ones, or in place of the one
    /// that is furthest below its limit.
    fn make_room(&mut self, now: u64, capacity: usize) -> bool {
        if self.keys.len() < capacity {
            return true;
        }
        self.sweep(now);
        if self.keys.len() < capacity {
            return true;
        }
        let Some(victim) = self.furthest_below(now) else {
            return false;
        };
        self.keys.swap_remove(victim);
        let Entry { rule, mut log } = self.entries.swap_remove(victim);
        let window = rule.quota().window_nanos();
        log.prune(now, window);
        let shared = self.shared_mut(&rule);
        shared.prune(now, window);
        shared.join(&log);
        true
    }

    /// The entry with the smallest part of its limit used up; of equals the one whose window ends first. None that is
    /// at its limit.
    fn furthest_below(&self, now: u64) -> Option<usize> {
        let used = |entry: &Entry| -> (u64, u64) {
            let quota = entry.rule.quota();
            let live = entry.log.live(now, quota.window_nanos());
            (live as u64, u64::from(quota.limit()))
        };
        let ends = |entry: &Entry| {
            entry
                .log
                .newest()
                .map(|at| at.saturating_add(entry.rule.quota().window_nanos()))
        };
        self.entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| {
                let (live, limit) = used(entry);
                live < limit
            })
            .min_by(|(_, a), (_, b)| {
                let ((live_a, limit_a), (live_b, limit_b)) = (used(a), used(b));
                (live_a * limit_b)
                    .cmp(&(live_b * limit_a))
                    .then_with(|| ends(a).cmp(&ends(b)))
            })
            .map(|(i, _)| i)
    }

    /// Drops entries that have nothing left in their window.
    pub(super) fn sweep(&mut self, now: u64) {
        let mut i = 0;
        while i < self.entries.len() {
            let entry = &self.entries[i];
            if entry.log.live(now, entry.rule.quota().window_nanos()) == 0 {
                self.keys.swap_remove(i);
                self.entries.swap_remove(i);
            } else {
                i += 1;
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Greatest number of requests for which memory is held.
    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        let own = self.entries.iter().map(|entry| entry.log.capacity());
        let shared = self.shared.iter().map(|(_, log)| log.capacity());
        own.chain(shared).sum()
    }
}
