use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of the buckets of a [`Histogram`]: from what a look into memory takes to what nobody waits for.
pub const LATENCY: [Duration; 14] = [
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// How long things took: two atomic additions for each, no lock (the histogram of `prometheus-client` has one).
#[derive(Debug, Default)]
pub struct Histogram {
    /// Not cumulative. The last one is for what took longer than the last bound.
    buckets: [AtomicU64; LATENCY.len() + 1],
    nanos: AtomicU64,
}

impl Histogram {
    /// Takes one in.
    pub fn observe(&self, duration: Duration) {
        let bucket = LATENCY.partition_point(|bound| *bound < duration);
        self.buckets[bucket].fetch_add(1, Relaxed);
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Relaxed);
    }

    /// Takes all in that `other` has.
    pub fn take_in(&self, other: &Self) {
        for (bucket, more) in self.buckets.iter().zip(&other.buckets) {
            bucket.fetch_add(more.load(Relaxed), Relaxed);
        }
        self.nanos.fetch_add(other.nanos.load(Relaxed), Relaxed);
    }

    /// All of them together.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Relaxed))
    }

    /// How many were taken in.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }

    /// Numbers by upper bound in seconds, each without those of the bounds below, and how many there are in all.
    pub(super) fn read(&self) -> (Vec<(f64, u64)>, u64) {
        // Read once, so that the whole is the sum of its parts however many are taken in meanwhile.
        let counts = self.buckets.each_ref().map(|bucket| bucket.load(Relaxed));
        let bounds = LATENCY.iter().map(Duration::as_secs_f64);
        (bounds.zip(counts).collect(), counts.iter().sum())
    }
}
