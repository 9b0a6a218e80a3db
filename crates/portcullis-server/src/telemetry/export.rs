use std::{
    cell::Cell,
    io,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use portcullis_core::{
    clock::{Clock as _, SystemClock},
    metrics::{Counter, Metrics},
    rng::{self, SystemRng},
};

use super::{
    SpanLayer,
    otlp::{self, Span, Value},
    post::Post,
};
use crate::config::TelemetrySettings;

/// Spans that may wait.
const WAITING: usize = 2048;
/// Spans in one message.
const BATCH: usize = 512;
/// A message goes out after so long, however few spans it has.
const DELAY: Duration = Duration::from_secs(2);

/// Where spans go that have ended.
pub(super) struct Queue {
    sender: SyncSender<Option<Span>>,
    counts: Counts,
}

/// What became of spans.
#[derive(Clone, Default)]
struct Counts {
    exported: Counter,
    dropped: Counter,
    failed: Counter,
}

impl Queue {
    /// Never waits.
    pub(super) fn put(&self, span: Span) {
        if self.sender.try_send(Some(span)).is_err() {
            self.counts.dropped.add(1);
        }
    }
}

/// The thread that sends spans away.
pub(crate) struct Exporter {
    queue: Arc<Queue>,
    ending: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Exporter {
    /// Starts it.
    ///
    /// # Errors
    /// When the endpoint cannot be, or the system gives no thread.
    pub(crate) fn start(settings: &TelemetrySettings) -> io::Result<Self> {
        let (sender, spans) = sync_channel(WAITING);
        let (counts, ending) = (Counts::default(), Arc::<AtomicBool>::default());
        let queue = Arc::new(Queue {
            sender,
            counts: counts.clone(),
        });
        let work = Work {
            spans,
            counts,
            post: Post::new(settings)?,
            resource: resource(settings),
            failing: Cell::new(false),
            ending: Arc::clone(&ending),
        };
        let thread = std::thread::Builder::new()
            .name("traces".to_owned())
            .spawn(move || work.run())?;
        Ok(Self {
            queue,
            ending,
            thread,
        })
    }

    /// What puts spans into it.
    pub(crate) fn layer(&self) -> SpanLayer {
        SpanLayer::new(Arc::clone(&self.queue))
    }

    /// Has what became of spans read by `metrics`.
    pub(crate) fn tell(&self, metrics: &Metrics) {
        let counts = self.queue.counts.clone();
        metrics.collect(move |scrape| {
            scrape.counter(
                "portcullis_trace_spans_total",
                "Spans of traces: exported, dropped since too many waited, or failed to be exported.",
                |series| {
                    series.put(&[("result", "exported")], counts.exported.get());
                    series.put(&[("result", "dropped")], counts.dropped.get());
                    series.put(&[("result", "failed")], counts.failed.get());
                },
            );
        });
    }

    /// Sends what still waits, and ends: within the time that one message may take.
    pub(crate) fn end(self) {
        self.ending.store(true, SeqCst);
        // Fails when the thread is gone; waits for a place while it sends.
        let _ = self.queue.sender.send(None);
        let _ = self.thread.join();
    }
}

fn resource(settings: &TelemetrySettings) -> Vec<(&'static str, Value)> {
    let instance = u128::from_be_bytes(rng::bytes(&SystemRng));
    vec![
        ("service.name", Value::Text(settings.service_name.clone())),
        (
            "service.version",
            Value::Text(env!("CARGO_PKG_VERSION").to_owned()),
        ),
        ("service.instance.id", Value::Text(format!("{instance:032x}"))),
    ]
}

struct Work {
    spans: Receiver<Option<Span>>,
    counts: Counts,
    post: Post,
    resource: Vec<(&'static str, Value)>,
    failing: Cell<bool>,
    ending: Arc<AtomicBool>,
}

impl Work {
    fn run(self) {
        while let Ok(Some(first)) = self.spans.recv() {
            let mut batch = vec![first];
            let filled = self.fill(&mut batch);
            let sent = self.send(&batch);
            // At the end, what waits is sent, but nobody waits for a receiver that is not there.
            if filled.is_break() || (self.ending.load(SeqCst) && !sent) {
                return;
            }
        }
    }

    /// Breaks when it is time to end.
    fn fill(&self, batch: &mut Vec<Span>) -> ControlFlow<()> {
        let until = SystemClock.monotonic() + DELAY;
        while batch.len() < BATCH {
            let left = until.saturating_sub(SystemClock.monotonic());
            match self.spans.recv_timeout(left) {
                Ok(Some(span)) => batch.push(span),
                Ok(None) | Err(RecvTimeoutError::Disconnected) => return ControlFlow::Break(()),
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        ControlFlow::Continue(())
    }

    fn send(&self, batch: &[Span]) -> bool {
        let number = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let result = self.post.send(otlp::encode(&self.resource, batch));
        match &result {
            Ok(()) => self.counts.exported.add(number),
            Err(_) => self.counts.failed.add(number),
        }
        // The first failure is told, and the end of it: not each one.
        let failed_before = self.failing.replace(result.is_err());
        match &result {
            Err(error) if !failed_before => {
                tracing::warn!(%error, "traces cannot be exported; requests are served all the same");
            }
            Ok(()) if failed_before => tracing::info!("traces are exported again"),
            _ => {}
        }
        result.is_ok()
    }
}
