use std::{path::Path, process::Command};

use portcullis_testkit::database::{Engine, TestDatabase};
use serde_json::Value;

use crate::server;

/// Copies so many users, each with a role, a session and three audit events, from SQLite to PostgreSQL and back.
pub(crate) async fn run(users: u32) {
    let binary = server::binary();
    let first = TestDatabase::empty(Engine::Sqlite).await;
    portcullis(&binary, &["migrate", "--database-url", first.url()]);
    first.tamper(seed(users).leak()).await;
    let middle = TestDatabase::empty(Engine::Postgres).await;
    let last = TestDatabase::empty(Engine::Sqlite).await;
    let there = copy("SQLite to PostgreSQL", &binary, &first, &middle);
    let back = copy("PostgreSQL to SQLite", &binary, &middle, &last);
    assert_eq!(there["tables"], back["tables"], "a table came back changed");
    println!("digests of all tables: the same after both");
}

fn copy(direction: &str, binary: &Path, from: &TestDatabase, to: &TestDatabase) -> Value {
    let said = portcullis(
        binary,
        &["copy", "--json", "--from", from.url(), "--to", to.url()],
    );
    let copied: Value = serde_json::from_str(&said).expect("JSON");
    let rows = copied["rows"].as_f64().expect("rows");
    let seconds = copied["seconds"].as_f64().expect("seconds");
    println!(
        "{direction}: {rows} rows in {seconds:.1} s, comparison included: {:.0} rows/s",
        rows / seconds
    );
    copied
}

/// Runs a command to its end; gives what it printed.
pub(crate) fn portcullis(binary: &Path, arguments: &[&str]) -> String {
    let output = Command::new(binary)
        .args(arguments)
        .env_clear()
        .output()
        .expect("it starts");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The numbers as the middle of a UUIDv7, so that rows come in the order of their keys, as they do in life.
fn seed(users: u32) -> String {
    let numbers =
        format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {users})");
    let id = |kind: u8| format!("unhex(printf('01890a5d%08x70{kind:02x}8000000000000000', i))");
    let hash =
        "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$tK1kxwBOsZ/Xj7ZgGSxxMDYTV9lvdJle4NPOUJ9Yiak";
    let events = (2..5).map(|event| {
        format!(
            "{numbers} INSERT INTO portcullis_audit (id, happened_at, kind, actor, subject, address, request_id, detail)
             SELECT {event}, 1700000000000 + i, 'login.succeeded', 'anonymous', {user}, '192.0.2.7',
                    '01890a5d-ac96-774b-bcce-b302099a8057', '{{\"session\":\"' || i || '\"}}' FROM n;",
            event = id(event),
            user = id(0)
        )
    });
    let events: String = events.collect();
    format!(
        "BEGIN;
         {numbers} INSERT INTO portcullis_users (id, email, email_key, name, name_key, password, password_kind, status,
                                                 token_epoch, session_epoch, created_at)
         SELECT {user}, 'User' || i || '@Example.com', 'user' || i || '@example.com', 'User ' || i, 'user ' || i,
                '{hash}', '$argon2id$v=19$m=19456,t=2,p=1', 'active', 1, 1, 1700000000000 + i FROM n;
         {numbers} INSERT INTO portcullis_user_roles (user_id, role) SELECT {user}, 'user' FROM n;
         {numbers} INSERT INTO portcullis_sessions (id, user_id, session_epoch, sealed_salt, counter, address, agent,
                                                    created_at, last_used_at, idle_expires_at, expires_at)
         SELECT {session}, {user}, 1, randomblob(44), 0, '192.0.2.7', 'Mozilla/5.0 (X11; Linux x86_64)',
                1700000000000, 1700000000000, 1900000000000, 1900000000000 FROM n;
         {events}
         COMMIT;",
        user = id(0),
        session = id(1)
    )
}
