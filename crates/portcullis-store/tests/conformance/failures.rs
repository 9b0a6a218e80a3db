//! A database that fails, above all while it commits.

use std::time::Duration;

use portcullis_core::{
    revocation::ChangeKind,
    session::EndReason,
    store::{RoleActError, Store, StoreError, UserFilter},
};
use portcullis_store::{Database, DatabaseOptions};
use portcullis_testkit::{database::TestDatabase, stopwatch::Stopwatch};
use sqlx::Executor as _;

use crate::fixture::{World, at_once, role, waiting};

/// Logs everyone out, and checks that an unknown outcome denies what the act would have voided.
async fn unknown_outcomes(world: &World, users: usize) {
    let mut ids = Vec::new();
    for number in 0..users {
        ids.push(world.user(&format!("u{number}@example.com"), &["user"]).await);
    }
    let results = at_once(users, |number| {
        let (world, id) = (world.clone(), ids[number]);
        async move {
            world
                .store
                .end_all_sessions(&world.context(), id, EndReason::Admin)
                .await
        }
    })
    .await;
    for (result, id) in results.into_iter().zip(ids) {
        let Err(StoreError::OutcomeUnknown { denied, .. }) = result else {
            panic!("{result:?}");
        };
        assert!(
            matches!(denied[..], [ChangeKind::UserEpochs { user, session_epoch, .. }]
                if user == id && session_epoch >= world.now().millis()),
            "{denied:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_a_failed_commit_leaves_the_outcome_of_the_whole_batch_unknown() {
    let db = TestDatabase::sqlite().await;
    let world = World::new(db.store());
    // A foreign key that is checked when the transaction commits, and does not hold.
    db.tamper(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY);
         CREATE TABLE broken (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER break_it AFTER INSERT ON portcullis_changes
         BEGIN INSERT INTO broken VALUES (1); END;",
    )
    .await;
    unknown_outcomes(&world, 12).await;
    let feed = world.store.load_feed(world.now()).await.unwrap();
    assert_eq!(feed.changes, []);
    db.tamper("DROP TRIGGER break_it").await;
    // The writer has a new connection.
    let id = world.user("ada@example.com", &["user"]).await;
    let written = world
        .store
        .end_all_sessions(&world.context(), id, EndReason::Admin)
        .await
        .unwrap();
    assert_eq!(written.changes[0].n, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_roles_that_never_came_to_be_are_not_remembered() {
    let db = TestDatabase::sqlite().await;
    let world = World::new(db.store());
    world.put_role("editor", &["write"], &[]).await;
    let id = world.user("ada@example.com", &["editor"]).await;
    db.tamper(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY);
         CREATE TABLE broken (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER break_it AFTER INSERT ON portcullis_changes
         BEGIN INSERT INTO broken VALUES (1); END;",
    )
    .await;
    // One transaction: new roles, an act that reads them, and a COMMIT that fails.
    world.pass(1);
    let mut held = db.sqlite_connection().await;
    held.execute("BEGIN IMMEDIATE").await.unwrap();
    let edit = {
        let world = world.clone();
        tokio::spawn(async move {
            let lost = role("editor", &["lost"], &[]);
            world.store.put_role(&world.context(), lost).await.map(|_| ())
        })
    };
    tokio::task::yield_now().await;
    let login = {
        let (world, epoch) = (world.clone(), world.standing(id).await.session_epoch);
        tokio::spawn(async move {
            let act = world.open_act(id, epoch);
            world.store.open_session(&world.context(), act).await.map(|_| ())
        })
    };
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    held.execute("ROLLBACK").await.unwrap();
    assert!(matches!(
        edit.await.unwrap(),
        Err(RoleActError::Store(StoreError::OutcomeUnknown { .. }))
    ));
    assert!(login.await.unwrap().is_err());

    db.tamper("DROP TRIGGER break_it").await;
    // Another process gives the same epoch again, to other roles.
    let other = Database::open(&db.options()).await.unwrap();
    let real = role("editor", &["real"], &[]);
    let written = other.put_role(&world.context(), real).await.unwrap();
    assert!(
        matches!(written.changes[0].kind, ChangeKind::RoleEdited { roles_epoch, .. }
        if roles_epoch == world.now().millis())
    );
    other.close().await;
    let scopes = world.standing(id).await.user.scopes;
    assert_eq!(
        scopes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["real"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_a_connection_that_breaks_at_commit_leaves_the_outcome_unknown() {
    let db = TestDatabase::postgres().await;
    let world = World::new(db.store());
    db.tamper(
        "CREATE FUNCTION break_it() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
         CREATE CONSTRAINT TRIGGER break_it AFTER INSERT ON portcullis_changes DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION break_it();",
    )
    .await;
    unknown_outcomes(&world, 4).await;
    db.tamper("DROP TRIGGER break_it ON portcullis_changes").await;
    let id = world.user("ada@example.com", &["user"]).await;
    let _ = world
        .store
        .end_all_sessions(&world.context(), id, EndReason::Admin)
        .await
        .unwrap();
}

#[tokio::test]
async fn postgres_an_act_that_met_another_is_run_again() {
    let db = TestDatabase::postgres().await;
    let world = World::new(db.store());
    // Fails twice; a sequence does not roll back. Once while it runs, once when it commits.
    db.tamper(
        "CREATE SEQUENCE tries;
         CREATE FUNCTION meet() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN IF nextval(''tries'') < 3 THEN
              RAISE EXCEPTION USING ERRCODE = ''40001''; END IF; RETURN NULL; END';
         CREATE TRIGGER meet AFTER INSERT ON portcullis_audit FOR EACH ROW EXECUTE FUNCTION meet();
         CREATE CONSTRAINT TRIGGER meet_late AFTER INSERT ON portcullis_users DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION meet();",
    )
    .await;
    world.user("ada@example.com", &["user"]).await;
    assert_eq!(world.store.users(&UserFilter::default()).await.unwrap().len(), 1);
    assert_eq!(world.events().await, 1);
}

#[tokio::test]
async fn postgres_an_act_that_always_meets_another_gives_up() {
    let db = TestDatabase::postgres().await;
    let world = World::new(db.store());
    db.tamper(
        "CREATE FUNCTION meet() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN RAISE EXCEPTION USING ERRCODE = ''40P01''; END';
         CREATE TRIGGER meet AFTER INSERT ON portcullis_meta FOR EACH ROW EXECUTE FUNCTION meet();",
    )
    .await;
    let result = world.store.set_meta("k", "v").await;
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    assert_eq!(world.store.meta("k").await.unwrap(), None);
}

#[tokio::test]
async fn postgres_a_statement_that_takes_too_long_is_given_up() {
    let db = TestDatabase::postgres().await;
    let options = DatabaseOptions {
        timeout: Duration::from_millis(200),
        ..db.options()
    };
    let store = Database::open(&options).await.unwrap();
    store.set_meta("k", "v").await.unwrap();
    let mut held = db.postgres_connection().await;
    held.execute("BEGIN; UPDATE portcullis_meta SET value = 'held'")
        .await
        .unwrap();
    let result = store.set_meta("k", "new").await;
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    held.execute("ROLLBACK").await.unwrap();
    assert_eq!(store.meta("k").await.unwrap().as_deref(), Some("v"));
    store.set_meta("k", "new").await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn postgres_the_feed_is_read_however_busy_the_rest_is() {
    let db = TestDatabase::postgres().await;
    let options = DatabaseOptions {
        max_connections: 2,
        timeout: Duration::from_secs(2),
        ..db.options()
    };
    let store = Database::open(&options).await.unwrap();
    store.set_meta("k", "v").await.unwrap();
    let world = World::new(store.clone());
    let mut held = db.postgres_connection().await;
    held.execute("BEGIN; UPDATE portcullis_meta SET value = 'held'")
        .await
        .unwrap();
    let stuck: Vec<_> = (0..2)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.set_meta("k", "new").await })
        })
        .collect();
    // Both connections wait at the row.
    while waiting(&mut held).await < 2 {}
    let feed = world.store.load_feed(world.now()).await.unwrap();
    assert_eq!(feed.changes, []);
    // A balancer that took out every node whose pool is busy would leave none.
    world.store.ping().await.unwrap();
    assert!(world.store.database_time().await.unwrap().is_some());
    held.execute("COMMIT").await.unwrap();
    for act in stuck {
        act.await.unwrap().unwrap();
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_a_slow_database_refuses_rather_than_piling_up() {
    let db = TestDatabase::postgres().await;
    let options = DatabaseOptions {
        max_connections: 2,
        queue: 8,
        timeout: Duration::from_millis(500),
        ..db.options()
    };
    let store = Database::open(&options).await.unwrap();
    store.set_meta("k", "v").await.unwrap();
    let mut held = db.postgres_connection().await;
    held.execute("BEGIN; LOCK TABLE portcullis_meta IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let waited = Stopwatch::start();
    let results = at_once(200, |number| {
        let store = store.clone();
        async move {
            let result = if number % 2 == 0 {
                store.meta("k").await.map(drop)
            } else {
                store.set_meta("k", "w").await
            };
            (result, waited.elapsed())
        }
    })
    .await;
    let all = waited.elapsed();
    let crowded = |error: &StoreError| error.to_string().contains("too many wait");
    let at_once = results
        .iter()
        .filter(|(result, _)| result.as_ref().is_err_and(crowded))
        .count();
    assert!(
        results
            .iter()
            .all(|(result, _)| matches!(result, Err(StoreError::Unavailable(_))))
    );
    assert_eq!(
        at_once, 190,
        "two are stuck, eight wait, the rest is told at once"
    );
    assert!(all < Duration::from_secs(3), "{all:?}");
    held.execute("ROLLBACK").await.unwrap();
    assert_eq!(store.meta("k").await.unwrap().as_deref(), Some("v"));
    store.close().await;
}
