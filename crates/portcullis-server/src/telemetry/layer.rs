use std::{fmt, sync::Arc, time::Duration};

use portcullis_core::{
    SPANS,
    clock::{Clock, SystemClock},
    rng::{self, SystemRng},
};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::{
    export::Queue,
    otlp::{Kind, Span, Value},
};

/// Makes spans of `tracing` into spans of OTLP: the span `request` of the edge, where it says that it is recorded, and those within it
/// that are meant for traces.
pub(crate) struct SpanLayer {
    queue: Arc<Queue>,
}

/// What is known of a span that goes on. Without `id` it is not recorded.
#[derive(Default)]
struct Open {
    trace: Option<[u8; 16]>,
    id: Option<[u8; 8]>,
    parent: Option<[u8; 8]>,
    request: Option<String>,
    attributes: Vec<(&'static str, Value)>,
    failed: bool,
    began: Began,
}

/// When a span began, by both clocks: ends are told by the one that is not set.
#[derive(Clone, Copy, Default)]
struct Began {
    /// Nanoseconds since 1970.
    wall: u64,
    monotonic: Duration,
}

impl Began {
    fn now() -> Self {
        let millis = u64::try_from(SystemClock.now().millis()).unwrap_or(0);
        Self {
            wall: millis.saturating_mul(1_000_000),
            monotonic: SystemClock.monotonic(),
        }
    }

    /// Nanoseconds since 1970, as of now by this beginning.
    fn until_now(self) -> u64 {
        let since = SystemClock.monotonic().saturating_sub(self.monotonic);
        self.wall
            .saturating_add(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl SpanLayer {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        Self { queue }
    }

    /// Whether a span is one for traces: that of a request, or one made for nothing else.
    pub(crate) fn wants(metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == SPANS || is_request(metadata) || is_answer(metadata)
    }
}

fn is_request(metadata: &tracing::Metadata<'_>) -> bool {
    metadata.is_span() && metadata.name() == "request" && metadata.target().starts_with("portcullis::")
}

/// The line of the access log, which knows how a request ended.
fn is_answer(metadata: &tracing::Metadata<'_>) -> bool {
    metadata.is_event()
        && metadata.target().starts_with("portcullis::")
        && metadata.fields().field("duration_us").is_some()
}

impl<S> Layer<S> for SpanLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let mut open = Open::default();
        let above = span.scope().skip(1).find_map(|above| {
            let extensions = above.extensions();
            let above = extensions.get::<Open>()?;
            Some((above.trace?, above.id?, above.began))
        });
        if let Some((trace, parent, began)) = above {
            open.trace = Some(trace);
            open.id = Some(rng::bytes(&SystemRng));
            open.parent = Some(parent);
            open.began = Began {
                wall: began.until_now(),
                monotonic: SystemClock.monotonic(),
            };
        } else if is_request(span.metadata()) {
            open.began = Began::now();
            attributes.record(&mut open);
        } else {
            return;
        }
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && is_request(span.metadata())
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            values.record(open);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if is_answer(event.metadata())
            && let Some(span) = context.event_span(event)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
            && open.id.is_some()
        {
            event.record(&mut Answer(open));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let Some(open) = span.extensions_mut().remove::<Open>() else {
            return;
        };
        let (Some(trace), Some(id)) = (open.trace, open.id) else {
            return;
        };
        let request = is_request(span.metadata());
        let mut attributes = open.attributes;
        if let Some(request) = open.request {
            attributes.push(("portcullis.request_id", Value::Text(request)));
        }
        self.queue.put(Span {
            trace,
            id,
            parent: open.parent,
            name: name(span.name(), request, &attributes),
            kind: if request { Kind::Server } else { Kind::Internal },
            start: open.began.wall,
            end: open.began.until_now(),
            attributes,
            failed: open.failed,
        });
    }
}

/// `GET /users/{id}`, as OpenTelemetry would have it (semantic conventions for HTTP spans); `request` where no route answered.
fn name(own: &str, request: bool, attributes: &[(&'static str, Value)]) -> String {
    let text = |wanted| {
        attributes.iter().find_map(|(name, value)| match value {
            Value::Text(text) if *name == wanted => Some(text.as_str()),
            _ => None,
        })
    };
    match (request, text(METHOD), text(ROUTE)) {
        (true, Some(method), Some(route)) => format!("{method} {route}"),
        _ => own.to_owned(),
    }
}

const METHOD: &str = "http.request.method";
const ROUTE: &str = "http.route";

/// Reads the fields of the span `request`.
impl Visit for Open {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = || format!("{value:?}");
        match field.name() {
            "id" => self.request = Some(text()),
            "trace_id" => self.trace = hexadecimal(&text()),
            "span_id" => self.id = hexadecimal(&text()),
            "parent_id" => self.parent = hexadecimal(&text()),
            _ => {}
        }
    }
}

/// Reads the fields of the access log, under the names that OpenTelemetry gives them.
struct Answer<'a>(&'a mut Open);

impl Answer<'_> {
    fn note(&mut self, name: &'static str, text: &str) {
        self.0.attributes.push((name, Value::Text(text.to_owned())));
    }
}

impl Visit for Answer<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "status" {
            let status = i64::try_from(value).unwrap_or(0);
            self.0
                .attributes
                .push(("http.response.status_code", Value::Number(status)));
            self.0.failed = value >= 500;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "route" if value != "-" => self.note(ROUTE, value),
            // As OpenTelemetry calls what it does not know.
            "method" if value == "other" => self.note(METHOD, "_OTHER"),
            "method" => self.note(METHOD, value),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// The bytes of `2 * N` hexadecimal digits.
fn hexadecimal<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}
