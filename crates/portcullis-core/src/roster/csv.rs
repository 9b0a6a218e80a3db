use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader};
use zeroize::Zeroizing;

use super::LONGEST_RECORD;

/// More fields than any roster has.
const MOST_FIELDS: usize = 64;

/// Records of CSV, in memory that does not grow.
pub(super) struct Csv<R: BufRead> {
    from: R,
    parser: Reader,
    bytes: Zeroizing<Vec<u8>>,
    ends: Vec<usize>,
    fields: usize,
    /// Line breaks so far.
    breaks: u64,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A record, now in the buffer.
    Record,
    /// A record that does not fit; it was passed over.
    TooLong,
    End,
}

fn breaks(bytes: &[u8]) -> u64 {
    bytes.split(|byte| *byte == b'\n').count().saturating_sub(1) as u64
}

impl<R: BufRead> Csv<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            parser: Reader::new(),
            bytes: Zeroizing::new(vec![0; LONGEST_RECORD]),
            ends: vec![0; MOST_FIELDS],
            fields: 0,
            breaks: 0,
        }
    }

    /// Reads the next record; gives the number of the line on which it begins.
    pub(super) fn read(&mut self) -> io::Result<(u64, Found)> {
        let line = self.begin()?;
        let (mut written, mut ended) = (0, 0);
        let mut too_long = false;
        loop {
            let input = self.from.fill_buf()?;
            let (result, read, wrote, ends) =
                self.parser
                    .read_record(input, &mut self.bytes[written..], &mut self.ends[ended..]);
            self.breaks += breaks(&input[..read]);
            self.from.consume(read);
            written += wrote;
            ended += ends;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    too_long = true;
                    (written, ended) = (0, 0);
                }
                ReadRecordResult::Record => {
                    self.fields = ended;
                    return Ok((line, if too_long { Found::TooLong } else { Found::Record }));
                }
                ReadRecordResult::End => return Ok((line, Found::End)),
            }
        }
    }

    /// Passes over what is left of the record before, and over empty lines; gives the number of the line, from 1.
    fn begin(&mut self) -> io::Result<u64> {
        loop {
            let input = self.from.fill_buf()?;
            let empty = input
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count();
            self.breaks += breaks(&input[..empty]);
            let all = empty > 0 && empty == input.len();
            self.from.consume(empty);
            if !all {
                return Ok(self.breaks + 1);
            }
        }
    }

    /// The fields of the record.
    pub(super) fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let ends = &self.ends[..self.fields];
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends).map(|(start, &end)| &self.bytes[start..end])
    }

    pub(super) fn number_of_fields(&self) -> usize {
        self.fields
    }
}
