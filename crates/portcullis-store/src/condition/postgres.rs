use std::{net::IpAddr, time::Duration};

use portcullis_core::clock::{Clock, Timestamp};
use sqlx::{
    PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};

use super::{ClockReading, PostgresCondition};
use crate::dialect;

/// How often the clock is asked: the answer that came fastest is the best.
const READINGS: usize = 5;

#[derive(sqlx::FromRow)]
struct Settings {
    version: i64,
    replica: bool,
    read_only: bool,
    synchronous_commit: String,
    synchronous_standbys: Option<String>,
    fsync: Option<String>,
    full_page_writes: Option<String>,
    max_connections: i64,
    reserved: i64,
}

#[derive(sqlx::FromRow)]
struct Limits {
    role: Option<i64>,
    database: Option<i64>,
    taken: i64,
    replicas: i64,
    statement_timeout: Option<i64>,
}

pub(super) async fn look(
    connection: &mut PgConnection,
    options: Option<&PgConnectOptions>,
    clock: &dyn Clock,
) -> Result<PostgresCondition, sqlx::Error> {
    let reading = read_clock(connection, clock).await?;
    let settings: Settings = sqlx::query_as(
        "SELECT current_setting('server_version_num')::BIGINT AS version,
                pg_is_in_recovery() AS replica,
                current_setting('transaction_read_only') = 'on' AS read_only,
                current_setting('synchronous_commit') AS synchronous_commit,
                current_setting('synchronous_standby_names', true) AS synchronous_standbys,
                current_setting('fsync', true) AS fsync,
                current_setting('full_page_writes', true) AS full_page_writes,
                current_setting('max_connections')::BIGINT AS max_connections,
                coalesce(current_setting('superuser_reserved_connections', true)::BIGINT, 0)
                    + coalesce(current_setting('reserved_connections', true)::BIGINT, 0) AS reserved",
    )
    .fetch_one(&mut *connection)
    .await?;
    let limits: Limits = sqlx::query_as(
        "SELECT (SELECT rolconnlimit::BIGINT FROM pg_roles WHERE rolname = current_user AND rolconnlimit >= 0) AS role,
                (SELECT datconnlimit::BIGINT FROM pg_database
                 WHERE datname = current_database() AND datconnlimit >= 0) AS database,
                (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS taken,
                (SELECT count(*) FROM pg_stat_replication) AS replicas,
                (SELECT reset_val::BIGINT FROM pg_settings WHERE name = 'statement_timeout') AS statement_timeout",
    )
    .fetch_one(&mut *connection)
    .await?;
    let tls: Option<(bool, Option<String>)> =
        sqlx::query_as("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            .fetch_optional(&mut *connection)
            .await?;
    let (places, places_by) = places(&settings, &limits);
    Ok(PostgresCondition {
        host: options.map_or_else(|| "?".to_owned(), host),
        local: options.is_none_or(is_local),
        version: settings.version,
        clock: reading,
        replica: settings.replica,
        read_only: settings.read_only,
        synchronous_commit: settings.synchronous_commit,
        synchronous_standbys: settings.synchronous_standbys.unwrap_or_default(),
        replicas: limits.replicas,
        fsync: settings.fsync.is_none_or(|value| value == "on"),
        full_page_writes: settings.full_page_writes.is_none_or(|value| value == "on"),
        statement_timeout: limits.statement_timeout.unwrap_or(0),
        places,
        places_by,
        taken: limits.taken,
        tls: tls.and_then(|(on, version)| on.then(|| version.unwrap_or_else(|| "TLS".to_owned()))),
        tls_verified: options.is_some_and(|options| matches!(options.get_ssl_mode(), PgSslMode::VerifyFull)),
    })
}

/// The narrowest of the bounds on connections.
fn places(settings: &Settings, limits: &Limits) -> (i64, &'static str) {
    let all = (settings.max_connections - settings.reserved, "max_connections");
    [
        limits.role.map(|most| (most, "the limit of the role")),
        limits.database.map(|most| (most, "the limit of the database")),
    ]
    .into_iter()
    .flatten()
    .fold(all, |least, bound| if bound.0 < least.0 { bound } else { least })
}

fn host(options: &PgConnectOptions) -> String {
    options.get_socket().map_or_else(
        || options.get_host().to_owned(),
        |socket| socket.display().to_string(),
    )
}

fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

async fn read_clock(connection: &mut PgConnection, clock: &dyn Clock) -> Result<ClockReading, sqlx::Error> {
    let mut best: Option<ClockReading> = None;
    for _ in 0..READINGS {
        let (begun, ours) = (clock.monotonic(), clock.now());
        let theirs = dialect::postgres_clock(connection).await?;
        let half = clock.monotonic().saturating_sub(begun) / 2;
        let reading = ClockReading {
            theirs: Timestamp::from_millis(theirs),
            ours: ours + half,
            uncertainty: half.max(Duration::from_millis(1)),
        };
        if best.is_none_or(|best| reading.uncertainty < best.uncertainty) {
            best = Some(reading);
        }
    }
    best.ok_or(sqlx::Error::RowNotFound)
}
