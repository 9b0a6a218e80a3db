use portcullis_testkit::{
    client::Client,
    database::{Engine, TestDatabase},
    people::Member,
};
use serde_json::Value;

use crate::harness::Place;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const ISSUER: &str = "https://auth.example.test";

/// A place whose servers have one master key and one issuer, whatever their database is.
fn place() -> Place {
    Place::new()
        .env("PORTCULLIS_MASTER_KEY", KEY)
        .env("PORTCULLIS_TOKEN__ISSUER", ISSUER)
        .env("PORTCULLIS_LIMITS__ENABLED", "false")
}

fn url(database: &TestDatabase) -> [&str; 2] {
    ["--database-url", database.url()]
}

fn copy(place: &Place, from: &TestDatabase, to: &TestDatabase) -> Value {
    let done = place
        .run(&["copy", "--from", from.url(), "--to", to.url(), "--json"])
        .done();
    serde_json::from_str(&done).unwrap()
}

fn rows(copied: &Value, table: &str) -> u64 {
    let tables = copied["tables"].as_array().unwrap();
    let found = tables.iter().find(|row| row["table"] == table).unwrap();
    found["rows"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_go_on_after_a_move_and_after_the_move_back() {
    let place = place();
    let (sqlite, postgres) = (
        TestDatabase::empty(Engine::Sqlite).await,
        TestDatabase::empty(Engine::Postgres).await,
    );
    let server = place.serve(&url(&sqlite));
    let member = Member::register(&Client::new(server.url()), "eva").await;
    assert_eq!(server.terminate(), Some(0));

    let there = copy(&place, &sqlite, &postgres);
    assert_eq!(rows(&there, "portcullis_users"), 1);
    assert_eq!(rows(&there, "portcullis_sessions"), 1);
    let server = place.serve(&url(&postgres));
    let client = Client::new(server.url());
    client
        .bearer(&member.tokens.access_token)
        .get("/me")
        .await
        .expect(200);
    let member = Member::from_tokens(&client, &member.email, &member.password, member.tokens);
    let member = member.refreshed().await;
    member.again().await;
    assert_eq!(server.terminate(), Some(0));

    let back = TestDatabase::empty(Engine::Sqlite).await;
    let said = place
        .run(&["copy", "--from", postgres.url(), "--to", back.url()])
        .done();
    assert!(
        said.contains("portcullis_sessions")
            && said.contains("Both sides are the same.")
            && said.contains("rows/s"),
        "{said}"
    );
    let server = place.serve(&url(&back));
    let client = Client::new(server.url());
    let member = Member::from_tokens(&client, &member.email, &member.password, member.tokens);
    member.me().await.expect(200);
    member.refreshed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_was_killed_goes_on() {
    let place = place();
    let sqlite = TestDatabase::empty(Engine::Sqlite).await;
    place.serve(&url(&sqlite)).terminate();
    // More than fit into one transaction.
    sqlite
        .tamper(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
             INSERT INTO portcullis_users (id, email, email_key, name, name_key, status, token_epoch, session_epoch, created_at)
             SELECT randomblob(16), 'user' || i || '@example.com', 'user' || i || '@example.com', 'U', 'u', 'active', 1, 1, i
             FROM n",
        )
        .await;
    let postgres = TestDatabase::empty(Engine::Postgres).await;
    place.run(&[&["migrate"][..], &url(&postgres)].concat()).done();
    // Stops at the second thousand, for as long as the test wants.
    postgres
        .tamper(
            "CREATE TABLE gate (id INTEGER PRIMARY KEY);
             INSERT INTO gate VALUES (1);
             CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN IF (SELECT COUNT(*) FROM portcullis_users) > 2500 THEN PERFORM * FROM gate FOR UPDATE; END IF;
              RETURN NULL; END';
             CREATE TRIGGER wait AFTER INSERT ON portcullis_users FOR EACH STATEMENT EXECUTE FUNCTION wait();",
        )
        .await;
    let mut held = postgres.postgres_connection().await;
    sqlx::raw_sql("BEGIN; SELECT * FROM gate FOR UPDATE")
        .execute(&mut held)
        .await
        .unwrap();
    let mut begun = place.begin(&["copy", "--from", sqlite.url(), "--to", postgres.url()]);
    while postgres
        .number("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        .await
        == 0
    {
        assert!(begun.is_running(), "the copy ended before it was interrupted");
    }
    begun.kill();
    sqlx::raw_sql("ROLLBACK").execute(&mut held).await.unwrap();
    let there = postgres.number("SELECT COUNT(*) FROM portcullis_users").await;
    assert!((1..5000).contains(&there), "{there}");

    // A part is not taken for the whole, neither to be served nor to be copied over.
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["user", "list"]] {
        let said = place.run(&[command, &url(&postgres)].concat()).failed();
        assert!(
            said.contains("is not complete") && said.contains("run it again"),
            "{said}"
        );
    }
    let copied = copy(&place, &sqlite, &postgres);
    assert_eq!(rows(&copied, "portcullis_users"), 5000);
    assert!(copied["rows"].as_u64().unwrap() < 5000, "{copied}");
    assert_eq!(
        postgres.number("SELECT COUNT(*) FROM portcullis_users").await,
        5000
    );
    let server = place.serve(&url(&postgres));
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_not_be_copied_is_told() {
    let place = place();
    let file = place.path("portcullis-data/portcullis.db");
    let from = format!("sqlite:{}", file.display());
    let postgres = TestDatabase::empty(Engine::Postgres).await;
    let copy = |to: &str| place.run(&["copy", "--from", &from, "--to", to]).failed();
    let said = copy(postgres.url());
    assert!(said.contains("the source: cannot open"), "{said}");

    let server = place.serve(&[]);
    let said = copy(postgres.url());
    assert!(said.contains("already served by process"), "{said}");
    server.terminate();

    let other = TestDatabase::open(Engine::Sqlite).await;
    place.serve(&url(&other)).terminate();
    let said = copy(other.url());
    assert!(said.contains("the target is not empty"), "{said}");
    let said = copy(&from);
    assert!(said.contains("the same database"), "{said}");
    let said = copy("postgres://u:PLANTED@127.0.0.1:1/db");
    assert!(
        said.contains("the target: cannot connect") && !said.contains("PLANTED"),
        "{said}"
    );
    let said = copy("mysql://u:PLANTED@127.0.0.1:1/db");
    assert!(
        said.contains("neither `sqlite:` nor") && !said.contains("PLANTED"),
        "{said}"
    );
}
