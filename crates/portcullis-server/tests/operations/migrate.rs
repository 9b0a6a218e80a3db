use portcullis_testkit::database::{Engine, TestDatabase};

use crate::harness::Place;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A place on a PostgreSQL database without tables.
pub(crate) async fn on_postgres() -> (TestDatabase, Place) {
    let database = TestDatabase::empty(Engine::Postgres).await;
    let place = Place::new()
        .env("PORTCULLIS_DATABASE__URL", database.url())
        .env("PORTCULLIS_MASTER_KEY", KEY);
    (database, place)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_database_is_migrated_when_someone_says_so() {
    let (_database, place) = on_postgres().await;
    let said = place.run(&["serve", "--listen", "127.0.0.1:0"]).failed();
    assert!(
        said.contains("0001_initial")
            && said.contains("`portcullis migrate`")
            && said.contains("`portcullis serve --migrate`"),
        "{said}"
    );
    let said = place.run(&["user", "list"]).failed();
    assert!(said.contains("`portcullis migrate`"), "{said}");
    let check = place.run(&["check"]);
    assert!(
        check.code == Some(1) && check.stderr.contains("`portcullis migrate`"),
        "{check:?}"
    );

    let said = place.run(&["migrate", "--check"]).failed();
    assert!(said.contains("0001_initial, 0002_"), "{said}");
    let pending = place.run(&["migrate", "--check", "--json"]);
    assert_eq!(pending.code, Some(1));
    assert!(pending.stdout.contains("\"0001_initial\""), "{pending:?}");
    let sql = place.run(&["migrate", "--dry-run"]).done();
    assert!(
        sql.contains("CREATE TABLE portcullis_users") && sql.contains("UUID PRIMARY KEY"),
        "{sql}"
    );
    place.run(&["migrate", "--check"]).failed();

    let done = place.run(&["migrate"]).done();
    assert!(done.starts_with("Applied 0001_initial, "), "{done}");
    assert_eq!(place.run(&["migrate"]).done(), "The database is up to date.\n");
    assert_eq!(
        place.run(&["migrate", "--check", "--json"]).done(),
        "{\n  \"pending\": []\n}\n"
    );
    assert_eq!(place.run(&["migrate", "--dry-run"]).done(), "");
    let server = place.serve(&[]);
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_migrate_once() {
    let (_database, place) = on_postgres().await;
    let servers: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| place.serve(&["--migrate"])))
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    for server in &servers {
        assert!(server.get("/readyz").starts_with("HTTP/1.1 200 "));
    }
    place.run(&["migrate", "--check"]).done();
}

#[test]
fn a_file_is_brought_up_to_date_by_itself() {
    let place = Place::new();
    let said = place.run(&["migrate"]).failed();
    assert!(said.contains("there is no data folder"), "{said}");
    place.serve(&[]).terminate();
    place.run(&["migrate", "--check"]).done();

    let file = place.path("other.db");
    let url = format!("sqlite:{}", file.display());
    let said = place
        .run(&["migrate", "--check", "--database-url", &url])
        .failed();
    assert!(said.contains("0001_initial"), "{said}");
    assert!(!file.exists(), "looking makes no file");
    let done = place.run(&["migrate", "--database-url", &url]).done();
    assert!(
        done.starts_with("Applied 0001_initial, ") && file.exists(),
        "{done}"
    );
    place.run(&["migrate", "--check", "--database-url", &url]).done();
}
