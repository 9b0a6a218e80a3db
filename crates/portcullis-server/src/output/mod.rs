//! Results on stdout: tables for people, JSON for programs; problems on stderr.

mod file;
mod progress;
mod rate;

use std::{
    fmt,
    io::{self, IsTerminal, Write},
};

pub(crate) use self::{
    file::{FileError, ResultFile},
    progress::Progress,
    rate::Rate,
};
use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::config::colour_wanted;

/// A result could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the result could not be written: {0}")]
pub(crate) struct OutputError(#[from] io::Error);

/// Writes `text` as it is.
pub(crate) fn text(text: impl fmt::Display) -> Result<(), OutputError> {
    bytes(text.to_string().as_bytes())
}

/// Writes `bytes` as they are. A reader that has seen enough (`| head`) is no failure.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), OutputError> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Writes a line.
pub(crate) fn line(line: impl fmt::Display) -> Result<(), OutputError> {
    text(format_args!("{line}\n"))
}

/// Writes a value as indented JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), OutputError> {
    line(serde_json::to_string_pretty(value).map_err(io::Error::other)?)
}

/// Says something beside the result.
#[expect(
    clippy::print_stderr,
    reason = "the one place where a command talks beside its result"
)]
pub(crate) fn note(note: impl fmt::Display) {
    eprintln!("{note}");
}

/// Says that something failed.
pub(crate) fn failure(message: impl fmt::Display) {
    labelled("error", "31", message);
}

/// Says that something should be thought about.
pub(crate) fn warning(message: impl fmt::Display) {
    labelled("warning", "33", message);
}

fn labelled(label: &str, colour: &str, message: impl fmt::Display) {
    if io::stderr().is_terminal() && colour_wanted() {
        note(format_args!("\u{1b}[1;{colour}m{label}:\u{1b}[0m {message}"));
    } else {
        note(format_args!("{label}: {message}"));
    }
}

/// Writes rows below a header, in columns.
pub(crate) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> Result<(), OutputError> {
    line(columns(header, rows))
}

/// Rows below a header, in columns, as stdout is to show them. Long rows are the terminal's to wrap: an identifier
/// broken over lines could not be copied.
pub(crate) fn columns<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    let bold = io::stdout().is_terminal() && colour_wanted();
    if bold {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(header.map(|title| {
        let cell = Cell::new(title);
        if bold {
            cell.add_attribute(Attribute::Bold)
        } else {
            cell
        }
    }));
    for row in rows {
        table.add_row(row.map(printable));
    }
    table.trim_fmt()
}

/// What a stranger chose (a name, a browser's name) must neither steer the terminal nor turn the text around.
fn printable(text: String) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(steers) {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if steers(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(
            printable("\u{1b}[2J Eva\r\n".to_owned()),
            r"\u{1b}[2J Eva\u{d}\u{a}"
        );
        assert_eq!(printable("a\u{202e}nimda".to_owned()), r"a\u{202e}nimda");
        assert_eq!(printable("Zoë \"Eva\" 李".to_owned()), "Zoë \"Eva\" 李");
    }
}
