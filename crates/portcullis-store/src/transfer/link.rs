//! A connection of its own: what moves whole tables takes longer than any act may.

use portcullis_core::archive::Cell;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, QueryBuilder, SqliteConnection};

use super::{
    rows,
    table::{Column, Table},
};
use crate::{
    DatabaseOptions, OpenError,
    act::{Corrupt, Failure},
    options::Place,
    postgres::Hosts,
    sql, sqlite,
};

pub(super) enum Link {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

impl Link {
    pub(super) async fn open(options: &DatabaseOptions) -> Result<Self, OpenError> {
        match options.place()? {
            Place::Sqlite(path) => {
                let connection = sqlite::connect(&path, options.timeout).await?;
                Ok(Self::Sqlite(Box::new(connection)))
            }
            Place::Postgres(hosts) => {
                let hosts = Hosts::new(hosts);
                hosts.first(options.timeout).await?;
                let place = hosts.place();
                let unreachable = |source| OpenError::Unreachable { place, source };
                let mut connection = hosts.current().connect().await.map_err(unreachable)?;
                sqlx::raw_sql(
                    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '10s'",
                )
                .execute(&mut connection)
                .await
                .map_err(OpenError::Schema)?;
                Ok(Self::Postgres(Box::new(connection)))
            }
        }
    }

    pub(super) fn sql(&mut self) -> sql::Connection<'_> {
        match self {
            Self::Sqlite(connection) => sql::Connection::Sqlite(connection),
            Self::Postgres(connection) => sql::Connection::Postgres(connection),
        }
    }

    /// Runs `sqlite` or `postgres`.
    pub(super) async fn run(
        &mut self,
        sqlite: &'static str,
        postgres: &'static str,
    ) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => sqlx::raw_sql(sqlite).execute(&mut **connection).await.map(drop),
            Self::Postgres(connection) => sqlx::raw_sql(postgres).execute(&mut **connection).await.map(drop),
        }
    }

    pub(super) async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.run("COMMIT", "COMMIT").await
    }

    pub(super) async fn roll_back(&mut self) -> Result<(), sqlx::Error> {
        self.run("ROLLBACK", "ROLLBACK").await
    }

    /// Keeps everybody else from writing to these tables, until the end of the transaction. Of SQLite the whole file is
    /// held already.
    pub(super) async fn hold(&mut self, tables: &[Table]) -> Result<(), sqlx::Error> {
        let Self::Postgres(connection) = self else {
            return Ok(());
        };
        let mut query = QueryBuilder::<sqlx::Postgres>::new("LOCK TABLE ");
        for (at, table) in tables.iter().enumerate() {
            query.push(if at == 0 { "" } else { ", " }).push(table.name);
        }
        query.push(" IN SHARE MODE");
        query.build().execute(&mut **connection).await.map(drop)
    }

    /// At most so many rows behind the one with the key `after`, in the order of the key.
    pub(super) async fn page(
        &mut self,
        table: &Table,
        after: Option<&[Cell]>,
        limit: i64,
    ) -> Result<Vec<Vec<Cell>>, Failure<Corrupt>> {
        match self {
            Self::Sqlite(connection) => rows::page(&mut **connection, table, after, limit).await,
            Self::Postgres(connection) => rows::page(&mut **connection, table, after, limit).await,
        }
    }

    /// The greatest key, if there is a row.
    pub(super) async fn last_key(&mut self, table: &Table) -> Result<Option<Vec<Cell>>, sqlx::Error> {
        match self {
            Self::Sqlite(connection) => rows::last_key(&mut **connection, table).await,
            Self::Postgres(connection) => rows::last_key(&mut **connection, table).await,
        }
    }

    pub(super) async fn count(&mut self, table: &Table) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(connection) => rows::count(&mut **connection, table).await,
            Self::Postgres(connection) => rows::count(&mut **connection, table).await,
        }
    }

    pub(super) async fn insert(
        &mut self,
        table: &Table,
        columns: &[&Column],
        rows: &[Vec<Cell>],
    ) -> Result<(), Failure<Corrupt>> {
        match self {
            Self::Sqlite(connection) => rows::insert::<sqlx::Sqlite>(connection, table, columns, rows).await,
            Self::Postgres(connection) => {
                rows::insert::<sqlx::Postgres>(connection, table, columns, rows).await
            }
        }
    }

    /// Takes all rows that are data out of a table.
    pub(super) async fn clear(&mut self, table: &Table) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => rows::clear(&mut **connection, table).await,
            Self::Postgres(connection) => rows::clear(&mut **connection, table).await,
        }
    }

    pub(super) async fn close(self) {
        // All that matters was committed.
        let _ = match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        };
    }
}
