use std::fs;

use portcullis_testkit::{
    client::Client,
    database::{Engine, TestDatabase},
    people::{self, Member},
};
use serde_json::Value;

use crate::harness::{Place, mode};

const ISSUER: &str = "https://auth.example.test";
const PASSPHRASE: &str = "a passphrase of operators\n";

fn place() -> Place {
    let place = Place::new()
        .env("PORTCULLIS_TOKEN__ISSUER", ISSUER)
        .env("PORTCULLIS_LIMITS__ENABLED", "false");
    place.write("passphrase", PASSPHRASE);
    place
}

/// Backs up an installation that is being served, and restores it elsewhere, where there is another master key.
async fn there_and_back(from: Place, flags: &[&str], to: Place, to_flags: &[&str]) {
    let server = from.serve(flags);
    let client = Client::new(server.url());
    let eva = Member::register(&client, "eva").await;
    let made = from.run_with(
        &[&["backup", "backup.pcb"][..], &flags_of_data(flags)].concat(),
        PASSPHRASE,
    );
    assert!(
        made.code == Some(0) && made.stderr.contains("1 users") && made.stderr.contains("not inside"),
        "{made:?}"
    );
    let file = from.path("backup.pcb");
    assert_eq!(mode(&file), 0o600);
    let bytes = fs::read(&file).unwrap();
    for secret in ["eva@example.com", "argon2id$v"] {
        assert!(
            !bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
        );
    }
    let audit = from
        .run(&[&["audit", "--kind", "database."][..], &flags_of_data(flags)].concat())
        .done();
    assert!(
        audit.contains("database.backed_up") && audit.contains("operator"),
        "{audit}"
    );
    // What happens after it is not in it.
    Member::register(&client, "late").await;
    server.terminate();

    fs::copy(&file, to.path("backup.pcb")).unwrap();
    let seen = to
        .run(&[
            "restore",
            "backup.pcb",
            "--check",
            "--passphrase-file",
            "passphrase",
        ])
        .done();
    assert!(
        seen.starts_with("1 users in a backup of 2") && seen.contains("whole and readable"),
        "{seen}"
    );
    assert!(!to.path("portcullis-data").exists(), "a check makes nothing");
    let restored = to.run_with(
        &[&["restore", "backup.pcb", "--json"][..], &flags_of_data(to_flags)].concat(),
        PASSPHRASE,
    );
    let report: Value = serde_json::from_str(&restored.done()).unwrap();
    assert_eq!(report["users"], 1);

    let server = to.serve(to_flags);
    let client = Client::new(server.url());
    client
        .bearer(&eva.tokens.access_token)
        .get("/me")
        .await
        .expect(401);
    people::refresh(&client, &eva.tokens.refresh_token)
        .await
        .expect(401);
    people::login(&client, "late@example.com", &eva.password)
        .await
        .expect(401);
    let again = Member::login(&client, &eva.email, &eva.password).await;
    assert_eq!(again.id, eva.id);
    again.me().await.expect(200);
    let audit = to
        .run(&[&["audit", "--kind", "database."][..], &flags_of_data(to_flags)].concat())
        .done();
    assert!(audit.contains("database.restored"), "{audit}");
}

/// Flags of `serve` that other commands have as well.
fn flags_of_data<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    flags
        .iter()
        .copied()
        .filter(|flag| *flag != "--migrate")
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_restored_into_postgres() {
    let postgres = TestDatabase::empty(Engine::Postgres).await;
    there_and_back(place(), &[], place(), &["--database-url", postgres.url()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_restored_into_a_file() {
    let postgres = TestDatabase::empty(Engine::Postgres).await;
    let url = ["--database-url", postgres.url(), "--migrate"];
    there_and_back(place(), &url, place(), &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_carries_it() {
    let from = place();
    from.serve(&[]).terminate();
    from.run(&["user", "add", "eva@example.com", "--no-password"]);
    let script = format!(
        "{binary} backup --passphrase-file passphrase - | {binary} restore --passphrase-file passphrase --data-dir other -",
        binary = env!("CARGO_BIN_EXE_portcullis")
    );
    let said = from.shell(&script).done();
    assert!(said.starts_with("Restored 1 users from a backup of "), "{said}");
    assert_eq!(mode(&from.path("other")), 0o700);
    let users = from.run(&["user", "list", "--data-dir", "other"]).failed();
    assert!(users.contains("no master key"), "{users}");
    from.serve(&["--data-dir", "other"]).terminate();
    let users = from.run(&["user", "list", "--data-dir", "other"]).done();
    assert!(users.contains("eva@example.com"), "{users}");
}

#[test]
fn what_cannot_be_backed_up_or_restored_is_told() {
    let from = place();
    let said = from.run_with(&["backup", "b"], PASSPHRASE).failed();
    assert!(said.contains("there is no data folder"), "{said}");
    from.serve(&[]).terminate();
    let said = from.run_with(&["backup", "b"], "too short\n").failed();
    assert!(said.contains("at least 12 characters"), "{said}");
    let said = from.run_with(&["backup", "b"], "").failed();
    assert!(said.contains("on stdin"), "{said}");
    let said = from.run_with(&["backup", "no/where"], PASSPHRASE).failed();
    assert!(said.contains("no/where.partial cannot be written"), "{said}");
    assert!(!from.path("b").exists() && !from.path("b.partial").exists());
    from.run_with(&["backup", "b"], PASSPHRASE).done();
    let said = from.run_with(&["backup", "b"], PASSPHRASE).failed();
    assert!(said.contains("b is there already"), "{said}");

    let restore = |file: &str, passphrase: &str| {
        from.run_with(&["restore", file, "--data-dir", "other"], passphrase)
            .failed()
    };
    let said = restore("b", "a passphrase of strangers\n");
    assert!(said.contains("the passphrase is not the one"), "{said}");
    let said = restore("passphrase", PASSPHRASE);
    assert!(said.contains("no backup of Portcullis"), "{said}");
    let bytes = fs::read(from.path("b")).unwrap();
    fs::write(from.path("short"), &bytes[..bytes.len() - 100]).unwrap();
    let said = restore("short", PASSPHRASE);
    assert!(said.contains("ends too early"), "{said}");
    let mut damaged = bytes.clone();
    damaged[bytes.len() - 100] ^= 1;
    fs::write(from.path("damaged"), damaged).unwrap();
    let said = restore("damaged", PASSPHRASE);
    assert!(said.contains("damaged"), "{said}");
    // What the damaged one left is no database, and goes when a whole one comes.
    let said = from
        .run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", "other"])
        .failed();
    assert!(said.contains("is not complete"), "{said}");
    from.run_with(&["restore", "b", "--data-dir", "other"], PASSPHRASE)
        .done();
    let said = restore("b", PASSPHRASE);
    assert!(said.contains("not empty"), "{said}");

    let _server = from.serve(&["--data-dir", "served"]);
    let said = from
        .run_with(&["restore", "b", "--data-dir", "served"], PASSPHRASE)
        .failed();
    assert!(said.contains("already served by process"), "{said}");
    assert_eq!(from.run_with(&["restore", "-"], PASSPHRASE).code, Some(2));
    assert_eq!(
        from.run_with(&["backup", "-", "--json"], PASSPHRASE).code,
        Some(2)
    );
}
