use std::fmt;

use sha2::{Digest, Sha256};

use super::{Cell, RowError, write_row};

/// Digests the rows of a table one after the other, in the order of its key: SHA-256 over all of them, each behind its
/// length.
#[derive(Default)]
pub struct RowDigest {
    hash: Sha256,
    rows: u64,
    buffer: Vec<u8>,
}

/// How many rows there were, and their digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digested {
    /// Number of rows.
    pub rows: u64,
    /// SHA-256 of all rows in order.
    pub sha256: [u8; 32],
}

impl RowDigest {
    /// Adds a row.
    ///
    /// # Errors
    /// When a cell is too long.
    pub fn add(&mut self, row: &[Cell]) -> Result<(), RowError> {
        self.buffer.clear();
        write_row(row, &mut self.buffer)?;
        self.add_bytes();
        Ok(())
    }

    /// Adds a row that was written by [`write_row`] already.
    pub fn add_written(&mut self, row: &[u8]) {
        self.buffer.clear();
        self.buffer.extend_from_slice(row);
        self.add_bytes();
    }

    fn add_bytes(&mut self) {
        self.hash.update((self.buffer.len() as u64).to_be_bytes());
        self.hash.update(&self.buffer);
        self.rows += 1;
    }

    /// What came of it.
    #[must_use]
    pub fn finish(self) -> Digested {
        Digested {
            rows: self.rows,
            sha256: self.hash.finalize().into(),
        }
    }
}

impl fmt::Display for Digested {
    /// The first 64 bits in hexadecimal: enough to compare by eye.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sha256[..8]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(rows: &[&[Cell]]) -> Digested {
        let mut digest = RowDigest::default();
        for row in rows {
            digest.add(row).unwrap();
        }
        digest.finish()
    }

    #[test]
    fn any_other_row_number_or_order_is_another_digest() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let both = digest(&[&[text("a")], &[text("b")]]);
        assert_eq!(both.rows, 2);
        assert_eq!(both, digest(&[&[text("a")], &[text("b")]]));
        for other in [
            digest(&[&[text("b")], &[text("a")]]),
            digest(&[&[text("a")]]),
            digest(&[&[text("a"), text("b")]]),
            digest(&[&[text("a")], &[text("c")]]),
            digest(&[&[Cell::Bytes(b"a".to_vec())], &[text("b")]]),
        ] {
            assert_ne!(both.sha256, other.sha256);
        }
    }

    #[test]
    fn written_rows_count_alike() {
        let row = [Cell::Integer(7), Cell::Null];
        let mut bytes = Vec::new();
        write_row(&row, &mut bytes).unwrap();
        let mut written = RowDigest::default();
        written.add_written(&bytes);
        assert_eq!(written.finish(), digest(&[&row]));
    }
}
