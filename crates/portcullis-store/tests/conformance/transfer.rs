//! Whole databases moved between the engines.

use std::time::Duration;

use portcullis_core::{
    archive::{ArchiveError, ArchiveReader, ArchiveWriter, Cell, Header},
    audit::kind,
    password::Password,
    rng::SystemRng,
    session::EndReason,
    store::{AttemptKey, RefreshOutcome, Store as _, UNFINISHED},
    user::UserStatus,
};
use portcullis_store::{
    Database, DatabaseOptions,
    transfer::{Copied, Progress, Tables, TransferError, backup, copy, restore},
};
use portcullis_testkit::database::{Engine, TestDatabase};

use crate::fixture::World;

const DIRECTIONS: [(Engine, Engine); 4] = [
    (Engine::Sqlite, Engine::Postgres),
    (Engine::Postgres, Engine::Sqlite),
    (Engine::Sqlite, Engine::Sqlite),
    (Engine::Postgres, Engine::Postgres),
];

/// An installation with something in each table.
async fn lived_in(engine: Engine) -> (TestDatabase, World) {
    let database = TestDatabase::open(engine).await;
    let world = World::new(database.store());
    world.put_role("editor", &["write"], &["user"]).await;
    for number in 0..5 {
        let roles = if number == 0 {
            &["admin", "editor"][..]
        } else {
            &["user"]
        };
        let id = world.user(&format!("Zo\u{eb}{number}@example.com"), roles).await;
        let session = world.login(id).await;
        world.carry_on(&world.token(&session)).await;
        world.login(id).await;
    }
    let mut without = world.new_user("none@example.com", &[]);
    without.password = None;
    without.status = UserStatus::Disabled;
    let id = world.create(without).await.unwrap().standing.user.id;
    let _ = world
        .store
        .end_all_sessions(&world.context(), id, EndReason::Admin)
        .await
        .unwrap();
    world.signed_in_by_a_provider("someone").await;
    for bucket in [[1; 16], [255; 16]] {
        world
            .store
            .count_attempt(&AttemptKey(bucket), world.now())
            .await
            .unwrap();
    }
    world
        .store
        .meta_or_insert("master_key", "the fingerprint")
        .await
        .unwrap();
    (database, world)
}

fn rows(copied: &Copied, table: &str) -> u64 {
    let found = copied.tables.iter().find(|(name, _)| *name == table);
    found.expect("the table").1.rows
}

