//! The queries, written once for both engines.

use std::collections::HashSet;

use portcullis_core::archive::Cell;
use sqlx::{Executor, IntoArguments, QueryBuilder, Row as _};
use uuid::Uuid;

use super::{
    engine::Engine,
    table::{Column, Table},
};
use crate::act::{Corrupt, Failure};

fn select<DB: Engine>(query: &mut QueryBuilder<DB>, table: &Table, columns: &[Column]) {
    query.push("SELECT ");
    for (at, column) in columns.iter().enumerate() {
        query.push(if at == 0 { "" } else { ", " }).push(column.name);
    }
    query.push(" FROM ").push(table.name);
    query.push(" WHERE ").push(table.only.unwrap_or("1 = 1"));
}

/// The columns of the key, in the order of their bytes.
fn key<DB: Engine>(query: &mut QueryBuilder<DB>, table: &Table, behind: &str) {
    use super::table::Kind;
    for (at, column) in table.key_columns().iter().enumerate() {
        query.push(if at == 0 { "" } else { ", " }).push(column.name);
        if column.kind == Kind::Text {
            query.push(DB::COLLATE);
        }
        query.push(behind);
    }
}

pub(super) async fn page<'c, DB, C>(
    connection: C,
    table: &Table,
    after: Option<&[Cell]>,
    limit: i64,
) -> Result<Vec<Vec<Cell>>, Failure<Corrupt>>
where
    DB: Engine,
    C: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
    i64: for<'q> sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    let mut query = QueryBuilder::<DB>::new("");
    select(&mut query, table, table.columns);
    if let Some(after) = after {
        query.push(" AND (");
        key(&mut query, table, "");
        query.push(") > (");
        for (at, (column, cell)) in table.key_columns().iter().zip(after).enumerate() {
            if at > 0 {
                query.push(", ");
            }
            DB::bind(&mut query, column.kind, cell)?;
        }
        query.push(")");
    }
    query.push(" ORDER BY ");
    key(&mut query, table, "");
    query.push(" LIMIT ").push_bind(limit);
    let rows = query.build().fetch_all(connection).await?;
    Ok(rows
        .iter()
        .map(|row| cells::<DB>(row, table.columns))
        .collect::<Result<_, _>>()?)
}

fn cells<DB: Engine>(row: &DB::Row, columns: &[Column]) -> Result<Vec<Cell>, sqlx::Error> {
    columns
        .iter()
        .enumerate()
        .map(|(at, column)| DB::cell(row, at, column.kind))
        .collect()
}

pub(super) async fn last_key<'c, DB, C>(
    connection: C,
    table: &Table,
) -> Result<Option<Vec<Cell>>, sqlx::Error>
where
    DB: Engine,
    C: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
{
    let mut query = QueryBuilder::<DB>::new("");
    select(&mut query, table, table.key_columns());
    query.push(" ORDER BY ");
    key(&mut query, table, " DESC");
    query.push(" LIMIT 1");
    let row = query.build().fetch_optional(connection).await?;
    row.map(|row| cells::<DB>(&row, table.key_columns())).transpose()
}

pub(super) async fn count<'c, DB, C>(connection: C, table: &Table) -> Result<u64, sqlx::Error>
where
    DB: Engine,
    C: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
    i64: for<'r> sqlx::Decode<'r, DB> + sqlx::Type<DB>,
{
    let mut query = QueryBuilder::<DB>::new("SELECT COUNT(*) FROM ");
    query
        .push(table.name)
        .push(" WHERE ")
        .push(table.only.unwrap_or("1 = 1"));
    let row = query.build().fetch_one(connection).await?;
    row.try_get::<i64, _>(0).map(i64::unsigned_abs)
}

pub(crate) async fn insert<DB>(
    connection: &mut DB::Connection,
    table: &Table,
    columns: &[&Column],
    rows: &[Vec<Cell>],
) -> Result<(), Failure<Corrupt>>
where
    DB: Engine,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
{
    for rows in rows.chunks(DB::AT_ONCE) {
        let mut query = insertion::<DB>(table, columns, rows)?;
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

fn insertion<DB: Engine>(
    table: &Table,
    columns: &[&Column],
    rows: &[Vec<Cell>],
) -> Result<QueryBuilder<DB>, Corrupt> {
    if rows.iter().any(|row| row.len() != columns.len()) {
        return Err(Corrupt(format!(
            "a row of {} has the wrong number of cells",
            table.name
        )));
    }
    let mut query = QueryBuilder::<DB>::new("INSERT INTO ");
    query.push(table.name).push(" (");
    for (at, column) in columns.iter().enumerate() {
        query.push(if at == 0 { "" } else { ", " }).push(column.name);
    }
    query.push(") ");
    DB::rows(&mut query, columns, rows)?;
    Ok(query)
}

/// Adds the rows that stand in the way of no other; gives their identifiers.
pub(crate) async fn insert_new<DB>(
    connection: &mut DB::Connection,
    table: &Table,
    rows: &[Vec<Cell>],
) -> Result<HashSet<Uuid>, Failure<Corrupt>>
where
    DB: Engine,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
    Uuid: for<'r> sqlx::Decode<'r, DB> + sqlx::Type<DB>,
{
    let columns: Vec<&Column> = table.columns.iter().collect();
    let mut added = HashSet::new();
    for rows in rows.chunks(DB::AT_ONCE) {
        let mut query = insertion::<DB>(table, &columns, rows)?;
        query.push(" ON CONFLICT DO NOTHING RETURNING id");
        for row in query.build().fetch_all(&mut *connection).await? {
            added.insert(row.try_get(0)?);
        }
    }
    Ok(added)
}

pub(super) async fn clear<'c, DB, C>(connection: C, table: &Table) -> Result<(), sqlx::Error>
where
    DB: Engine,
    C: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
{
    let mut query = QueryBuilder::<DB>::new("DELETE FROM ");
    query
        .push(table.name)
        .push(" WHERE ")
        .push(table.only.unwrap_or("1 = 1"));
    query.build().execute(connection).await.map(drop)
}
