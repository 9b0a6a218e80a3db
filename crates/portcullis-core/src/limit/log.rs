/// When requests were let through: nanoseconds on the monotonic clock, oldest first, never more than the newest
/// `limit` of them, since older ones decide nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Log(Vec<u64>);

impl Log {
    /// How many lie within `window` before `now`. A request leaves when it is exactly `window` old.
    pub(super) fn live(&self, now: u64, window: u64) -> usize {
        self.0.len() - self.0.partition_point(|at| now.saturating_sub(*at) >= window)
    }

    /// Time until there is room for one more than now, given that `live` lie within the window.
    pub(super) fn reset_after(&self, now: u64, window: u64, limit: usize, live: usize) -> u64 {
        // At the limit, or beyond it after it was lowered: until fewer than `limit` are left.
        let leaving = live.saturating_sub(limit);
        self.0
            .get(self.0.len() - live + leaving)
            .map_or(0, |at| window.saturating_sub(now.saturating_sub(*at)))
    }

    /// Forgets what has left the window.
    pub(super) fn prune(&mut self, now: u64, window: u64) {
        let live = self.live(now, window);
        self.0.drain(..self.0.len() - live);
    }

    /// Adds a request let through `now`.
    pub(super) fn push(&mut self, now: u64, limit: usize) {
        if self.0.len() >= limit {
            self.0.drain(..=self.0.len() - limit);
        }
        if self.0.len() == self.0.capacity() {
            // No more than the limit, unlike doubling.
            let room = self.0.len().clamp(1, limit - self.0.len());
            self.0.reserve_exact(room);
        }
        // In order even if the clock were not.
        let newest = self.0.last().copied().unwrap_or(0);
        self.0.push(now.max(newest));
    }

    /// Becomes the least log that is at least as strict as both: counted from the newest, each request as late as
    /// the later of the two.
    pub(super) fn join(&mut self, other: &Self) {
        let (mine, theirs) = (self.0.len(), other.0.len());
        if theirs > mine {
            self.0.reserve_exact(theirs - mine);
            self.0.splice(0..0, other.0[..theirs - mine].iter().copied());
        }
        let length = self.0.len();
        for (at, other_at) in self.0[length - theirs..].iter_mut().zip(&other.0) {
            *at = (*at).max(*other_at);
        }
    }

    pub(super) fn newest(&self) -> Option<u64> {
        self.0.last().copied()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.0.capacity()
    }
}
