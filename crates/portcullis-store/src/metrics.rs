//! What metrics say of the connections to the database.

use portcullis_core::metrics::Scrape;

use crate::{database::Db, pool::PoolNumbers};

/// Tells the pools.
pub(crate) fn tell(db: &Db, scrape: &mut Scrape<'_>) {
    let (pools, queued) = match db {
        Db::Sqlite(sqlite) => (
            [
                ("read", sqlite.readers.numbers()),
                ("feed", sqlite.feed.numbers()),
            ],
            Some(sqlite.writer.waiting()),
        ),
        Db::Postgres(postgres) => (
            [
                ("main", postgres.pool.numbers()),
                ("feed", postgres.feed.numbers()),
            ],
            None,
        ),
    };
    let engine = if queued.is_some() { "sqlite" } else { "postgres" };
    scrape.gauge(
        "portcullis_database_info",
        "The database: sqlite or postgres; always 1.",
        |series| series.put(&[("engine", engine)], 1.0),
    );
    let mut gauge = |name, help, value: fn(&PoolNumbers) -> f64| {
        scrape.gauge(name, help, |series| {
            for (pool, numbers) in &pools {
                series.put(&[("pool", pool)], value(numbers));
            }
        });
    };
    gauge(
        "portcullis_database_connections",
        "Connections to the database that are open, by pool.",
        |pool| pool.size.into(),
    );
    gauge(
        "portcullis_database_connections_idle",
        "Connections to the database that nobody uses, by pool.",
        |pool| number(pool.idle),
    );
    gauge(
        "portcullis_database_connections_max",
        "Connections to the database that may be used at most, by pool.",
        |pool| pool.most.into(),
    );
    gauge(
        "portcullis_database_connections_waiting",
        "Acts and reads that wait for a connection to the database, by pool.",
        |pool| pool.waiting.into(),
    );
    scrape.counter(
        "portcullis_database_connections_refused_total",
        "Acts and reads that got no connection to the database in time, by pool.",
        |series| {
            for (pool, numbers) in &pools {
                series.put(&[("pool", pool)], numbers.refused);
            }
        },
    );
    let refused = match db {
        Db::Sqlite(sqlite) => sqlite.writer.refused(),
        Db::Postgres(_) => 0,
    };
    scrape.counter(
        "portcullis_database_writer_refused_total",
        "Acts that found no place in the queue of the one writer of SQLite, or were not begun in time.",
        |series| series.put(&[], refused),
    );
    scrape.gauge(
        "portcullis_database_writer_queue",
        "Acts that wait for the one writer of SQLite; 0 on PostgreSQL, which has none.",
        |series| series.put(&[], queued.map_or(0.0, number)),
    );
}

fn number(number: usize) -> f64 {
    u32::try_from(number).unwrap_or(u32::MAX).into()
}
