//! The log, on stderr: stdout is for results.

use std::io::{self, IsTerminal};

use portcullis_core::SPANS;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    config::{LogSettings, colour_wanted},
    telemetry::SpanLayer,
};

/// Starts the log: for people on a terminal, JSON otherwise, unless `log.format` says which. `spans` takes those of traces.
pub(crate) fn start(settings: &LogSettings, spans: Option<SpanLayer>) {
    let terminal = io::stderr().is_terminal();
    let json = match settings.format {
        "json" => true,
        "human" => false,
        _ => !terminal,
    };
    let filter = EnvFilter::new(format!("{},{SPANS}=off", settings.level));
    panics_are_logged();
    if let Some(spans) = spans {
        let lines = fmt::layer().with_writer(io::stderr);
        let lines = if json {
            lines.json().flatten_event(true).with_span_list(false).boxed()
        } else {
            lines
                .with_ansi(terminal && colour_wanted())
                .with_target(false)
                .boxed()
        };
        // Each has its own filter: what is traced does not depend on what is logged.
        return tracing_subscriber::registry()
            .with(lines.with_filter(filter))
            .with(spans.with_filter(filter_fn(SpanLayer::wants)))
            .init();
    }
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    if json {
        builder.json().flatten_event(true).with_span_list(false).init();
    } else {
        builder
            .with_ansi(terminal && colour_wanted())
            .with_target(false)
            .init();
    }
}

/// Starts the log of a command that is no server: only what goes wrong.
pub(crate) fn start_quiet() {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("error"))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && colour_wanted())
        .without_time()
        .with_target(false)
        .init();
}

/// A panic is one more line of the log, in its form: where and why.
fn panics_are_logged() {
    std::panic::set_hook(Box::new(|panic| {
        let why = panic.payload_as_str().unwrap_or("unknown");
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, why, "panic");
    }));
}
