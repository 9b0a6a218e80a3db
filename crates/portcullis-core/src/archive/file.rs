//! An archive: a header, then tables, compressed and sealed.

use std::io::{Read, Write};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;
use zstd::stream::{read::Decoder, write::Encoder};

use super::{
    ArchiveError, Cell, Digested, Header, RowDigest,
    header::{self, Begin},
    read_row,
    row::write_row,
    seal::{Opening, Sealing},
};
use crate::{password::Password, rng::Rng};

/// No entry is longer: two of the longest cells and then some.
const LONGEST_ENTRY: usize = 40 * 1024 * 1024;
/// The most memory that a decoder may be told to use is 2 to this, 8 MiB.
const WINDOW: u32 = 23;
/// Fast, and good enough for text.
const LEVEL: i32 = 3;
/// More columns than a table of ours has.
const MOST_COLUMNS: usize = 256;

const TABLE: u8 = b'T';
const ROW: u8 = b'R';
const END: u8 = b'E';
const LAST: u8 = b'Z';

/// The head of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableHead {
    /// Its name.
    pub table: String,
    /// Its columns, in the order of the cells.
    pub columns: Vec<String>,
}

/// Writes an archive.
///
/// ```
/// use portcullis_core::{archive::{ArchiveReader, ArchiveWriter, Cell, Entry, Header}, clock::Timestamp, password::Password, rng::SystemRng};
///
/// let passphrase = Password::new("correct horse battery");
/// let header = Header { created_at: Timestamp::from_millis(0), version: "0.1.0".into(), engine: "sqlite".into() };
/// let mut archive = ArchiveWriter::new(Vec::new(), &header, &passphrase, &SystemRng)?;
/// archive.table("users", &["id"])?;
/// archive.row(&[Cell::Integer(7)])?;
/// archive.end_table()?;
/// let bytes = archive.finish()?;
///
/// let mut archive = ArchiveReader::open(&bytes[..])?.unlock(&passphrase)?;
/// assert!(matches!(archive.next()?, Some(Entry::Table(head)) if head.table == "users"));
/// assert!(matches!(archive.next()?, Some(Entry::Row(row)) if row == [Cell::Integer(7)]));
/// assert!(matches!(archive.next()?, Some(Entry::End(digested)) if digested.rows == 1));
/// assert!(archive.next()?.is_none());
/// # Ok::<(), portcullis_core::archive::ArchiveError>(())
/// ```
pub struct ArchiveWriter<W: Write> {
    to: Encoder<'static, Sealing<W>>,
    digest: RowDigest,
    buffer: Zeroizing<Vec<u8>>,
}

impl<W: Write> ArchiveWriter<W> {
    /// Begins one. All but the header can be read with `passphrase` only.
    ///
    /// # Errors
    /// When the passphrase is too short, or nothing can be written.
    pub fn new(
        mut to: W,
        header: &Header,
        passphrase: &Password,
        rng: &dyn Rng,
    ) -> Result<Self, ArchiveError> {
        let key = header::write(&mut to, header, passphrase, rng)?;
        Ok(Self {
            to: Encoder::new(Sealing::new(to, &key), LEVEL)?,
            digest: RowDigest::default(),
            buffer: Zeroizing::new(Vec::new()),
        })
    }

    /// Begins a table.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn table(&mut self, name: &str, columns: &[&str]) -> Result<(), ArchiveError> {
        self.digest = RowDigest::default();
        let head = TableHead {
            table: name.to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
        };
        let json = serde_json::to_vec(&head).map_err(|_| ArchiveError::Form("a table"))?;
        self.entry(TABLE, &json)
    }

    /// Adds a row to the table.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn row(&mut self, row: &[Cell]) -> Result<(), ArchiveError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        write_row(row, &mut buffer)?;
        self.digest.add_written(&buffer);
        let written = self.entry(ROW, &buffer);
        self.buffer = buffer;
        written
    }

    /// Ends the table.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end_table(&mut self) -> Result<Digested, ArchiveError> {
        let digested = std::mem::take(&mut self.digest).finish();
        let bytes = [&digested.rows.to_be_bytes()[..], &digested.sha256].concat();
        self.entry(END, &bytes)?;
        Ok(digested)
    }

    /// Ends the archive: without this it counts as cut off.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<W, ArchiveError> {
        self.entry(LAST, &[])?;
        Ok(self.to.finish()?.finish()?)
    }

    fn entry(&mut self, kind: u8, bytes: &[u8]) -> Result<(), ArchiveError> {
        let length = u32::try_from(bytes.len())
            .ok()
            .filter(|_| bytes.len() <= LONGEST_ENTRY)
            .ok_or(ArchiveError::Form("a row is too long"))?;
        self.to.write_all(&[kind])?;
        self.to.write_all(&length.to_be_bytes())?;
        Ok(self.to.write_all(bytes)?)
    }
}

