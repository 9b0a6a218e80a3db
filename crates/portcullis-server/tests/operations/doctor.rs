use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use portcullis_testkit::database::{Engine, TestDatabase};
use serde_json::Value;

use crate::harness::{Place, chmod};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// Where nobody listens.
const NOBODY: &str = "127.0.0.1:1";

/// Compares without what differs from machine to machine and from run to run.
fn same_as_before(name: &str, text: &str, place: &Place) {
    let folder = place.path("").display().to_string();
    let text = text.replace(folder.trim_end_matches('/'), "[PLACE]");
    let mut settings = insta::Settings::clone_current();
    for (found, shown) in [
        (r"\d+(\.\d+)? ms", "[N] ms"),
        (r"\d+(\.\d+)? [GM]iB", "[SIZE]"),
        (r"(SQLite|PostgreSQL) \d+(\.\d+)+", "$1 [VERSION]"),
        (r"ES256 [\w-]{20,}", "ES256 [KID]"),
        (r"\d+ are taken", "[N] are taken"),
        (r"\d{4}-\d\d-\d\dT[\d:]{8}Z", "[TIME]"),
    ] {
        settings.add_filter(found, shown);
    }
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn findings(json: &str) -> Vec<Value> {
    let value: Value = serde_json::from_str(json).unwrap();
    value["findings"].as_array().unwrap().clone()
}

/// Whether there is such a finding.
fn has(findings: &[Value], check: &str, level: &str, part: &str) -> bool {
    findings.iter().any(|finding| {
        finding["check"] == check
            && finding["level"] == level
            && finding["found"].as_str().unwrap().contains(part)
            && (level == "ok" || level == "note" || finding["remedy"].is_string())
    })
}

#[track_caller]
fn assert_has(findings: &[Value], check: &str, level: &str, part: &str) {
    assert!(
        has(findings, check, level, part),
        "no {level} about {check} with `{part}`: {findings:#?}"
    );
}

/// Each file in the folder, with its content, its mode and when it was changed.
fn files(folder: &Path) -> Vec<(String, Vec<u8>, u32, i64)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let found = entry.metadata().unwrap();
            let name = entry.file_name().into_string().unwrap();
            (
                name,
                fs::read(entry.path()).unwrap(),
                found.mode(),
                found.mtime_nsec(),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_healthy_installation_needs_nothing_whether_it_runs_or_not() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    server.wait_for_maintenance();
    place
        .run_with(
            &[
                "user",
                "add",
                "eva@example.com",
                "--role",
                "admin",
                "--name",
                "Eva",
            ],
            "correct horse battery\n",
        )
        .done();
    let running = place
        .run(&["doctor", "--listen", server.address(), "--json"])
        .done();
    let value: Value = serde_json::from_str(&running).unwrap();
    assert_eq!(value["ok"], true, "{running}");
    let found = findings(&running);
    assert!(found.iter().all(|finding| finding["level"] == "ok"), "{running}");
    assert_has(&found, "issuer", "ok", "has the 2 keys of the database");
    let quiet = place
        .run(&["doctor", "--listen", server.address(), "--quiet"])
        .done();
    assert_eq!(quiet, "");

    server.terminate();
    let before = files(&place.path("portcullis-data"));
    let stopped = place.run(&["doctor", "--listen", NOBODY]).done();
    same_as_before("doctor_of_a_stopped_server", &stopped, &place);
    assert_eq!(files(&place.path("portcullis-data")), before);
}

#[test]
fn all_that_is_wrong_is_said_at_once_and_nothing_is_changed() {
    let place = Place::new()
        .env("PORTCULLIS_LIMITS__ENABLED", "false")
        .env("PORTCULLIS_TOKEN__ISSUER", "https://portcullis.invalid")
        .env("PORTCULLIS_TOKEN__SECRET", "PLANTED-k3Jv9qLx2mZ8wRt5yHn7bGf4")
        .env("PORTCULLIS_TOKEN__ACCESS_TTL", "2h");
    let mut server = place.serve(&[]);
    server.wait_for_maintenance();
    server.terminate();
    let folder = place.path("portcullis-data");
    chmod(&folder, 0o755);
    chmod(&folder.join("portcullis.db"), 0o644);
    let before = files(&folder);
    let doctor = place.run(&["doctor", "--listen", NOBODY]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    assert!(!format!("{doctor:?}").contains("PLANTED"), "{doctor:?}");
    same_as_before("doctor_of_much_that_is_wrong", &doctor.stdout, &place);
    assert_eq!(files(&folder), before);
    let json = place.run(&["doctor", "--listen", NOBODY, "--json"]);
    assert_eq!(json.code, Some(1));
    assert!(!json.stdout.contains("PLANTED"));
}

#[test]
fn what_is_not_there_yet_is_no_fault() {
    let place = Place::new();
    let doctor = place.run(&["doctor", "--json"]).done();
    assert_has(&findings(&doctor), "start", "note", "will be made");
    assert!(!place.path("portcullis-data").exists());
}

#[test]
fn a_damaged_file_is_noticed() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    server.wait_for_maintenance();
    server.terminate();
    let file = place.path("portcullis-data/portcullis.db");
    let sound = fs::read(&file).unwrap();
    let pages = sound.len() / 4096;
    let damaged = |page: std::ops::Range<usize>| {
        let mut bytes = sound.clone();
        for page in page {
            bytes[page * 4096..][..64].fill(0xa5);
        }
        fs::write(&file, &bytes).unwrap();
        let doctor = place.run(&["doctor", "--listen", NOBODY, "--json"]);
        assert_eq!(doctor.code, Some(1), "{doctor:?}");
        findings(&doctor.stdout)
    };
    assert_has(&damaged(pages - 1..pages), "integrity", "action", "damaged");
    // So much that it does not open.
    assert_has(&damaged(8..pages), "database", "action", "damaged");
}

#[tokio::test]
async fn a_file_with_another_journal_stays_as_it_is() {
    let database = TestDatabase::empty(Engine::Sqlite).await;
    let file = database.file();
    fs::write(&file, "").unwrap();
    chmod(&file, 0o600);
    database.tamper("CREATE TABLE mine (x)").await;
    let before = fs::read(&file).unwrap();
    let place = Place::new().env("PORTCULLIS_MASTER_KEY", KEY);
    for command in ["doctor", "check"] {
        let ran = place.run(&[command, "--listen", NOBODY, "--database-url", database.url()]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(format!("{ran:?}").contains("given a write-ahead log"), "{ran:?}");
        assert_eq!(fs::read(&file).unwrap(), before, "{command}");
    }
}

#[test]
fn a_database_that_does_not_answer_keeps_nothing_else_from_being_looked_at() {
    let place = Place::new()
        .env("PORTCULLIS_DATABASE__URL", "postgres://u:PLANTED@127.0.0.1:1/db")
        .env("PORTCULLIS_MASTER_KEY", KEY)
        .env("PORTCULLIS_HTTP__TRUSTED_PROXIES", "0.0.0.0/1")
        .env("PORTCULLIS_LIMITS__ENABLED", "false");
    let doctor = place.run(&["doctor", "--json"]);
    assert_eq!(doctor.code, Some(1));
    assert!(!format!("{doctor:?}").contains("PLANTED"), "{doctor:?}");
    let found = findings(&doctor.stdout);
    assert_has(&found, "database", "action", "127.0.0.1:1");
    assert_has(&found, "proxies", "action", "0.0.0.0/1");
    assert_has(&found, "configuration", "action", "rate limits are off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_is_asked_for_its_settings() {
    let database = TestDatabase::empty(Engine::Postgres).await;
    let place = Place::new()
        .env("PORTCULLIS_DATABASE__URL", database.url())
        .env("PORTCULLIS_MASTER_KEY", KEY);
    let doctor = place.run(&["doctor", "--listen", NOBODY, "--json"]);
    assert_eq!(doctor.code, Some(1));
    assert_has(&findings(&doctor.stdout), "database", "action", "0001_initial");

    place.run(&["migrate"]).done();
    let mut server = place.serve(&[]);
    server.wait_for_maintenance();
    let doctor = place.run(&["doctor", "--listen", server.address(), "--nodes", "3"]);
    // The server of the tests need not outlive a power failure.
    assert_eq!(doctor.code, Some(1));
    let text = doctor.stdout.replace(server.address(), "[ADDRESS]");
    same_as_before("doctor_of_postgresql", &text, &place);

    database
        .tamper(
            "DO $$ BEGIN
                 EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
                 EXECUTE format('ALTER DATABASE %I SET statement_timeout = 300', current_database());
                 EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 30', current_database());
             END $$",
        )
        .await;
    let doctor = place.run(&["doctor", "--listen", server.address(), "--nodes", "3", "--json"]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    let found = findings(&doctor.stdout);
    // Our connections set this one themselves, and the doctor asks by one of them.
    assert!(
        !has(&found, "settings", "action", "synchronous_commit"),
        "{found:#?}"
    );
    assert_has(&found, "settings", "advice", "statement_timeout is 300 ms");
    assert_has(
        &found,
        "connections",
        "action",
        "30 by the limit of the database leaves room for 2 nodes",
    );
    assert_has(&found, "issuer", "ok", "has the 2 keys of the database");

    database
        .tamper(
            "DO $$ BEGIN
                 EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());
             END $$",
        )
        .await;
    let doctor = place.run(&["doctor", "--listen", NOBODY, "--json"]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    assert_has(&findings(&doctor.stdout), "database", "action", "takes no writes");
}
