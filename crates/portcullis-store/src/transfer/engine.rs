//! How a cell is bound and read, and many rows inserted, on each engine.

use portcullis_core::archive::Cell;
use sqlx::{Database, Postgres, QueryBuilder, Row as _, Sqlite, postgres::PgRow, sqlite::SqliteRow};
use uuid::Uuid;

use super::table::{Column, Kind};
use crate::act::Corrupt;

/// An engine of whole tables.
pub(crate) trait Engine: Database {
    /// Behind a text that is to be in the order of its bytes.
    const COLLATE: &'static str;
    /// Rows in one statement at most.
    const AT_ONCE: usize;

    fn bind(query: &mut QueryBuilder<Self>, kind: Kind, cell: &Cell) -> Result<(), Corrupt>;
    fn cell(row: &Self::Row, at: usize, kind: Kind) -> Result<Cell, sqlx::Error>;
    /// Behind `INSERT INTO table (columns) `. Each row has as many cells as there are columns.
    fn rows(query: &mut QueryBuilder<Self>, columns: &[&Column], rows: &[Vec<Cell>]) -> Result<(), Corrupt>;
}

fn wrong(kind: Kind) -> Corrupt {
    Corrupt(format!("a cell is not of the kind {kind:?}"))
}

fn integer(cell: &Cell) -> Result<Option<i64>, Corrupt> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Integer(number) => Ok(Some(*number)),
        _ => Err(wrong(Kind::Integer)),
    }
}

fn text(cell: &Cell) -> Result<Option<&str>, Corrupt> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Text(text) => Ok(Some(text)),
        _ => Err(wrong(Kind::Text)),
    }
}

fn bytes(cell: &Cell) -> Result<Option<&[u8]>, Corrupt> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Bytes(bytes) => Ok(Some(bytes)),
        _ => Err(wrong(Kind::Bytes)),
    }
}

fn uuid(cell: &Cell) -> Result<Option<Uuid>, Corrupt> {
    bytes(cell)?
        .map(|bytes| Uuid::from_slice(bytes).map_err(|_| wrong(Kind::Uuid)))
        .transpose()
}

impl Engine for Sqlite {
    const COLLATE: &'static str = "";
    // The text of a statement is compiled anew for each number of rows, and more of them at once save nothing.
    const AT_ONCE: usize = 100;

    fn bind(query: &mut QueryBuilder<Self>, kind: Kind, cell: &Cell) -> Result<(), Corrupt> {
        match kind {
            Kind::Integer => query.push_bind(integer(cell)?),
            Kind::Text => query.push_bind(text(cell)?.map(str::to_owned)),
            Kind::Bytes => query.push_bind(bytes(cell)?.map(<[u8]>::to_vec)),
            Kind::Uuid => query.push_bind(uuid(cell)?),
        };
        Ok(())
    }

    fn cell(row: &SqliteRow, at: usize, kind: Kind) -> Result<Cell, sqlx::Error> {
        Ok(match kind {
            Kind::Integer => row.try_get::<Option<i64>, _>(at)?.map(Cell::Integer),
            Kind::Text => row.try_get::<Option<String>, _>(at)?.map(Cell::Text),
            Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(at)?.map(Cell::Bytes),
            Kind::Uuid => row.try_get::<Option<Uuid>, _>(at)?.map(of_uuid),
        }
        .unwrap_or(Cell::Null))
    }

    fn rows(query: &mut QueryBuilder<Self>, columns: &[&Column], rows: &[Vec<Cell>]) -> Result<(), Corrupt> {
        query.push("VALUES ");
        for (number, row) in rows.iter().enumerate() {
            query.push(if number == 0 { "(" } else { ", (" });
            for (at, (column, cell)) in columns.iter().zip(row).enumerate() {
                if at > 0 {
                    query.push(", ");
                }
                Self::bind(query, column.kind, cell)?;
            }
            query.push(")");
        }
        Ok(())
    }
}

impl Engine for Postgres {
    const COLLATE: &'static str = " COLLATE \"C\"";
    const AT_ONCE: usize = 2_000;

    fn bind(query: &mut QueryBuilder<Self>, kind: Kind, cell: &Cell) -> Result<(), Corrupt> {
        match kind {
            Kind::Integer => query.push_bind(integer(cell)?),
            Kind::Text => query.push_bind(text(cell)?.map(str::to_owned)),
            Kind::Bytes => query.push_bind(bytes(cell)?.map(<[u8]>::to_vec)),
            Kind::Uuid => query.push_bind(uuid(cell)?),
        };
        Ok(())
    }

    fn cell(row: &PgRow, at: usize, kind: Kind) -> Result<Cell, sqlx::Error> {
        Ok(match kind {
            Kind::Integer => row.try_get::<Option<i64>, _>(at)?.map(Cell::Integer),
            Kind::Text => row.try_get::<Option<String>, _>(at)?.map(Cell::Text),
            Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(at)?.map(Cell::Bytes),
            Kind::Uuid => row.try_get::<Option<Uuid>, _>(at)?.map(of_uuid),
        }
        .unwrap_or(Cell::Null))
    }

    /// One array for each column: a statement of any number of rows has one text, and few values to bind.
    fn rows(query: &mut QueryBuilder<Self>, columns: &[&Column], rows: &[Vec<Cell>]) -> Result<(), Corrupt> {
        query.push("SELECT * FROM UNNEST(");
        for (at, column) in columns.iter().enumerate() {
            if at > 0 {
                query.push(", ");
            }
            let cells = rows.iter().map(|row| &row[at]);
            match column.kind {
                Kind::Integer => {
                    let cells: Vec<_> = cells.map(integer).collect::<Result<_, _>>()?;
                    query.push_bind(cells).push("::BIGINT[]");
                }
                Kind::Text => {
                    let cells: Vec<_> = cells
                        .map(|cell| text(cell).map(|text| text.map(str::to_owned)))
                        .collect::<Result<_, _>>()?;
                    query.push_bind(cells).push("::TEXT[]");
                }
                Kind::Bytes => {
                    let cells: Vec<_> = cells
                        .map(|cell| bytes(cell).map(|bytes| bytes.map(<[u8]>::to_vec)))
                        .collect::<Result<_, _>>()?;
                    query.push_bind(cells).push("::BYTEA[]");
                }
                Kind::Uuid => {
                    let cells: Vec<_> = cells.map(uuid).collect::<Result<_, _>>()?;
                    query.push_bind(cells).push("::UUID[]");
                }
            }
        }
        query.push(")");
        Ok(())
    }
}

fn of_uuid(uuid: Uuid) -> Cell {
    Cell::Bytes(uuid.as_bytes().to_vec())
}
