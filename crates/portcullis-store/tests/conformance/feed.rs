use std::collections::BTreeMap;

use portcullis_core::{
    id::UserId,
    revocation::{Change, ChangeKind, FeedRead, LANES, LaneHead, Lanes, lane_of},
    session::EndReason,
    store::{Store, UserUpdate},
};
use portcullis_testkit::{both, database::Engine};

use crate::fixture::{DENY, World, at_once, kinds, names};

async fn logout_all(world: &World, user: UserId) -> Vec<Change> {
    let written = world
        .store
        .end_all_sessions(&world.context(), user, EndReason::Admin)
        .await
        .unwrap();
    written.changes
}

async fn read(world: &World, position: &Lanes) -> (Lanes, Vec<Change>) {
    match world.store.read_feed(position).await.unwrap() {
        FeedRead::Continued { lanes, changes } => (lanes, changes),
        FeedRead::Rewritten => panic!("history was not rewritten"),
    }
}

async fn rewritten(world: &World, position: &Lanes) -> bool {
    matches!(
        world.store.read_feed(position).await.unwrap(),
        FeedRead::Rewritten
    )
}

both! {
    async fn a_new_feed_is_empty(db: TestDatabase) {
        let world = World::new(db.store());
        let snapshot = world.store.load_feed(world.now()).await.unwrap();
        assert_eq!(snapshot.lanes, Lanes::default());
        assert_eq!(snapshot.changes, []);
        assert_eq!(read(&world, &snapshot.lanes).await, (Lanes::default(), Vec::new()));
    }

    async fn every_kind_of_change_is_read_as_it_was_written(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let session = world.login(id).await;
        let mut written = logout_all(&world, id).await;
        let session = world.store.end_session(&world.context(), session.id, None, EndReason::Admin).await.unwrap();
        assert!(session.changes.is_empty(), "ended already");
        let session = world.login(id).await.id;
        written.extend(
            world.store.end_session(&world.context(), session, None, EndReason::Admin).await.unwrap().changes,
        );
        written.extend(world.put_role("editor", &["write"], &[]).await);
        let version = world.store.keys().await.unwrap().version;
        for (version, change) in
            [(version, ChangeKind::KeysChanged), (version + 1, ChangeKind::KeyRevoked { kid: "k".to_owned() })]
        {
            let event = world.context().event("key.created", None, serde_json::json!({}));
            let keys = world.store.replace_keys(&world.context(), version, Vec::new(), change, event).await.unwrap();
            written.extend(keys.changes);
        }
        let update = UserUpdate {
            name: Some("Countess".parse().unwrap()),
            roles: Some(names(&["editor"])),
            ..UserUpdate::default()
        };
        // Two changes of one act: the same lane, one after the other.
        let both = world.store.update_user(&world.context(), id, update).await.unwrap().changes;
        assert!(matches!(&kinds(&both)[..], [ChangeKind::UserEpochs { .. }, ChangeKind::ProfileChanged { .. }]));
        assert_eq!((both[0].lane, both[0].n + 1, both[0].tag), (both[1].lane, both[1].n, both[1].tag));
        assert_eq!(both[0].lane, lane_of(id.uuid().as_bytes()));
        written.extend(both);
        written.extend(world.store.delete_user(&world.context(), id, None).await.unwrap().changes);

        written.sort_by_key(|change| (change.lane, change.n));
        let snapshot = world.store.load_feed(world.now()).await.unwrap();
        assert_eq!(snapshot.changes, written);
        let (lanes, changes) = read(&world, &Lanes::default()).await;
        assert_eq!((lanes, changes), (snapshot.lanes, written));
        assert_eq!(read(&world, &lanes).await, (lanes, Vec::new()));

        let later = world.store.load_feed(world.now() + DENY).await.unwrap();
        assert_eq!((later.lanes, later.changes), (lanes, Vec::new()));
    }

    async fn a_long_feed_is_loaded_part_by_part_and_whole(db: TestDatabase) {
        let world = World::new(db.store());
        // More than two parts of one lane, the first ones past their time; and one row of another, far from the number 1.
        let rows = match db.engine() {
            Engine::Sqlite =>
                "WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 25000)
                 INSERT INTO portcullis_changes (lane, n, tag, kind, subject, happened_at, deny_until)
                 SELECT 3, n, n, 'key_revoked', 'k' || n, 0, CASE WHEN n <= 12000 THEN 0 ELSE 9000000000000 END FROM i",
            Engine::Postgres =>
                "INSERT INTO portcullis_changes (lane, n, tag, kind, subject, happened_at, deny_until)
                 SELECT 3, n, n, 'key_revoked', 'k' || n, 0, CASE WHEN n <= 12000 THEN 0 ELSE 9000000000000 END
                 FROM generate_series(1, 25000) n",
        };
        db.tamper(rows).await;
        db.tamper(
            "UPDATE portcullis_lanes SET n = 25000, tag = 25000 WHERE lane = 3;
             INSERT INTO portcullis_changes (lane, n, tag, kind, subject, happened_at, deny_until)
             VALUES (15, 70000, 7, 'key_revoked', 'last', 0, 9000000000000);
             UPDATE portcullis_lanes SET n = 70000, tag = 7 WHERE lane = 15;",
        )
        .await;
        let mut parts = Vec::new();
        let lanes = world
            .store
            .stream_feed(world.now(), &mut |part| parts.push(part.to_vec()))
            .await
            .unwrap();
        assert_eq!(lanes[3], LaneHead { n: 25_000, tag: 25_000 });
        assert_eq!(lanes[15], LaneHead { n: 70_000, tag: 7 });
        assert!(parts.len() > 2 && parts.iter().all(|part| part.len() <= 1_000), "{}", parts.len());
        let mut numbers: Vec<i64> = parts.concat().iter().map(|change| change.n).collect();
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq((12_001..=25_000).chain([70_000])), "{}", numbers.len());
    }

    async fn a_reader_gets_only_what_is_new(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let first = logout_all(&world, id).await;
        let (position, _) = read(&world, &Lanes::default()).await;
        let second = logout_all(&world, id).await;
        let (next, changes) = read(&world, &position).await;
        assert_eq!(changes, second);
        assert_eq!(changes[0].n, first[0].n + 1);
        assert_eq!(next[usize::from(changes[0].lane)], LaneHead { n: changes[0].n, tag: changes[0].tag });
    }

    async fn a_rolled_back_act_gives_its_number_back(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        logout_all(&world, id).await;
        let (position, _) = read(&world, &Lanes::default()).await;
        let before = world.standing(id).await;
        // Number 2 is there already in every lane, so the act fails after it took its number.
        db.tamper(
            "INSERT INTO portcullis_changes (lane, n, tag, kind, subject, happened_at, deny_until)
             SELECT lane, 2, 0, 'keys_changed', '', 0, 0 FROM portcullis_lanes",
        )
        .await;
        let failed = world.store.end_all_sessions(&world.context(), id, EndReason::Admin).await;
        assert!(failed.is_err());
        assert_eq!(world.standing(id).await, before);
        db.tamper("DELETE FROM portcullis_changes WHERE n = 2").await;

        let changes = logout_all(&world, id).await;
        assert_eq!(changes[0].n, 2);
        assert_eq!(read(&world, &position).await.1, changes);
    }

    async fn a_store_that_went_back_in_time_is_noticed(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let lane = usize::from(logout_all(&world, id).await[0].lane);
        logout_all(&world, id).await;
        let (position, _) = read(&world, &Lanes::default()).await;
        let at = |n, tag| {
            let mut lanes = position;
            lanes[lane] = LaneHead { n, tag };
            lanes
        };
        let LaneHead { n, tag } = position[lane];
        assert_eq!(n, 2);
        assert!(rewritten(&world, &at(3, tag)).await, "the lane is shorter than what the reader knew");
        assert!(rewritten(&world, &at(2, tag ^ 1)).await, "another act has the number");
        assert!(rewritten(&world, &at(1, tag ^ 1)).await, "another act had an earlier number");
        assert!(!rewritten(&world, &position).await);
        assert!(!rewritten(&world, &Lanes::default()).await);

        db.tamper("DELETE FROM portcullis_changes WHERE n = 1").await;
        assert!(rewritten(&world, &Lanes::default()).await, "the first row is missing");
        assert!(!rewritten(&world, &position).await, "nothing that matters to this reader");
        logout_all(&world, id).await;
        db.tamper("DELETE FROM portcullis_changes WHERE n = 2").await;
        assert!(rewritten(&world, &position).await, "the row that the reader knew is missing");
        let LaneHead { n, tag } = world.store.load_feed(world.now()).await.unwrap().lanes[lane];
        assert_eq!(n, 3);
        logout_all(&world, id).await;
        assert!(!rewritten(&world, &at(3, tag)).await);
        db.tamper("DELETE FROM portcullis_changes WHERE n = 4").await;
        assert!(rewritten(&world, &at(3, tag)).await, "the newest row is missing");
    }

    async fn a_change_of_an_unknown_kind_is_not_passed_over(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        logout_all(&world, id).await;
        db.tamper("UPDATE portcullis_changes SET kind = 'of_the_future'").await;
        let error = world.store.read_feed(&Lanes::default()).await.unwrap_err();
        assert!(error.to_string().contains("of_the_future"), "{error}");
        assert!(world.store.load_feed(world.now()).await.is_err());
    }

    async fn a_reader_misses_nothing_of_parallel_acts(db: TestDatabase) {
        const WRITERS: usize = 24;
        const ACTS: usize = 12;
        let world = World::new(db.store());
        let mut users = Vec::new();
        for number in 0..WRITERS {
            users.push(world.user(&format!("u{number}@example.com"), &["user"]).await);
        }
        let reader = {
            let world = world.clone();
            tokio::spawn(async move {
                let mut position = Lanes::default();
                let mut seen = Vec::new();
                while seen.len() < WRITERS * ACTS {
                    let (next, changes) = read(&world, &position).await;
                    position = next;
                    seen.extend(changes);
                }
                (position, seen)
            })
        };
        let written: Vec<Vec<Change>> = at_once(WRITERS, |number| {
            let (world, user) = (world.clone(), users[number]);
            async move {
                let mut written = Vec::new();
                for act in 0..ACTS {
                    // Some are refused, and must leave no hole.
                    if act % 3 == 0 {
                        assert!(world.create(world.new_user("u0@example.com", &[])).await.is_err());
                    }
                    written.extend(logout_all(&world, user).await);
                }
                written
            }
        })
        .await;
        let (position, seen) = reader.await.unwrap();

        let mut lanes: BTreeMap<u8, Vec<i64>> = BTreeMap::new();
        for change in &seen {
            lanes.entry(change.lane).or_default().push(change.n);
        }
        assert!(lanes.len() > LANES / 2, "the users spread over the lanes");
        for (lane, numbers) in lanes {
            let expected: Vec<i64> = (1..=i64::try_from(numbers.len()).unwrap()).collect();
            assert_eq!(numbers, expected, "lane {lane}");
            assert_eq!(position[usize::from(lane)].n, *expected.last().unwrap());
        }
        let sorted = |mut changes: Vec<Change>| {
            changes.sort_by_key(|change| (change.lane, change.n));
            changes
        };
        assert_eq!(sorted(seen), sorted(written.concat()));
    }
}
