use portcullis_core::{
    archive::Cell,
    audit::AuditEvent,
    rng::{self, Rng},
    store::UNFINISHED,
};
use serde_json::{Value, json};

use super::{
    TransferError,
    link::Link,
    source::{PAGE, failed, meta},
    table::{Column, TABLES, Table},
};
use crate::{
    Database, DatabaseOptions, audit, dialect, migration,
    sql::{execute, fetch_optional},
};

/// A database that rows are written into. It has a mark until all are there, so that nobody takes a part for the whole.
pub(crate) struct Target {
    link: Link,
    mark: Mark,
}

/// What the mark says. Each transaction replaces it, and so notices when another process has done so.
struct Mark {
    act: &'static str,
    /// From which installation.
    key: String,
    /// Which process.
    run: String,
    /// Tables that are whole.
    done: Vec<String>,
    /// As it is stored.
    stored: String,
}

/// What a mark says of the act that left it.
pub(super) fn act_of(mark: &str) -> String {
    let mark: Value = serde_json::from_str(mark).unwrap_or_default();
    mark["act"].as_str().unwrap_or("copy").to_owned()
}

impl Mark {
    fn text(&self) -> String {
        json!({"act": self.act, "key": self.key, "run": self.run, "done": self.done}).to_string()
    }
}

impl Target {
    /// Makes the schema where there is none, and the mark; gives whether it goes on with what was interrupted. `key` tells
    /// from which installation the rows come.
    pub(crate) async fn open(
        options: &DatabaseOptions,
        act: &'static str,
        key: &str,
        rng: &dyn Rng,
    ) -> Result<(Self, bool), TransferError> {
        let mut link = ready(options).await?;
        begin(&mut link).await?;
        let mut mark = Mark {
            act,
            key: key.to_owned(),
            run: format!("{:016x}", u64::from_be_bytes(rng::bytes(rng))),
            done: Vec::new(),
            stored: String::new(),
        };
        let found = meta(&mut link, UNFINISHED).await.map_err(TransferError::Target)?;
        let resumed = found.is_some();
        if let Some(found) = found {
            mark.done = done_by(&found, act, key)?;
            mark.stored = found;
        } else {
            empty(&mut link).await?;
            mark.stored = mark.text();
            let inserted = execute!(
                &mut link.sql(),
                "INSERT INTO portcullis_meta (name, value) VALUES ($1, $2)",
                UNFINISHED,
                mark.stored.as_str()
            );
            inserted.map_err(taken_over)?;
        }
        let mut target = Self { link, mark };
        target.take_mark().await?;
        target.link.commit().await.map_err(taken_over)?;
        Ok((target, resumed))
    }

    pub(crate) fn is_done(&self, table: &Table) -> bool {
        self.mark.done.iter().any(|done| done == table.name)
    }

    /// The key of the last row that an interrupted run wrote.
    pub(crate) async fn last_key(&mut self, table: &Table) -> Result<Option<Vec<Cell>>, TransferError> {
        self.link.last_key(table).await.map_err(TransferError::Target)
    }

    pub(crate) async fn count(&mut self, table: &Table) -> Result<u64, TransferError> {
        self.link.count(table).await.map_err(TransferError::Target)
    }

    pub(crate) async fn page(
        &mut self,
        table: &Table,
        after: Option<&[Cell]>,
    ) -> Result<Vec<Vec<Cell>>, TransferError> {
        let page = self.link.page(table, after, PAGE).await;
        page.map_err(|failure| failed(failure, TransferError::Target))
    }

    /// Writes rows in one transaction. With `last` the table is whole afterwards.
    pub(crate) async fn put(
        &mut self,
        table: &Table,
        columns: &[&Column],
        rows: &[Vec<Cell>],
        last: bool,
    ) -> Result<(), TransferError> {
        begin(&mut self.link).await?;
        match self.write(table, columns, rows, last).await {
            Ok(()) => self.link.commit().await.map_err(TransferError::Target),
            Err(error) => Err(self.undo(error).await),
        }
    }

    async fn write(
        &mut self,
        table: &Table,
        columns: &[&Column],
        rows: &[Vec<Cell>],
        last: bool,
    ) -> Result<(), TransferError> {
        if last {
            self.mark.done.push(table.name.to_owned());
        }
        self.take_mark().await?;
        if table.whole {
            self.link.clear(table).await.map_err(TransferError::Target)?;
        }
        let inserted = self.link.insert(table, columns, rows).await;
        inserted.map_err(|failure| failed(failure, TransferError::Target))
    }

    /// Nothing is left of a transaction that failed with `error`. What cannot be rolled back ends with the connection.
    async fn undo(&mut self, error: TransferError) -> TransferError {
        let _ = self.link.roll_back().await;
        error
    }