async fn run(from: &DatabaseOptions, to: &DatabaseOptions) -> Result<Copied, TransferError> {
    copy(from, to, &SystemRng, &mut |_| {}).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_the_same_installation() {
    for (from, to) in DIRECTIONS {
        let (source, world) = lived_in(from).await;
        let target = TestDatabase::empty(to).await;
        let id = world.user("ada@example.com", &["user"]).await;
        let session = world.login(id).await;
        let token = world.token(&session);

        let (mut total, mut moved, mut compared) = (0, 0, 0);
        let mut comparing = false;
        let copied = copy(
            &source.options(),
            &target.options(),
            &SystemRng,
            &mut |step| match step {
                Progress::Total(rows) => total = rows,
                Progress::Rows(rows) if comparing => compared += rows,
                Progress::Rows(rows) => moved += rows,
                Progress::Comparing(_) => comparing = true,
                _ => {}
            },
        )
        .await
        .unwrap();
        assert_eq!((moved, compared), (total, total));
        assert_eq!(copied.written, total);
        assert_eq!(rows(&copied, "portcullis_users"), 8);
        assert_eq!(rows(&copied, "portcullis_sessions"), 12);
        assert_eq!(rows(&copied, "portcullis_roles"), 3);
        for (table, digested) in &copied.tables {
            assert!(
                digested.rows > 0 || *table == "portcullis_keys",
                "{table} is not tested"
            );
        }

        // Nobody notices.
        let there = world.on(Database::open(&target.options()).await.unwrap());
        assert_eq!(there.store.meta(UNFINISHED).await.unwrap(), None);
        let (next, standing) = there.carry_on(&token).await;
        assert_eq!(standing, world.standing(id).await);
        there.pass(60);
        assert!(
            matches!(there.refresh(&token).await, RefreshOutcome::Ended { .. }),
            "theft is noticed"
        );
        assert_eq!(next.user, id);
        let (before, after) = (
            world.store.load_feed(world.now()).await.unwrap(),
            there.store.load_feed(there.now()).await.unwrap(),
        );
        // One more: the session that was just ended.
        assert_eq!(after.changes.len(), before.changes.len() + 1);
        assert!(before.changes.iter().all(|change| after.changes.contains(change)));
        there.user("new@example.com", &["editor"]).await;
        there.store.close().await;

        // And back, into a third one: the digests do not depend on the engine.
        let again = TestDatabase::empty(from).await;
        let twice = run(&source.options(), &again.options()).await.unwrap();
        assert_eq!(twice.tables, copied.tables);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_copy_goes_on() {
    for (from, to) in DIRECTIONS {
        let (source, _world) = lived_in(from).await;
        let target = TestDatabase::open(to).await;
        // The last table but some cannot be written.
        match to {
            Engine::Sqlite => {
                target
                    .tamper(
                        "CREATE TRIGGER full BEFORE INSERT ON portcullis_sessions WHEN NEW.counter = 1
                         BEGIN SELECT RAISE(ABORT, 'the disk is full'); END;",
                    )
                    .await;
            }
            Engine::Postgres => {
                target
                    .tamper("ALTER TABLE portcullis_sessions ADD CONSTRAINT full_disk CHECK (counter < 1)")
                    .await;
            }
        }
        let stopped = run(&source.options(), &target.options()).await;
        assert!(matches!(stopped, Err(TransferError::Target(_))), "{stopped:?}");
        // A part is not taken for the whole.
        let part = Database::open(&target.options()).await.unwrap();
        assert!(part.meta(UNFINISHED).await.unwrap().is_some());
        part.close().await;
        let nested = TestDatabase::empty(Engine::Sqlite).await;
        let refused = run(&target.options(), &nested.options()).await;
        assert!(
            matches!(refused, Err(TransferError::SourceUnfinished { .. })),
            "{refused:?}"
        );
        let (other, other_world) = lived_in(from).await;
        other_world.store.set_meta("master_key", "another").await.unwrap();
        let refused = run(&other.options(), &target.options()).await;
        assert!(
            matches!(refused, Err(TransferError::OtherAct { .. })),
            "{refused:?}"
        );

        match to {
            Engine::Sqlite => target.tamper("DROP TRIGGER full").await,
            Engine::Postgres => {
                target
                    .tamper("ALTER TABLE portcullis_sessions DROP CONSTRAINT full_disk")
                    .await;
            }
        }
        let copied = run(&source.options(), &target.options()).await.unwrap();
        let all: u64 = copied.tables.iter().map(|(_, digested)| digested.rows).sum();
        assert!(copied.written > 0 && copied.written < all - rows(&copied, "portcullis_users"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_changed_between_two_runs_is_noticed() {
    let (source, world) = lived_in(Engine::Sqlite).await;
    let target = TestDatabase::open(Engine::Postgres).await;
    target
        .tamper("ALTER TABLE portcullis_audit ADD CONSTRAINT full_disk CHECK (kind = '')")
        .await;
    run(&source.options(), &target.options()).await.unwrap_err();
    target
        .tamper("ALTER TABLE portcullis_audit DROP CONSTRAINT full_disk")
        .await;
    let id = world.user("late@example.com", &["user"]).await;
    world.login(id).await;
    let error = run(&source.options(), &target.options()).await.unwrap_err();
    let TransferError::Differ { tables } = &error else {
        panic!("{error}")
    };
    assert_eq!(
        tables,
        &["portcullis_users", "portcullis_user_roles", "portcullis_sessions"]
    );
    assert!(error.to_string().contains("portcullis_users, "), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_empty_target_is_taken() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (source, world) = lived_in(engine).await;
        let same = run(&source.options(), &source.options()).await;
        assert!(matches!(same, Err(TransferError::Same)), "{same:?}");
        let (full, _) = lived_in(engine).await;
        let refused = run(&source.options(), &full.options()).await;
        assert!(
            matches!(refused, Err(TransferError::NotEmpty { .. })),
            "{refused:?}"
        );
        // One role that was edited.
        let touched = TestDatabase::open(engine).await;
        let other = World::new(touched.store());
        other.pass(1);
        other.put_role("user", &["me", "more"], &[]).await;
        touched
            .tamper("DELETE FROM portcullis_audit; DELETE FROM portcullis_changes;")
            .await;
        let refused = run(&source.options(), &touched.options()).await;
        assert!(
            matches!(
                refused,
                Err(TransferError::NotEmpty {
                    table: "portcullis_roles"
                })
            ),
            "{refused:?}"
        );
        // The source is as it was.
        world.user("new@example.com", &["user"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemas_of_another_version_are_refused() {
    let later = "INSERT INTO portcullis_migrations (number, name, checksum) VALUES (99, '0099_later', 'x')";
    let (source, _world) = lived_in(Engine::Sqlite).await;
    let target = TestDatabase::open(Engine::Postgres).await;
    target.tamper(later).await;
    let refused = run(&source.options(), &target.options()).await;
    assert!(
        matches!(refused, Err(TransferError::Newer { side: "target" })),
        "{refused:?}"
    );
    source.tamper(later).await;
    let refused = run(&source.options(), &target.options()).await;
    assert!(
        matches!(refused, Err(TransferError::Newer { side: "source" })),
        "{refused:?}"
    );
    let empty = TestDatabase::empty(Engine::Postgres).await;
    let refused = run(&empty.options(), &target.options()).await;
    assert!(
        matches!(refused, Err(TransferError::Older { side: "source", .. })),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_does_not_come_to_rest_is_told() {
    let (source, _world) = lived_in(Engine::Sqlite).await;
    let mut held = source.sqlite_connection().await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut held).await.unwrap();
    let target = TestDatabase::empty(Engine::Postgres).await;
    let options = DatabaseOptions {
        timeout: Duration::from_millis(100),
        ..source.options()
    };
    let refused = run(&options, &target.options()).await;
    assert!(matches!(refused, Err(TransferError::SourceBusy)), "{refused:?}");
}

fn passphrase() -> Password {
    Password::new("a passphrase of tests")
}

fn archive(world: &World) -> ArchiveWriter<Vec<u8>> {
    let header = Header {
        created_at: world.now(),
        version: "0.1.0".to_owned(),
        engine: "sqlite".to_owned(),
    };
    ArchiveWriter::new(Vec::new(), &header, &passphrase(), &SystemRng).unwrap()
}

async fn back_up(world: &World, from: &DatabaseOptions) -> (Vec<u8>, Tables) {
    let mut archive = archive(world);
    let tables = backup(from, &mut archive, &mut |_| {}).await.unwrap();
    (archive.finish().unwrap(), tables)
}

async fn put_back(world: &World, bytes: &[u8], to: &DatabaseOptions) -> Result<Tables, TransferError> {
    let mut archive = ArchiveReader::open(bytes)?.unlock(&passphrase())?;
    let event = world.context().event(kind::RESTORED, None, serde_json::json!({}));
    restore(&mut archive, to, &event, &SystemRng, &mut |_| {}).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_backup_is_the_same_users_without_sessions() {
    for (from, to) in DIRECTIONS {
        let (source, world) = lived_in(from).await;
        let id = world.user("ada@example.com", &["editor"]).await;
        let token = world.token(&world.login(id).await);
        let (bytes, written) = back_up(&world, &source.options()).await;
        // After the backup.
        world.user("late@example.com", &["user"]).await;

        let target = TestDatabase::empty(to).await;
        let restored = put_back(&world, &bytes, &target.options()).await.unwrap();
        assert_eq!(restored, written);
        let there = world.on(Database::open(&target.options()).await.unwrap());
        assert_eq!(there.standing(id).await, world.standing(id).await);
        let email = crate::fixture::key("ada@example.com");
        let (credentials, before) = (
            there.store.credentials_by_email(&email).await.unwrap().unwrap(),
            world.store.credentials_by_email(&email).await.unwrap().unwrap(),
        );
        assert_eq!(
            credentials.password.unwrap().expose(),
            before.password.unwrap().expose()
        );
        let late = crate::fixture::key("late@example.com");
        assert!(there.store.user_by_email(&late).await.unwrap().is_none());
        assert!(matches!(there.refresh(&token).await, RefreshOutcome::Refused(_)));
        assert!(there.store.sessions(id, there.now()).await.unwrap().is_empty());
        assert!(there.store.keys().await.unwrap().keys.is_empty());
        assert_eq!(there.store.meta("master_key").await.unwrap(), None);
        assert_eq!(there.last_event().await.kind, kind::RESTORED);
        there.user("new@example.com", &["editor"]).await;
        there.store.close().await;
        let again = put_back(&world, &bytes, &target.options()).await;
        assert!(matches!(again, Err(TransferError::NotEmpty { .. })), "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_restore_is_no_database_and_is_done_again() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (source, world) = lived_in(engine).await;
        // More than one piece, so that there is something before the damage.
        for number in 0..20 {
            let random: [u8; 8_000] = portcullis_core::rng::bytes(&SystemRng);
            let text: String = random.iter().map(|byte| char::from(byte % 64 + 48)).collect();
            world.store.set_meta(&number.to_string(), &text).await.unwrap();
        }
        let (bytes, written) = back_up(&world, &source.options()).await;
        let target = TestDatabase::empty(engine).await;
        let cut = put_back(&world, &bytes[..bytes.len() - 1], &target.options()).await;
        assert!(
            matches!(cut, Err(TransferError::Archive(ArchiveError::Damaged))),
            "{cut:?}"
        );
        let part = Database::open(&target.options()).await.unwrap();
        assert!(part.meta(UNFINISHED).await.unwrap().is_some());
        part.close().await;
        let restored = put_back(&world, &bytes, &target.options()).await.unwrap();
        assert_eq!(restored, written);
    }
}

/// Tables that are replaced as a whole are held at once, and what packs well is small in a file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_backup_that_unpacks_to_a_lot_is_refused() {
    let (_source, world) = lived_in(Engine::Sqlite).await;
    let mut small = archive(&world);
    small.table("portcullis_roles", &["name", "description"]).unwrap();
    for number in 0..70 {
        let row = [
            Cell::Text(number.to_string()),
            Cell::Text("x".repeat(1024 * 1024)),
        ];
        small.row(&row).unwrap();
    }
    small.end_table().unwrap();
    let bytes = small.finish().unwrap();
    assert!(bytes.len() < 1024 * 1024, "{}", bytes.len());
    let target = TestDatabase::empty(Engine::Sqlite).await;
    let refused = put_back(&world, &bytes, &target.options()).await;
    assert!(
        matches!(
            refused,
            Err(TransferError::Archive(ArchiveError::Form(
                "a small table is too large"
            )))
        ),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_brings_only_what_a_backup_has() {
    let (_source, world) = lived_in(Engine::Sqlite).await;
    let role = || vec![Cell::Text("r".to_owned()), Cell::Text(String::new())];
    let targets = [
        TestDatabase::empty(Engine::Sqlite).await,
        TestDatabase::empty(Engine::Postgres).await,
    ];
    let wrong = [
        ("portcullis_sessions", &["id"][..], vec![Cell::Bytes(vec![0; 16])]),
        ("portcullis_keys", &["kid"], vec![Cell::Text("kid".to_owned())]),
        ("sqlite_schema", &["sql"], vec![Cell::Null]),
        ("portcullis_roles", &["name", "later"], role()),
        ("portcullis_roles", &["name", "scopes) SELECT 1 --"], role()),
        (
            "portcullis_lanes",
            &["lane", "n"],
            vec![Cell::Text("x".to_owned()), Cell::Null],
        ),
        ("portcullis_users", &["id"], vec![Cell::Bytes(vec![0; 15])]),
        (
            "portcullis_user_roles",
            &["user_id", "role"],
            vec![Cell::Bytes(vec![0; 16]), Cell::Text("user".to_owned())],
        ),
    ];
    // Each goes over what the one before it left.
    for (number, (table, columns, row)) in wrong.into_iter().enumerate() {
        let mut archive = archive(&world);
        archive.table(table, columns).unwrap();
        archive.row(&row).unwrap();
        archive.end_table().unwrap();
        let bytes = archive.finish().unwrap();
        let target = &targets[number % 2];
        let refused = put_back(&world, &bytes, &target.options()).await;
        assert!(refused.is_err(), "{table} {columns:?}");
        let part = Database::open(&target.options()).await.unwrap();
        assert!(part.meta(UNFINISHED).await.unwrap().is_some());
        part.close().await;
    }
}
