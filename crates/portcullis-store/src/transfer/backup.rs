use std::io::{Read, Write};

use portcullis_core::{
    archive::{ArchiveError, ArchiveReader, ArchiveWriter, Cell, Digested, Entry, TableHead},
    audit::AuditEvent,
    rng::Rng,
};

use super::{
    Progress, TransferError, Watch,
    source::{Source, Writers},
    table::{Column, TABLES, Table},
    target::Target,
};
use crate::DatabaseOptions;

/// Rows, and their bytes, that are written in one transaction at most.
const BATCH: usize = 2_000;
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// More rows than a table that is replaced as a whole ever has.
const MOST_WHOLE: usize = 100_000;
/// And no more bytes: they are held at once, and a backup of somebody else may hold rows that unpack to a lot.
const MOST_WHOLE_BYTES: usize = 64 * 1024 * 1024;

/// Each table with its rows and their digest.
pub type Tables = Vec<(&'static str, Digested)>;

/// Writes all that a backup holds into an archive, as it is at one moment; servers go on meanwhile. Whoever calls it ends
/// the archive.
///
/// A backup holds neither the master key nor what that seals, and no sessions.
///
/// # Errors
/// With a text for the operator.
pub async fn backup<W: Write + Send>(
    from: &DatabaseOptions,
    archive: &mut ArchiveWriter<W>,
    watch: Watch<'_>,
) -> Result<Tables, TransferError> {
    let mut source = Source::open(from, Writers::GoOn).await?;
    let tables = || TABLES.iter().filter(|table| table.in_backup);
    let mut total = 0;
    for table in tables() {
        total += source.count(table).await?;
    }
    watch(Progress::Total(total));
    let mut all = Tables::new();
    for table in tables() {
        let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        archive.table(table.name, &columns)?;
        let mut after: Option<Vec<Cell>> = None;
        loop {
            let rows = source.page(table, after.as_deref()).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last[..table.key].to_vec());
            for row in rows.iter().filter(|row| !is_of_the_master_key(table, row)) {
                archive.row(row)?;
            }
            watch(Progress::Rows(rows.len() as u64));
        }
        all.push((table.name, archive.end_table()?));
    }
    source.close().await;
    Ok(all)
}

/// A restored database belongs to whichever master key first opens it.
fn is_of_the_master_key(table: &Table, row: &[Cell]) -> bool {
    table.name == "portcullis_meta" && matches!(&row[0], Cell::Text(name) if name == "master_key")
}

/// Puts the rows of an archive into an empty database. What an interrupted restore left there is taken away first.
///
/// # Errors
/// With a text for the operator. The database then has a mark that keeps servers off it.
pub async fn restore<R: Read + Send>(
    archive: &mut ArchiveReader<R>,
    to: &DatabaseOptions,
    event: &AuditEvent,
    rng: &dyn Rng,
    watch: Watch<'_>,
) -> Result<Tables, TransferError> {
    let (mut target, interrupted) = Target::open(to, "restore", "", rng).await?;
    if interrupted {
        target.begin_anew().await?;
    }
    let mut all = Tables::new();
    while let Some(entry) = archive.next()? {
        let Entry::Table(head) = entry else {
            return Err(ArchiveError::Form("rows without a table").into());
        };
        let (table, columns) = known(&head)?;
        if target.is_done(table) {
            return Err(ArchiveError::Form("a table comes twice").into());
        }
        let digested = restore_table(archive, &mut target, table, &columns, watch).await?;
        all.push((table.name, digested));
    }
    target.finish(Some(event)).await?;
    Ok(all)
}

/// The name of a table in a backup.
///
/// # Errors
/// When this version knows no such table, or not all of its columns.
pub fn table_name(head: &TableHead) -> Result<&'static str, ArchiveError> {
    known(head).map(|(table, _)| table.name)
}

/// The table and its columns. A backup of an older version may lack some that came later, and have defaults.
fn known(head: &TableHead) -> Result<(&'static Table, Vec<&'static Column>), ArchiveError> {
    let table = Table::named(&head.table)
        .filter(|table| table.in_backup)
        .ok_or(ArchiveError::Newer)?;
    let columns = head.columns.iter().map(|name| {
        let found = table.columns.iter().find(|column| column.name == name);
        found.ok_or(ArchiveError::Newer)
    });
    Ok((table, columns.collect::<Result<_, _>>()?))
}

async fn restore_table<R: Read + Send>(
    archive: &mut ArchiveReader<R>,
    target: &mut Target,
    table: &'static Table,
    columns: &[&Column],
    watch: Watch<'_>,
) -> Result<Digested, TransferError> {
    let mut rows = Vec::new();
    let mut bytes = 0;
    loop {
        match archive.next()? {
            Some(Entry::Row(row)) => {
                bytes += row.iter().map(size).sum::<usize>();
                rows.push(row);
                let full = rows.len() >= BATCH || bytes >= BATCH_BYTES;
                if table.whole {
                    if rows.len() > MOST_WHOLE || bytes > MOST_WHOLE_BYTES {
                        return Err(ArchiveError::Form("a small table is too large").into());
                    }
                } else if full {
                    target.put(table, columns, &rows, false).await?;
                    watch(Progress::Rows(rows.len() as u64));
                    rows.clear();
                    bytes = 0;
                }
            }
            Some(Entry::End(digested)) => {
                target.put(table, columns, &rows, true).await?;
                watch(Progress::Rows(rows.len() as u64));
                return Ok(digested);
            }
            _ => return Err(ArchiveError::Form("a table without an end").into()),
        }
    }
}

fn size(cell: &Cell) -> usize {
    match cell {
        Cell::Null | Cell::Integer(_) => 8,
        Cell::Text(text) => text.len(),
        Cell::Bytes(bytes) => bytes.len(),
    }
}