    /// Takes away what an interrupted run wrote. Tables that are replaced as a whole are replaced again.
    pub(crate) async fn begin_anew(&mut self) -> Result<(), TransferError> {
        begin(&mut self.link).await?;
        self.mark.done.clear();
        self.take_mark().await?;
        // Those first that refer to others.
        for table in TABLES.iter().rev().filter(|table| !table.whole) {
            self.link.clear(table).await.map_err(TransferError::Target)?;
        }
        self.link.commit().await.map_err(TransferError::Target)
    }

    /// All is there: takes the mark away, and notes what was done.
    pub(crate) async fn finish(mut self, event: Option<&AuditEvent>) -> Result<(), TransferError> {
        begin(&mut self.link).await?;
        if let Some(event) = event {
            let noted = audit::insert(&mut self.link.sql(), event).await;
            noted.map_err(TransferError::Target)?;
        }
        let gone = execute!(
            &mut self.link.sql(),
            "DELETE FROM portcullis_meta WHERE name = $1 AND value = $2",
            UNFINISHED,
            self.mark.stored.as_str()
        );
        if gone.map_err(TransferError::Target)? != 1 {
            return Err(self.undo(TransferError::TakenOver).await);
        }
        self.link.commit().await.map_err(TransferError::Target)?;
        self.link.close().await;
        Ok(())
    }

    /// Replaces the mark, if it is still ours. From here to the end of the transaction no other process writes.
    async fn take_mark(&mut self) -> Result<(), TransferError> {
        let text = self.mark.text();
        let taken = execute!(
            &mut self.link.sql(),
            "UPDATE portcullis_meta SET value = $3 WHERE name = $1 AND value = $2",
            UNFINISHED,
            self.mark.stored.as_str(),
            text.as_str()
        );
        if taken.map_err(taken_over)? != 1 {
            return Err(TransferError::TakenOver);
        }
        self.mark.stored = text;
        Ok(())
    }
}

/// Which tables an interrupted run of the same has finished.
fn done_by(mark: &str, act: &str, key: &str) -> Result<Vec<String>, TransferError> {
    let found: Value = serde_json::from_str(mark).unwrap_or_default();
    if found["act"] != act || found["key"] != key {
        return Err(TransferError::OtherAct { act: act_of(mark) });
    }
    let done = found["done"].as_array().into_iter().flatten();
    Ok(done.filter_map(|name| name.as_str().map(str::to_owned)).collect())
}

/// Makes a schema in a database that has none. One that has another is left alone.
async fn ready(options: &DatabaseOptions) -> Result<Link, TransferError> {
    let open = |source| TransferError::Open {
        side: "target",
        source,
    };
    let missing = options.file().is_some_and(|file| !file.exists());
    if missing {
        make(options).await?;
    }
    let mut link = Link::open(options).await.map_err(open)?;
    let pending = migration::pending(&mut link.sql()).await.map_err(open)?;
    if pending.len() == migration::MIGRATIONS.len() {
        link.close().await;
        make(options).await?;
        link = Link::open(options).await.map_err(open)?;
    } else if !pending.is_empty() {
        let pending = pending.iter().map(|migration| migration.name).collect();
        return Err(TransferError::Older {
            side: "target",
            pending,
        });
    }
    if migration::is_ahead(&mut link.sql())
        .await
        .map_err(TransferError::Target)?
    {
        return Err(TransferError::Newer { side: "target" });
    }
    Ok(link)
}

async fn make(options: &DatabaseOptions) -> Result<(), TransferError> {
    let options = DatabaseOptions {
        migrate: true,
        ..options.clone()
    };
    let made = Database::open(&options).await;
    let database = made.map_err(|source| TransferError::Open {
        side: "target",
        source,
    })?;
    database.close().await;
    Ok(())
}

async fn begin(link: &mut Link) -> Result<(), TransferError> {
    link.run("BEGIN IMMEDIATE", "BEGIN")
        .await
        .map_err(TransferError::Target)
}

/// Refuses a database that has more in it than the migrations put there.
async fn empty(link: &mut Link) -> Result<(), TransferError> {
    for table in TABLES {
        let seeded = match table.name {
            "portcullis_counters" | "portcullis_lanes" => continue,
            "portcullis_roles" => 2,
            _ => 0,
        };
        if link.count(table).await.map_err(TransferError::Target)? > seeded {
            return Err(TransferError::NotEmpty { table: table.name });
        }
    }
    // Roles that were edited, and no others added.
    let edited = fetch_optional!(
        &mut link.sql(),
        (i64,),
        "SELECT n FROM portcullis_counters WHERE name = 'roles_epoch' AND n > 1"
    );
    match edited.map_err(TransferError::Target)? {
        Some(_) => Err(TransferError::NotEmpty {
            table: "portcullis_roles",
        }),
        None => Ok(()),
    }
}

/// Two that begin at once meet at the mark.
fn taken_over(error: sqlx::Error) -> TransferError {
    if dialect::is_duplicate(&error) || dialect::worth_retrying(&error) {
        TransferError::TakenOver
    } else {
        TransferError::Target(error)
    }
}
