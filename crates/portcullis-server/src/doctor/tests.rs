#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, time::Duration};

use portcullis_core::{clock::Timestamp, store::StoredKey};
use portcullis_store::{ClockReading, Condition, EngineCondition, PostgresCondition, SqliteCondition};

use super::{Finding, Level, database, disk, issuer, keys, proxies};
use crate::config::{Config, Sources};

fn config(environment: &[(&str, &str)]) -> Config {
    Config::load(&Sources {
        working_dir: "/nowhere".into(),
        config_file: None,
        environment: environment
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
        flags: Vec::new(),
        dev: false,
    })
}

/// The worst of them.
fn worst(findings: &[Finding]) -> Level {
    findings
        .iter()
        .map(|finding| finding.level)
        .max_by_key(|level| *level as u8)
        .unwrap()
}

fn sound() -> PostgresCondition {
    PostgresCondition {
        host: "db.example.com".to_owned(),
        local: false,
        version: 150_014,
        clock: ClockReading {
            theirs: Timestamp::from_millis(10_000),
            ours: Timestamp::from_millis(10_000),
            uncertainty: Duration::from_millis(1),
        },
        replica: false,
        read_only: false,
        synchronous_commit: "on".to_owned(),
        synchronous_standbys: "ANY 1 (a, b)".to_owned(),
        replicas: 2,
        fsync: true,
        full_page_writes: true,
        statement_timeout: 0,
        places: 97,
        places_by: "max_connections",
        taken: 11,
        tls: Some("TLSv1.3".to_owned()),
        tls_verified: true,
    }
}

fn judged(change: impl FnOnce(&mut PostgresCondition)) -> Vec<Finding> {
    let mut found = sound();
    change(&mut found);
    let condition = Condition {
        latency: Duration::from_millis(1),
        engine: EngineCondition::Postgres(Box::new(found)),
    };
    database::judge(&condition, config(&[]).settings(), 3)
}

#[test]
fn a_sound_postgresql_needs_nothing() {
    let findings = judged(|_| {});
    assert_eq!(worst(&findings), Level::Ok, "{findings:?}");
}

type Change = fn(&mut PostgresCondition);

#[test]
fn each_fault_of_a_postgresql_is_found_with_its_remedy() {
    let cases: [(&str, Level, Change); 17] = [
        ("settings", Level::Action, |found| found.replica = true),
        ("settings", Level::Action, |found| found.read_only = true),
        ("settings", Level::Action, |found| found.fsync = false),
        ("settings", Level::Action, |found| found.full_page_writes = false),
        ("settings", Level::Action, |found| {
            found.synchronous_commit = "off".to_owned();
        }),
        ("settings", Level::Advice, |found| {
            found.synchronous_commit = "local".to_owned();
        }),
        ("settings", Level::Advice, |found| {
            found.synchronous_standbys.clear();
        }),
        ("settings", Level::Advice, |found| found.statement_timeout = 200),
        ("database", Level::Action, |found| found.version = 140_000),
        ("connections", Level::Action, |found| found.places = 32),
        ("connections", Level::Advice, |found| found.places = 33),
        ("connections", Level::Action, |found| found.taken = 97),
        ("tls", Level::Action, |found| found.tls = None),
        ("tls", Level::Action, |found| found.tls_verified = false),
        ("clock", Level::Action, |found| {
            found.clock.theirs = Timestamp::from_millis(12_002);
        }),
        ("clock", Level::Action, |found| {
            found.clock.theirs = Timestamp::from_millis(7_998);
        }),
        ("clock", Level::Advice, |found| {
            found.clock.theirs = Timestamp::from_millis(11_000);
        }),
    ];
    for (at, (check, level, change)) in cases.into_iter().enumerate() {
        let findings = judged(change);
        let found: Vec<_> = findings
            .iter()
            .filter(|finding| finding.level != Level::Ok)
            .collect();
        assert_eq!(found.len(), 1, "case {at}: {findings:?}");
        assert_eq!(
            (found[0].check, found[0].level),
            (check, level),
            "case {at}: {findings:?}"
        );
        assert!(found[0].remedy.is_some(), "case {at}");
    }
}

#[test]
fn a_slow_line_does_not_make_a_clock_wrong() {
    let findings = judged(|found| {
        found.clock.theirs = Timestamp::from_millis(12_500);
        found.clock.uncertainty = Duration::from_millis(2_100);
    });
    assert_eq!(worst(&findings), Level::Ok, "{findings:?}");
}

#[test]
fn a_line_within_the_machine_needs_no_tls() {
    let findings = judged(|found| {
        found.local = true;
        found.tls = None;
    });
    assert_eq!(worst(&findings), Level::Ok, "{findings:?}");
}

#[test]
fn a_file_that_loses_acts_or_is_damaged_needs_action() {
    let sqlite = |change: fn(&mut SqliteCondition)| {
        let mut found = SqliteCondition {
            file: "portcullis.db".into(),
            version: "3.50.4".to_owned(),
            journal_mode: "wal".to_owned(),
            synchronous: 2,
            damage: Vec::new(),
        };
        change(&mut found);
        let condition = Condition {
            latency: Duration::from_millis(21),
            engine: EngineCondition::Sqlite(found),
        };
        worst(&database::judge(&condition, config(&[]).settings(), 1))
    };
    // Only slow.
    assert_eq!(sqlite(|_| {}), Level::Advice);
    assert_eq!(sqlite(|found| found.synchronous = 1), Level::Action);
    assert_eq!(
        sqlite(|found| found.journal_mode = "delete".to_owned()),
        Level::Action
    );
    assert_eq!(
        sqlite(|found| found.damage.push("page 7".to_owned())),
        Level::Action
    );
}

