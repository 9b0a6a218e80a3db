use portcullis_core::{
    archive::{Cell, Digested, RowDigest},
    rng::Rng,
};
use secrecy::ExposeSecret as _;

use super::{
    Progress, TransferError, Watch,
    source::{Source, Writers},
    table::{Column, TABLES, Table},
    target::Target,
};
use crate::DatabaseOptions;

/// What was copied.
#[derive(Clone, Debug)]
pub struct Copied {
    /// Each table with its rows and their digest, the same on both sides.
    pub tables: Vec<(&'static str, Digested)>,
    /// Rows that this run wrote; an interrupted one wrote the others.
    pub written: u64,
}

/// Copies all rows from one database into an empty one, of either engine, and compares both sides.
///
/// Whoever writes to the source waits until this is over, or is refused. A copy that was interrupted goes on where it was:
/// call this again. Sessions, tokens and keys go on working on the target, with the same master key.
///
/// ```no_run
/// use portcullis_core::rng::SystemRng;
/// use portcullis_store::{DatabaseOptions, transfer};
///
/// # async fn example() -> Result<(), transfer::TransferError> {
/// let from = DatabaseOptions::new("sqlite:portcullis.db");
/// let to = DatabaseOptions::new("postgres://localhost/portcullis");
/// let copied = transfer::copy(&from, &to, &SystemRng, &mut |_| {}).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// With a text for the operator. What was written stays, and the target has a mark that keeps servers off it.
pub async fn copy(
    from: &DatabaseOptions,
    to: &DatabaseOptions,
    rng: &dyn Rng,
    watch: Watch<'_>,
) -> Result<Copied, TransferError> {
    if same(from, to) {
        return Err(TransferError::Same);
    }
    let mut source = Source::open(from, Writers::Wait).await?;
    let key = source.meta("master_key").await?.unwrap_or_default();
    let (mut target, _) = Target::open(to, "copy", &key, rng).await?;
    let mut total = 0;
    for table in TABLES {
        total += source.count(table).await?;
    }
    watch(Progress::Total(total));
    let mut written = 0;
    for table in TABLES {
        written += move_table(table, &mut source, &mut target, watch).await?;
    }
    watch(Progress::Comparing(total));
    let tables = compare(&mut source, &mut target, watch).await?;
    target.finish(None).await?;
    source.close().await;
    Ok(Copied { tables, written })
}

fn same(from: &DatabaseOptions, to: &DatabaseOptions) -> bool {
    let path = |options: &DatabaseOptions| options.file().and_then(|file| file.canonicalize().ok());
    from.url.expose_secret() == to.url.expose_secret()
        || path(from).is_some_and(|file| path(to) == Some(file))
}

/// Moves what the target lacks of a table; gives how many rows that were.
async fn move_table(
    table: &Table,
    source: &mut Source,
    target: &mut Target,
    watch: Watch<'_>,
) -> Result<u64, TransferError> {
    if target.is_done(table) {
        watch(Progress::Rows(target.count(table).await?));
        return Ok(0);
    }
    let columns: Vec<&Column> = table.columns.iter().collect();
    if table.whole {
        let mut rows = Vec::new();
        loop {
            let page = source.page(table, last_key(table, &rows)).await?;
            if page.is_empty() {
                break;
            }
            rows.extend(page);
        }
        target.put(table, &columns, &rows, true).await?;
        let number = rows.len() as u64;
        watch(Progress::Rows(number));
        return Ok(number);
    }
    let after = target.last_key(table).await?;
    if after.is_some() {
        watch(Progress::Rows(target.count(table).await?));
    }
    let mut rows = source.page(table, after.as_deref()).await?;
    let mut written = 0;
    loop {
        let last = rows.is_empty();
        // The next page is read while this one is written.
        let next = async {
            match last_key(table, &rows) {
                Some(key) => source.page(table, Some(key)).await,
                None => Ok(Vec::new()),
            }
        };
        let (put, next) = tokio::join!(target.put(table, &columns, &rows, last), next);
        put?;
        written += rows.len() as u64;
        watch(Progress::Rows(rows.len() as u64));
        if last {
            return Ok(written);
        }
        rows = next?;
    }
}

/// The key of the last row.
fn last_key<'a>(table: &Table, rows: &'a [Vec<Cell>]) -> Option<&'a [Cell]> {
    rows.last().and_then(|row| row.get(..table.key))
}

/// Reads both sides in the same order.
async fn compare(
    source: &mut Source,
    target: &mut Target,
    watch: Watch<'_>,
) -> Result<Vec<(&'static str, Digested)>, TransferError> {
    let mut tables = Vec::new();
    let mut differ = Vec::new();
    for table in TABLES {
        let (mut here, mut there) = (Side::default(), Side::default());
        while here.more || there.more {
            let (read, other) = tokio::join!(
                async {
                    if here.more {
                        source.page(table, here.after.as_deref()).await
                    } else {
                        Ok(Vec::new())
                    }
                },
                async {
                    if there.more {
                        target.page(table, there.after.as_deref()).await
                    } else {
                        Ok(Vec::new())
                    }
                }
            );
            let rows = read?;
            watch(Progress::Rows(rows.len() as u64));
            here.take(table, &rows)?;
            there.take(table, &other?)?;
        }
        let (here, there) = (here.digest.finish(), there.digest.finish());
        if here != there {
            differ.push(table.name);
        }
        tables.push((table.name, here));
    }
    if differ.is_empty() {
        Ok(tables)
    } else {
        Err(TransferError::Differ { tables: differ })
    }
}

struct Side {
    digest: RowDigest,
    after: Option<Vec<Cell>>,
    more: bool,
}

impl Default for Side {
    fn default() -> Self {
        Self {
            digest: RowDigest::default(),
            after: None,
            more: true,
        }
    }
}

impl Side {
    fn take(&mut self, table: &'static Table, rows: &[Vec<Cell>]) -> Result<(), TransferError> {
        for row in rows {
            self.digest.add(row).map_err(|source| TransferError::Row {
                table: table.name,
                source,
            })?;
        }
        match last_key(table, rows) {
            Some(key) => self.after = Some(key.to_vec()),
            None => self.more = false,
        }
        Ok(())
    }
}
