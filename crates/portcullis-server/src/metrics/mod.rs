//! What metrics say of this process: version, memory, files, certificate. Names without the prefix `portcullis_` are those
//! that Prometheus gives to any process.

use std::fs;

use portcullis_core::{
    clock::{Clock as _, SystemClock, Timestamp},
    metrics::{Metrics, Scrape},
};
use rustix::{
    param::page_size,
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

use crate::serve::Expiry;

/// Has this process read by `metrics`, as started now.
pub(crate) fn tell(metrics: &Metrics, expiry: Expiry) {
    let started = SystemClock.now();
    metrics.collect(move |scrape| {
        process(scrape, started);
        scrape.gauge(
            "portcullis_build_info",
            "The version that runs; always 1.",
            |series| series.put(&[("version", env!("CARGO_PKG_VERSION"))], 1.0),
        );
        if let Some(seconds) = expiry.seconds() {
            scrape.gauge(
                "portcullis_tls_certificate_expiry_timestamp_seconds",
                "When the TLS certificate that is served with expires.",
                |series| series.put(&[], exact(seconds)),
            );
        }
    });
}

fn process(scrape: &mut Scrape<'_>, started: Timestamp) {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    scrape.seconds(
        "process_cpu_seconds_total",
        "Time that the process has spent on processors.",
        |series| {
            let nanos = u32::try_from(cpu.tv_nsec).unwrap_or(0);
            series.put(&[], exact(cpu.tv_sec) + f64::from(nanos) / 1e9);
        },
    );
    let mut gauge = |name, help, value: Option<f64>| {
        if let Some(value) = value {
            scrape.gauge(name, help, |series| series.put(&[], value));
        }
    };
    gauge(
        "process_start_time_seconds",
        "When the process started, seconds since 1970.",
        Some(exact(started.millis()) / 1000.0),
    );
    gauge(
        "process_resident_memory_bytes",
        "Memory of the process that is in RAM.",
        resident(),
    );
    gauge(
        "process_open_fds",
        "Files and sockets that the process has open.",
        // One of them is the folder that is read.
        fs::read_dir("/proc/self/fd")
            .ok()
            .and_then(|open| i64::try_from(open.count().saturating_sub(1)).ok())
            .map(exact),
    );
    gauge(
        "process_max_fds",
        "Files and sockets that the process may have open.",
        getrlimit(Resource::Nofile)
            .current
            .and_then(|most| i64::try_from(most).ok())
            .map(exact),
    );
}

/// The second number of `/proc/self/statm` (proc(5)): pages.
fn resident() -> Option<f64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    let size = i64::try_from(page_size()).ok()?;
    Some(exact(pages.checked_mul(size)?))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "every number of Prometheus is a float of 64 bits"
)]
fn exact(number: i64) -> f64 {
    number as f64
}