#[test]
fn proxies_are_neither_everybody_nor_forgotten() {
    let judge = |environment: &[(&str, &str)]| worst(&proxies::judge(config(environment).settings()));
    let issuer = ("PORTCULLIS_TOKEN__ISSUER", "https://auth.example.com");
    assert_eq!(judge(&[]), Level::Ok);
    assert_eq!(judge(&[issuer]), Level::Action);
    for (proxies, level) in [
        ("10.0.0.0/8", Level::Ok),
        ("127.0.0.1, fd00::/8", Level::Ok),
        ("100.64.0.0/10", Level::Ok),
        ("203.0.113.7", Level::Ok),
        ("8.0.0.0/8", Level::Advice),
        ("0.0.0.0/1", Level::Action),
        ("2000::/3", Level::Action),
        ("2001:db8::/32", Level::Advice),
    ] {
        assert_eq!(
            judge(&[issuer, ("PORTCULLIS_HTTP__TRUSTED_PROXIES", proxies)]),
            level,
            "{proxies}"
        );
    }
    let tls = [
        issuer,
        ("PORTCULLIS_TLS__CERT", "/cert.pem"),
        ("PORTCULLIS_TLS__KEY", "/key.pem"),
    ];
    assert_eq!(judge(&tls), Level::Ok);
}

#[test]
fn a_disk_is_full_before_it_is_full() {
    const MIB: u64 = 1024 * 1024;
    let judge = |free: u64, total: u64, files_free: u64, read_only: bool| {
        let room = disk::Room {
            total: total * MIB,
            free: free * MIB,
            files_total: 1000,
            files_free,
            read_only,
        };
        disk::judge(Path::new("/data"), &room).level
    };
    assert_eq!(judge(2048, 10_240, 500, false), Level::Ok);
    assert_eq!(judge(1000, 10_240, 500, false), Level::Advice);
    assert_eq!(judge(2048, 102_400, 500, false), Level::Advice);
    assert_eq!(judge(63, 10_240, 500, false), Level::Action);
    assert_eq!(judge(2048, 10_240, 0, false), Level::Action);
    assert_eq!(judge(2048, 10_240, 500, true), Level::Action);
    assert_eq!(disk::size(1536 * MIB), "1.5 GiB");
}

fn key(state: &str, activated: i64, retire: Option<i64>) -> StoredKey {
    StoredKey {
        kid: state.to_owned(),
        algorithm: "ES256".to_owned(),
        state: state.to_owned(),
        sealed_private: Vec::new(),
        public_jwk: String::new(),
        created_at: Timestamp::from_unix_seconds(activated),
        activated_at: Some(Timestamp::from_unix_seconds(activated)),
        retire_at: retire.map(Timestamp::from_unix_seconds),
    }
}

#[test]
fn keys_that_are_old_missing_or_left_behind_are_noticed() {
    const DAY: i64 = 86_400;
    let now = Timestamp::from_unix_seconds(1000 * DAY);
    let judge = |keys: &[StoredKey]| worst(&keys::judge(keys, None, now));
    let next = key("next", 990 * DAY, None);
    let young = key("active", 990 * DAY, None);
    assert_eq!(judge(&[young.clone(), next.clone()]), Level::Ok);
    assert_eq!(
        judge(&[key("active", 500 * DAY, None), next.clone()]),
        Level::Advice
    );
    assert_eq!(judge(std::slice::from_ref(&young)), Level::Advice);
    assert_eq!(
        judge(&[key("active", 1001 * DAY, None), next.clone()]),
        Level::Action
    );
    assert_eq!(judge(std::slice::from_ref(&next)), Level::Action);
    let left = |at| [young.clone(), next.clone(), key("retiring", 900 * DAY, Some(at))];
    assert_eq!(judge(&left(1001 * DAY)), Level::Ok);
    assert_eq!(judge(&left(999 * DAY)), Level::Ok);
    assert_eq!(judge(&left(996 * DAY)), Level::Advice);
}

#[test]
fn a_jwks_of_someone_else_is_told_from_ours() {
    let keys = ["one".to_owned(), "two".to_owned()];
    let judge = |status, body: &str, keys| issuer::judge("https://a/", status, body.as_bytes(), keys).level;
    let both = r#"{"keys":[{"kid":"two"},{"kid":"one"}]}"#;
    assert_eq!(judge(200, both, Some(&keys)), Level::Ok);
    assert_eq!(judge(200, both, Some(&keys[..1])), Level::Action);
    assert_eq!(
        judge(200, r#"{"keys":[{"kid":"one"}]}"#, Some(&keys)),
        Level::Action
    );
    assert_eq!(judge(200, r#"{"keys":[]}"#, Some(&[])), Level::Ok);
    assert_eq!(judge(200, "<html>", Some(&keys)), Level::Action);
    assert_eq!(judge(404, both, Some(&keys)), Level::Action);
    assert_eq!(judge(301, both, Some(&keys)), Level::Action);
    assert_eq!(judge(200, both, None), Level::Note);
}