/// An archive whose begin was read.
pub struct LockedArchive<R: Read> {
    from: R,
    begin: Begin,
}

/// Reads an archive. What it gives is authentic up to there; that nothing is missing is known when it has given its end.
pub struct ArchiveReader<R: Read> {
    from: Decoder<'static, std::io::BufReader<Opening<R>>>,
    /// Of the table that was begun: number of columns, and rows so far.
    table: Option<(usize, RowDigest)>,
    buffer: Zeroizing<Vec<u8>>,
    ended: bool,
}

/// A part of an archive.
pub enum Entry {
    /// A table begins.
    Table(TableHead),
    /// A row of it.
    Row(Vec<Cell>),
    /// It ends; the rows were what they should be.
    End(Digested),
}

impl<R: Read> LockedArchive<R> {
    /// What it says of itself.
    pub fn header(&self) -> &Header {
        &self.begin.header
    }

    /// Goes on with the passphrase.
    ///
    /// # Errors
    /// When it is another one.
    pub fn unlock(self, passphrase: &Password) -> Result<ArchiveReader<R>, ArchiveError> {
        let key = self.begin.unlock(passphrase)?;
        let mut from = Decoder::new(Opening::new(self.from, &key)?)?;
        from.window_log_max(WINDOW)?;
        Ok(ArchiveReader {
            from,
            table: None,
            buffer: Zeroizing::new(Vec::new()),
            ended: false,
        })
    }
}

impl<R: Read> ArchiveReader<R> {
    /// Reads the begin of an archive.
    ///
    /// # Errors
    /// When it is none, or damaged there.
    pub fn open(mut from: R) -> Result<LockedArchive<R>, ArchiveError> {
        let begin = Begin::read(&mut from)?;
        Ok(LockedArchive { from, begin })
    }

    /// The next part; none when all was given and nothing is missing.
    ///
    /// # Errors
    /// When it is damaged, cut off, or not what we write.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would go on after an error"
    )]
    pub fn next(&mut self) -> Result<Option<Entry>, ArchiveError> {
        if self.ended {
            return Ok(None);
        }
        let kind = self.read_entry()?;
        match (kind, self.table.take()) {
            (TABLE, None) => self.head().map(Some),
            (ROW, Some((columns, mut digest))) => {
                let row = read_row(&self.buffer, columns)?;
                digest.add_written(&self.buffer);
                self.table = Some((columns, digest));
                Ok(Some(Entry::Row(row)))
            }
            (END, Some((_, digest))) => {
                let digested = digest.finish();
                if [&digested.rows.to_be_bytes()[..], &digested.sha256].concat() != **self.buffer {
                    return Err(ArchiveError::Form("rows of a table are missing"));
                }
                Ok(Some(Entry::End(digested)))
            }
            (LAST, None) => {
                // Also finds what the seal says of the end.
                if self.from.read(&mut [0])? != 0 {
                    return Err(ArchiveError::Form("it goes on behind its end"));
                }
                self.ended = true;
                Ok(None)
            }
            _ => Err(ArchiveError::Form("its parts have another order")),
        }
    }

    fn head(&mut self) -> Result<Entry, ArchiveError> {
        let head: TableHead =
            serde_json::from_slice(&self.buffer).map_err(|_| ArchiveError::Form("a table"))?;
        if head.columns.len() > MOST_COLUMNS {
            return Err(ArchiveError::Form("a table has too many columns"));
        }
        self.table = Some((head.columns.len(), RowDigest::default()));
        Ok(Entry::Table(head))
    }

    /// Into the buffer; it grows with what comes, not with what is announced.
    fn read_entry(&mut self) -> Result<u8, ArchiveError> {
        let mut head = [0; 5];
        self.from.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let length = u64::from(u32::from_be_bytes(length));
        if length > LONGEST_ENTRY as u64 {
            return Err(ArchiveError::Form("a part is too long"));
        }
        self.buffer.clear();
        let read = (&mut self.from).take(length).read_to_end(&mut self.buffer)?;
        if (read as u64) < length {
            return Err(ArchiveError::CutOff);
        }
        Ok(kind)
    }
}

#[cfg(test)]
mod tests;
