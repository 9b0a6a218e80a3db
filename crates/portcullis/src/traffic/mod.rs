//! Counts requests by route, method and status. Each route counts for itself, behind its guard: nothing is looked up, locked
//! or allocated for a request (but once for the first one of a route and method). What a client sends makes no series:
//! routes are as the application wrote them, all else is one route, and unknown methods are one method.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use http::{Method, StatusCode};
use portcullis_core::metrics::{Histogram, Scrape};

const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "other",
];

/// What came for one route.
pub(crate) struct RouteTraffic {
    /// The path of the route, with its parameters in braces.
    path: Arc<str>,
    methods: [OnceLock<Box<Tally>>; METHODS.len()],
    /// Whether an edge tells it at scrapes.
    told: AtomicBool,
}

/// What came for one route by one method.
struct Tally {
    /// From 100 on.
    statuses: [AtomicU64; 500],
    duration: Histogram,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            statuses: std::array::from_fn(|_| AtomicU64::new(0)),
            duration: Histogram::default(),
        }
    }
}

impl Tally {
    fn take_in(&self, other: &Self) {
        for (status, more) in self.statuses.iter().zip(&other.statuses) {
            status.fetch_add(more.load(Relaxed), Relaxed);
        }
        self.duration.take_in(&other.duration);
    }
}

fn place(method: &Method) -> usize {
    let known = METHODS.iter().position(|known| *known == method.as_str());
    known.unwrap_or(METHODS.len() - 1)
}

/// What a method is called in log and metrics. One that nobody knows may be long, and is `other`.
pub(crate) fn name_of(method: &Method) -> &'static str {
    METHODS[place(method)]
}

impl RouteTraffic {
    pub(crate) fn new(path: Arc<str>) -> Self {
        Self {
            path,
            methods: Default::default(),
            told: AtomicBool::new(false),
        }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    fn count(&self, method: &Method, status: StatusCode, duration: Duration) {
        let tally = self.methods[place(method)].get_or_init(Box::default);
        // There is none above 999; those from 600 on are nobody's.
        let status = usize::from(status.as_u16()).saturating_sub(100);
        tally.statuses[status.min(499)].fetch_add(1, Relaxed);
        tally.duration.observe(duration);
    }

    fn tallies(&self) -> impl Iterator<Item = (&'static str, &Tally)> {
        let tallies = METHODS.iter().zip(&self.methods);
        tallies.filter_map(|(method, tally)| Some((*method, &**tally.get()?)))
    }
}

impl fmt::Debug for RouteTraffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RouteTraffic").field(&self.path).finish()
    }
}

/// What came through one edge.
pub(crate) struct Traffic {
    routes: Mutex<Vec<Arc<RouteTraffic>>>,
    /// What no route answered.
    nowhere: RouteTraffic,
}

impl Traffic {
    pub(crate) fn new() -> Self {
        Self {
            routes: Mutex::default(),
            nowhere: RouteTraffic::new("-".into()),
        }
    }

    /// One request was answered by `route`, if there is one.
    pub(crate) fn count(
        &self,
        route: Option<&Arc<RouteTraffic>>,
        method: &Method,
        status: StatusCode,
        duration: Duration,
    ) {
        let Some(route) = route else {
            return self.nowhere.count(method, status, duration);
        };
        route.count(method, status, duration);
        if !route.told.load(Relaxed) && !route.told.swap(true, SeqCst) {
            self.routes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(Arc::clone(route));
        }
    }

    /// Tells it all.
    pub(crate) fn tell(&self, scrape: &mut Scrape<'_>) {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // A path has a route for each method, and an application may have several gates: a series that comes twice would
        // make Prometheus refuse all of them.
        let mut tallies: BTreeMap<(&str, &str), Tally> = BTreeMap::new();
        for route in routes.iter().map(|route| &**route).chain([&self.nowhere]) {
            for (method, tally) in route.tallies() {
                tallies.entry((route.path(), method)).or_default().take_in(tally);
            }
        }
        scrape.counter(
            "portcullis_http_requests_total",
            "Requests answered, by route (- where there is none), method and status.",
            |series| {
                for ((route, method), tally) in &tallies {
                    for (status, count) in (100u16..).zip(&tally.statuses) {
                        let count = count.load(Relaxed);
                        if count > 0 {
                            let status = status.to_string();
                            series.put(
                                &[("route", *route), ("method", *method), ("status", &status)],
                                count,
                            );
                        }
                    }
                }
            },
        );
        scrape.histogram(
            "portcullis_http_request_duration_seconds",
            "Time until an answer began, by route and method.",
            |series| {
                for ((route, method), tally) in &tallies {
                    series.put_ref(&[("route", *route), ("method", *method)], &tally.duration);
                }
            },
        );
    }
}
