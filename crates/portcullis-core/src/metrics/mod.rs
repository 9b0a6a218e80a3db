//! What is counted, and how Prometheus reads it.
//!
//! To add a number:
//! - something that happens: take a [`Counter`] once, when your part is set up, keep it, and call [`Counter::add`] where it
//!   happens. `authority.metrics()` has the one [`Metrics`] of a node:
//!
//!   ```
//!   # let metrics = portcullis_core::metrics::Metrics::new();
//!   let done = metrics.counter("portcullis_upkeep_runs_total", "Runs of the upkeep, by result.", &[("result", "done")]);
//!   let failed = metrics.counter("portcullis_upkeep_runs_total", "Runs of the upkeep, by result.", &[("result", "failed")]);
//!   done.add(1);
//!   # assert!(metrics.text().contains("portcullis_upkeep_runs_total{result=\"done\"} 1\n"));
//!   ```
//!
//! - something that is: hand a function to [`Metrics::collect`], which tells it at each scrape:
//!
//!   ```
//!   # let metrics = portcullis_core::metrics::Metrics::new();
//!   metrics.collect(|scrape| {
//!       scrape.gauge("portcullis_upkeep_waiting", "Jobs that wait.", |series| series.put(&[], 3.0));
//!   });
//!   ```
//!
//! Then give it a row in the book (`docs/src/monitoring.md`), with the unit: a test compares the table with a live scrape. A
//! label's values come from the code, never from a request: each value is a series that is kept for ever.
//!
//! Counting is one atomic addition, without a lock and without an allocation (decision 0120).

mod histogram;
mod scrape;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, prometheus_text},
    registry::Registry,
};

pub use self::{
    histogram::{Histogram, LATENCY},
    scrape::{Scrape, Series},
};

/// A number that only grows, since the start. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Counts `more`.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    /// The number.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

type Labels = Vec<(&'static str, &'static str)>;
type Source = Box<dyn Fn(&mut Scrape<'_>) + Send + Sync>;

struct Family {
    help: &'static str,
    series: Vec<(Labels, Counter)>,
}

#[derive(Default)]
struct Inner {
    counters: Mutex<BTreeMap<&'static str, Family>>,
    sources: Mutex<Vec<Source>>,
}

/// All that one node counts. Clones are the same one.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Inner>);

impl Metrics {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A counter; the same one for the same name and labels. `name` ends in `_total` (and the unit before that, if it has
    /// one); counters of one name are one family and have the same names of labels.
    pub fn counter(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &'static str)],
    ) -> Counter {
        let mut counters = lock(&self.0.counters);
        let family = counters.entry(name).or_insert_with(|| Family {
            help,
            series: Vec::new(),
        });
        if let Some((_, known)) = family.series.iter().find(|(known, _)| known == labels) {
            return known.clone();
        }
        let counter = Counter::default();
        family.series.push((labels.to_vec(), counter.clone()));
        counter
    }

    /// Counters that differ in one label, in the order of `values`.
    pub fn counters<const N: usize>(
        &self,
        name: &'static str,
        help: &'static str,
        label: &'static str,
        values: [&'static str; N],
    ) -> [Counter; N] {
        values.map(|value| self.counter(name, help, &[(label, value)]))
    }

    /// Asks `source` at each scrape. It answers fast and waits for nothing, and the names of its families are its own.
    pub fn collect(&self, source: impl Fn(&mut Scrape<'_>) + Send + Sync + 'static) {
        lock(&self.0.sources).push(Box::new(source));
    }

    /// Everything, in the text format of Prometheus (version 0.0.4).
    #[must_use]
    pub fn text(&self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.clone()));
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = prometheus_text::encode(&mut text, &registry);
        text
    }
}

/// What [`Metrics::text`] is, in the words of `Content-Type`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut scrape = Scrape::new(encoder);
        for (name, family) in lock(&self.0.counters).iter() {
            scrape.counter(name, family.help, |series| {
                for (labels, counter) in &family.series {
                    series.put(labels, counter.get());
                }
            });
        }
        for source in lock(&self.0.sources).iter() {
            source(&mut scrape);
        }
        scrape.end()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// What is guarded is whole between statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
