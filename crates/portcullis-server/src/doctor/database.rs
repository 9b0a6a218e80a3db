use std::time::Duration;

use portcullis_core::authority::MAX_CLOCK_SKEW;
use portcullis_store::{Condition, EngineCondition, PostgresCondition, SqliteCondition};

use super::Finding;
use crate::config::Settings;

/// The oldest PostgreSQL on which the tests run.
const OLDEST: i64 = 150_000;
/// Connections of one node beside those of the pool: one is kept for the feed.
const BESIDE: i64 = 1;

const SETTINGS: &str = "settings";

/// What to say of a database for `nodes` nodes.
pub(super) fn judge(condition: &Condition, settings: &Settings, nodes: u32) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &condition.engine {
        EngineCondition::Sqlite(found) => sqlite(&mut findings, found),
        EngineCondition::Postgres(found) => {
            version(&mut findings, found);
            clock(&mut findings, found);
            writable(&mut findings, found);
            durable(&mut findings, found);
            connections(&mut findings, found, settings, nodes);
            tls(&mut findings, found);
        }
    }
    findings.push(latency(condition.latency));
    findings
}

fn latency(latency: Duration) -> Finding {
    let text = format!("a question about nothing takes {} ms", millis(latency));
    let remedy = "bring server and database closer together, and look at the load of the database's machine: a login \
                  asks it five times";
    if latency > Duration::from_millis(250) {
        Finding::action("latency", text, remedy)
    } else if latency > Duration::from_millis(20) {
        Finding::advice("latency", text, remedy)
    } else {
        Finding::ok("latency", text)
    }
}

/// With a tenth, below ten.
fn millis(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros < 10_000 {
        format!("{}.{}", micros / 1000, micros % 1000 / 100)
    } else {
        (micros / 1000).to_string()
    }
}

fn sqlite(findings: &mut Vec<Finding>, found: &SqliteCondition) {
    findings.push(Finding::ok("database", format!("SQLite {}", found.version)));
    findings.push(Finding::ok(
        "clock",
        "that of this machine: the database has no other",
    ));
    let wal = found.journal_mode.eq_ignore_ascii_case("wal");
    if wal && found.synchronous >= 2 {
        findings.push(Finding::ok(SETTINGS, "write-ahead log, synchronous=FULL"));
    } else {
        findings.push(Finding::action(
            SETTINGS,
            format!(
                "journal_mode={}, synchronous={}: acknowledged acts can be lost",
                found.journal_mode, found.synchronous
            ),
            "let nothing else change these pragmas; a server sets a write-ahead log and FULL at its start",
        ));
    }
    if found.damage.is_empty() {
        findings.push(Finding::ok("integrity", "the file is sound"));
    } else {
        findings.push(Finding::action(
            "integrity",
            format!("the file is damaged: {}", found.damage.join("; ")),
            "stop the server, keep a copy of the files, and `portcullis restore` the newest backup; then look at the disk",
        ));
    }
}

fn version(findings: &mut Vec<Finding>, found: &PostgresCondition) {
    let text = format!(
        "PostgreSQL {}.{} at {}",
        found.version / 10_000,
        found.version % 10_000,
        found.host
    );
    findings.push(if found.version < OLDEST {
        Finding::action(
            "database",
            text,
            "move to PostgreSQL 15 or later: nothing older is tested",
        )
    } else {
        Finding::ok("database", text)
    });
}

fn clock(findings: &mut Vec<Finding>, found: &PostgresCondition) {
    let reading = &found.clock;
    let apart = reading.apart();
    let text = format!(
        "{} ms from the database's, +-{} ms",
        apart.as_millis(),
        reading.uncertainty.as_millis()
    );
    // What the way there and back may account for is nobody's fault.
    let least = apart.saturating_sub(reading.uncertainty);
    let remedy = "set the clocks of all nodes and of the database (NTP): a node that is 2 s off is not ready, and times in \
                  tokens and in the audit log are wrong";
    findings.push(if least > MAX_CLOCK_SKEW {
        Finding::action("clock", text, remedy)
    } else if least > MAX_CLOCK_SKEW / 4 {
        Finding::advice("clock", text, remedy)
    } else {
        Finding::ok("clock", text)
    });
}

