use std::{io::IsTerminal as _, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::config::colour_wanted;

/// A bar on stderr, on a terminal only: whoever reads a file or a pipe gets the result alone.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// One that counts `unit`, such as `rows`, up to `total`; without it, it only counts.
    pub(crate) fn new(what: &'static str, unit: &str, total: Option<u64>) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(total, target);
        let bar_colour = if colour_wanted() { ".cyan" } else { "" };
        let template = match total {
            Some(_) => format!(
                "{{msg}} [{{bar:30{bar_colour}}}] {{human_pos}}/{{human_len}} {unit}, {{per_sec}}, {{eta}} left"
            ),
            None => format!("{{spinner}} {{msg}} {{human_pos}} {unit}, {{per_sec}}"),
        };
        // Known when this was written; another one is only less pretty.
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// So many more are done.
    pub(crate) fn advance(&self, by: u64) {
        self.0.inc(by);
    }

    /// Moves with what is read of `from`.
    pub(crate) fn reading<R: std::io::Read>(&self, from: R) -> Reading<R> {
        let bar = self.0.clone();
        Reading { from, bar }
    }

    /// Says something above it.
    pub(crate) fn note(&self, note: impl std::fmt::Display) {
        self.0.suspend(|| super::note(note));
    }

    /// Goes on with something else, from the start.
    pub(crate) fn begin(&self, what: &'static str, total: u64) {
        self.0.reset();
        self.0.set_length(total);
        self.0.set_message(what);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Moves a bar with the bytes that are read.
pub(crate) struct Reading<R> {
    from: R,
    bar: ProgressBar,
}

impl<R: std::io::Read> std::io::Read for Reading<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.from.read(into)?;
        self.bar.inc(read as u64);
        Ok(read)
    }
}
