use std::io::{self, BufRead};

use zeroize::Zeroizing;

use super::LONGEST_RECORD;

/// Lines, in memory that does not grow.
pub(super) struct Lines<R: BufRead> {
    from: R,
    line: Zeroizing<Vec<u8>>,
    number: u64,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A line, now in the buffer.
    Line,
    /// A line that does not fit; it was passed over.
    TooLong,
    End,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            line: Zeroizing::new(Vec::with_capacity(LONGEST_RECORD)),
            number: 0,
        }
    }

    /// Reads the next line that is not empty; gives its number, from 1.
    pub(super) fn read(&mut self) -> io::Result<(u64, Found)> {
        loop {
            self.line.clear();
            self.number += 1;
            let (any, fits) = self.one()?;
            if !any {
                return Ok((self.number, Found::End));
            }
            if !fits {
                return Ok((self.number, Found::TooLong));
            }
            if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
                self.line.drain(..3);
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok((self.number, Found::Line));
            }
        }
    }

    /// Reads up to the next newline; whether there was anything, and whether it fitted.
    fn one(&mut self) -> io::Result<(bool, bool)> {
        let (mut any, mut fits) = (false, true);
        loop {
            let input = self.from.fill_buf()?;
            if input.is_empty() {
                return Ok((any, fits));
            }
            any = true;
            let newline = input.iter().position(|byte| *byte == b'\n');
            let part = &input[..newline.unwrap_or(input.len())];
            fits &= self.line.len() + part.len() <= LONGEST_RECORD;
            if fits {
                self.line.extend_from_slice(part);
            }
            let used = newline.map_or(input.len(), |at| at + 1);
            self.from.consume(used);
            if newline.is_some() {
                return Ok((true, fits));
            }
        }
    }

    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }
}
