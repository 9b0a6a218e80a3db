//! The log, on stderr: stdout is for results.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::{LogSettings, colour_wanted};

/// Starts the log: for people on a terminal, JSON otherwise, unless `log.format` says which.
pub(crate) fn start(settings: &LogSettings) {
    let terminal = io::stderr().is_terminal();
    let json = match settings.format {
        "json" => true,
        "human" => false,
        _ => !terminal,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&settings.level))
        .with_writer(io::stderr);
    panics_are_logged();
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