fn writable(findings: &mut Vec<Finding>, found: &PostgresCondition) {
    if found.replica {
        findings.push(Finding::action(
            SETTINGS,
            format!("{} is a replica: nobody can log in there", found.host),
            "name the primary in database.url",
        ));
    } else if found.read_only {
        findings.push(Finding::action(
            SETTINGS,
            "transactions are read-only: nobody can log in",
            "set default_transaction_read_only = off for the role and the database",
        ));
    }
}

fn durable(findings: &mut Vec<Finding>, found: &PostgresCondition) {
    let mut durable = true;
    let mut lost = |found: String, remedy: &str| {
        durable = false;
        findings.push(Finding::action(SETTINGS, found, remedy));
    };
    if !found.fsync {
        lost(
            "fsync is off: a power failure can destroy the database".to_owned(),
            "set fsync = on in postgresql.conf",
        );
    }
    if !found.full_page_writes {
        lost(
            "full_page_writes is off: a power failure can tear pages".to_owned(),
            "set full_page_writes = on in postgresql.conf",
        );
    }
    if found.synchronous_commit == "off" {
        lost(
            "synchronous_commit is off: acknowledged logouts and new passwords are lost when the server crashes".to_owned(),
            "set synchronous_commit = on for the role: `ALTER ROLE .. SET synchronous_commit = on`",
        );
    }
    if durable {
        findings.push(Finding::ok(
            SETTINGS,
            format!("synchronous_commit={}, fsync=on", found.synchronous_commit),
        ));
    }
    let waits = !found.synchronous_standbys.trim().is_empty() && found.synchronous_commit != "local";
    if found.replicas > 0 && !waits {
        findings.push(Finding::advice(
            SETTINGS,
            format!(
                "{} replicas, and no COMMIT waits for one: a failover loses what was acknowledged last",
                found.replicas
            ),
            "set synchronous_standby_names, with ANY 1 (..) of at least two replicas so that one may fail",
        ));
    }
    if found.statement_timeout > 0 && found.statement_timeout < 1000 {
        findings.push(Finding::advice(
            SETTINGS,
            format!(
                "statement_timeout is {} ms for the role; a connection of ours sets its own",
                found.statement_timeout
            ),
            "give the role a second at least, for what other programs do with it",
        ));
    }
}

fn connections(findings: &mut Vec<Finding>, found: &PostgresCondition, settings: &Settings, nodes: u32) {
    const CHECK: &str = "connections";
    let each = i64::from(settings.database.max_connections) + BESIDE;
    let fit = found.places / each;
    let text = format!(
        "{} by {} leaves room for {fit} nodes of {each}; {} are taken now",
        found.places, found.places_by, found.taken
    );
    let remedy = "lower database.max_connections, or raise max_connections of PostgreSQL";
    let nodes = i64::from(nodes);
    findings.push(if fit < nodes {
        Finding::action(CHECK, text, remedy)
    } else if fit == nodes {
        Finding::advice(
            CHECK,
            format!(
                "{text}: one that starts before another one ends, as in a rolling restart, finds no place"
            ),
            remedy,
        )
    } else if found.taken >= found.places {
        Finding::action(CHECK, format!("{text}: none is left"), remedy)
    } else {
        Finding::ok(CHECK, text)
    });
}

fn tls(findings: &mut Vec<Finding>, found: &PostgresCondition) {
    const CHECK: &str = "tls";
    let remedy = "put sslmode=verify-full and sslrootcert=FILE into database.url";
    findings.push(match &found.tls {
        _ if found.local => Finding::ok(CHECK, "the database is on this machine"),
        None => Finding::action(
            CHECK,
            format!(
                "the line to {} is not encrypted: hashes of passwords and sealed keys can be read on it",
                found.host
            ),
            remedy,
        ),
        Some(version) if !found.tls_verified => Finding::action(
            CHECK,
            format!(
                "{version} to {}, whose certificate nobody checks: anybody in between can pose as it",
                found.host
            ),
            remedy,
        ),
        Some(version) => Finding::ok(
            CHECK,
            format!("{version} to {}, which is who it says", found.host),
        ),
    });
}
