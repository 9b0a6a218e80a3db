use zeroize::Zeroize;

/// No cell of ours is longer: more is damage, or somebody's attempt to fill the memory. 16 MiB.
pub const LONGEST_CELL: usize = 16 * 1024 * 1024;

/// One value of a row. May be a secret (the hash of a password), so it has no `Debug`, and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A number; instants are milliseconds since 1970.
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes; an identifier is the 16 bytes of its UUID.
    Bytes(Vec<u8>),
}

impl Drop for Cell {
    fn drop(&mut self) {
        match self {
            Self::Null | Self::Integer(_) => {}
            Self::Text(text) => text.zeroize(),
            Self::Bytes(bytes) => bytes.zeroize(),
        }
    }
}

/// Why bytes are no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The bytes end inside of a cell.
    #[error("a row ends in its middle")]
    Short,
    /// Bytes follow the last cell.
    #[error("a row has more cells than columns")]
    Long,
    /// A cell of no known kind.
    #[error("a cell has an unknown kind")]
    Kind,
    /// A cell longer than [`LONGEST_CELL`].
    #[error("a cell is longer than 16 MiB")]
    Huge,
    /// Text that is not UTF-8.
    #[error("a text is not UTF-8")]
    Text,
}

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const TEXT: u8 = 2;
const BYTES: u8 = 3;

/// Appends a row: one byte of kind for each cell; a number as 8 bytes, big-endian; text and bytes behind their length in
/// 4 bytes. No two rows of one table have the same bytes.
///
/// ```
/// use portcullis_core::archive::{Cell, read_row, write_row};
///
/// let mut bytes = Vec::new();
/// write_row(&[Cell::Integer(7), Cell::Null], &mut bytes)?;
/// assert_eq!(bytes, [1, 0, 0, 0, 0, 0, 0, 0, 7, 0]);
/// assert!(read_row(&bytes, 2)? == [Cell::Integer(7), Cell::Null]);
/// # Ok::<(), portcullis_core::archive::RowError>(())
/// ```
///
/// # Errors
/// When a cell is too long.
pub fn write_row(row: &[Cell], to: &mut Vec<u8>) -> Result<(), RowError> {
    for cell in row {
        match cell {
            Cell::Null => to.push(NULL),
            Cell::Integer(number) => {
                to.push(INTEGER);
                to.extend_from_slice(&number.to_be_bytes());
            }
            Cell::Text(text) => long(TEXT, text.as_bytes(), to)?,
            Cell::Bytes(bytes) => long(BYTES, bytes, to)?,
        }
    }
    Ok(())
}

fn long(kind: u8, bytes: &[u8], to: &mut Vec<u8>) -> Result<(), RowError> {
    let length = u32::try_from(bytes.len())
        .ok()
        .filter(|_| bytes.len() <= LONGEST_CELL)
        .ok_or(RowError::Huge)?;
    to.push(kind);
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(bytes);
    Ok(())
}

/// Reads a row of so many columns back, and nothing beside it.
///
/// # Errors
/// When the bytes are anything else. Nothing is allocated for what is not there.
pub fn read_row(bytes: &[u8], columns: usize) -> Result<Vec<Cell>, RowError> {
    let mut rest = bytes;
    let row = (0..columns).map(|_| cell(&mut rest)).collect::<Result<_, _>>()?;
    if rest.is_empty() {
        Ok(row)
    } else {
        Err(RowError::Long)
    }
}

fn cell(rest: &mut &[u8]) -> Result<Cell, RowError> {
    let [kind] = *take::<1>(rest)?;
    Ok(match kind {
        NULL => Cell::Null,
        INTEGER => Cell::Integer(i64::from_be_bytes(*take(rest)?)),
        TEXT => Cell::Text(
            std::str::from_utf8(counted(rest)?)
                .map_err(|_| RowError::Text)?
                .to_owned(),
        ),
        BYTES => Cell::Bytes(counted(rest)?.to_vec()),
        _ => return Err(RowError::Kind),
    })
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], RowError> {
    let (taken, left) = rest.split_first_chunk().ok_or(RowError::Short)?;
    *rest = left;
    Ok(taken)
}

fn counted<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], RowError> {
    let length = u32::from_be_bytes(*take(rest)?);
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= LONGEST_CELL)
        .ok_or(RowError::Huge)?;
    let (taken, left) = rest.split_at_checked(length).ok_or(RowError::Short)?;
    *rest = left;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl std::fmt::Debug for Cell {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self {
                Self::Null => f.write_str("null"),
                Self::Integer(number) => number.fmt(f),
                Self::Text(text) => text.fmt(f),
                Self::Bytes(bytes) => bytes.fmt(f),
            }
        }
    }

    fn cells() -> impl Strategy<Value = Vec<Cell>> {
        let cell = prop_oneof![
            Just(Cell::Null),
            any::<i64>().prop_map(Cell::Integer),
            "\\PC{0,20}".prop_map(Cell::Text),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(Cell::Bytes),
        ];
        prop::collection::vec(cell, 0..8)
    }

    fn bytes(row: &[Cell]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_row(row, &mut bytes).unwrap();
        bytes
    }

    fn error(bytes: &[u8], columns: usize) -> RowError {
        read_row(bytes, columns).unwrap_err()
    }

    #[test]
    fn damage_is_told() {
        let row = bytes(&[Cell::Text("ada".to_owned()), Cell::Integer(7)]);
        assert_eq!(error(&row, 1), RowError::Long);
        assert_eq!(error(&row, 3), RowError::Short);
        assert_eq!(error(&row[..row.len() - 1], 2), RowError::Short);
        assert_eq!(error(&[9], 1), RowError::Kind);
        assert_eq!(error(&[TEXT, 0, 0, 0, 1, 0xff], 1), RowError::Text);
        // Gigabytes that are only announced.
        assert_eq!(error(&[BYTES, 0xff, 0xff, 0xff, 0xff], 1), RowError::Huge);
        assert_eq!(error(&[BYTES, 0, 0xff, 0xff, 0xff], 1), RowError::Short);
        let huge = Cell::Bytes(vec![0; LONGEST_CELL + 1]);
        assert_eq!(write_row(&[huge], &mut Vec::new()), Err(RowError::Huge));
    }

    proptest! {
        #[test]
        fn rows_read_back(row in cells()) {
            prop_assert_eq!(read_row(&bytes(&row), row.len()), Ok(row));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), columns in 0usize..6) {
            if let Ok(row) = read_row(&bytes, columns) {
                let mut back = Vec::new();
                write_row(&row, &mut back).unwrap();
                prop_assert_eq!(back, bytes);
            }
        }
    }
}
