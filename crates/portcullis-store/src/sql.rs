//! One query text for two engines.
//!
//! A query is written once, with `$1` placeholders, and the macros here run it on whichever connection is there:
//!
//! ```ignore
//! let found = fetch_optional!(connection, (i64,), "SELECT n FROM portcullis_counters WHERE name = $1", name)?;
//! ```

use sqlx::{PgConnection, SqliteConnection};

/// A connection of either engine.
pub(crate) enum Connection<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

/// Runs a statement; gives how many rows it touched.
macro_rules! execute {
    ($connection:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match &mut *$connection {
            $crate::sql::Connection::Sqlite(c) => {
                sqlx::query($sql)$(.bind($bind))*.execute(&mut **c).await.map(|done| done.rows_affected())
            }
            $crate::sql::Connection::Postgres(c) => {
                sqlx::query($sql)$(.bind($bind))*.execute(&mut **c).await.map(|done| done.rows_affected())
            }
        }
    };
}

/// The first row, if there is one.
macro_rules! fetch_optional {
    ($connection:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match &mut *$connection {
            $crate::sql::Connection::Sqlite(c) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_optional(&mut **c).await
            }
            $crate::sql::Connection::Postgres(c) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_optional(&mut **c).await
            }
        }
    };
}

/// The first row; an error when there is none.
macro_rules! fetch_one {
    ($connection:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match &mut *$connection {
            $crate::sql::Connection::Sqlite(c) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_one(&mut **c).await
            }
            $crate::sql::Connection::Postgres(c) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_one(&mut **c).await
            }
        }
    };
}

/// All rows.
macro_rules! fetch_all {
    ($connection:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match &mut *$connection {
            $crate::sql::Connection::Sqlite(c) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_all(&mut **c).await
            }
            $crate::sql::Connection::Postgres(c) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_all(&mut **c).await
            }
        }
    };
}

/// All rows of a query whose text depends on a filter: `$write` puts it into a `QueryBuilder` of either engine.
macro_rules! fetch_built {
    ($connection:expr, $row:ty, $write:expr) => {
        match &mut *$connection {
            $crate::sql::Connection::Sqlite(c) => {
                let mut query = sqlx::QueryBuilder::<sqlx::Sqlite>::new("");
                $write(&mut query);
                query.build_query_as::<$row>().fetch_all(&mut **c).await
            }
            $crate::sql::Connection::Postgres(c) => {
                let mut query = sqlx::QueryBuilder::<sqlx::Postgres>::new("");
                $write(&mut query);
                query.build_query_as::<$row>().fetch_all(&mut **c).await
            }
        }
    };
}

/// An epoch raised: the greater of itself plus one and the act's instant
/// ([`ChangeKind::UserEpochs`](portcullis_core::revocation::ChangeKind::UserEpochs) tells why).
macro_rules! raised {
    ($column:literal, $now:literal) => {
        concat!(
            "CASE WHEN ",
            $column,
            " + 1 < ",
            $now,
            " THEN ",
            $now,
            " ELSE ",
            $column,
            " + 1 END"
        )
    };
}

pub(crate) use {execute, fetch_all, fetch_built, fetch_one, fetch_optional, raised};
