use std::time::Duration;

use portcullis_core::{
    audit::AuditEvent,
    id::AuditId,
    revocation::{FeedRead, Lanes},
    rng::SystemRng,
    session::{EndReason, SessionRules},
    store::{AttemptKey, Expired, Purged, Store},
};
use portcullis_testkit::both;
use serde_json::json;

use crate::fixture::{DENY, World};

const DAY: Duration = Duration::from_secs(86_400);

both! {
    async fn only_what_nothing_needs_is_purged(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let ended = world.login(id).await;
        let expired = world.login(id).await;
        let _ = world.store.end_session(&world.context(), ended.id, None, EndReason::Logout).await.unwrap();
        world.clock.advance(SessionRules::default().idle);
        let live = world.login(id).await;

        let purged = world.purge(world.now(), None).await.unwrap();
        // The one row of the feed is the newest of its lane.
        assert_eq!(purged, Purged { sessions: 2, ..Purged::default() });
        assert!(world.store.session(ended.id).await.unwrap().is_none());
        assert!(world.store.session(expired.id).await.unwrap().is_none());
        world.carry_on(&world.token(&live)).await;
        assert_eq!(world.purge(world.now(), None).await.unwrap(), Purged::default());
    }

    async fn trimming_keeps_the_newest_row_of_each_lane(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let mut rows = 0;
        for _ in 0..3 {
            let written = world.store.end_all_sessions(&world.context(), id, EndReason::Admin).await.unwrap();
            rows += written.changes.len();
        }
        let position = world.store.load_feed(world.now()).await.unwrap().lanes;
        assert_eq!(world.purge(world.now(), None).await.unwrap().changes, 0);
        world.clock.advance(DENY);
        let purged = world.purge(world.now(), None).await.unwrap();
        assert_eq!(purged.changes, u64::try_from(rows).unwrap() - 1);

        // Whoever knew the newest row goes on.
        let _ = world.store.end_all_sessions(&world.context(), id, EndReason::Admin).await.unwrap();
        match world.store.read_feed(&position).await.unwrap() {
            FeedRead::Continued { changes, .. } => assert_eq!(changes.len(), 1),
            FeedRead::Rewritten => panic!("the newest row was trimmed"),
        }
        // Whoever was away for longer must not believe that nothing happened.
        assert!(matches!(
            world.store.read_feed(&Lanes::default()).await.unwrap(),
            FeedRead::Rewritten
        ));
        let snapshot = world.store.load_feed(world.now()).await.unwrap();
        assert_eq!(snapshot.changes.len(), 1);
    }

    async fn attempts_against_an_account_are_never_forgotten_by_waiting(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let account = AttemptKey(*id.uuid().as_bytes());
        let device = AttemptKey([9; 16]);
        for key in [&account, &device] {
            assert_eq!(world.store.count_attempt(key, world.now()).await.unwrap(), 1);
        }
        world.clock.advance(89 * DAY);
        assert_eq!(world.purge(world.now(), None).await.unwrap().attempts, 0);
        world.clock.advance(DAY);
        assert_eq!(world.purge(world.now(), None).await.unwrap().attempts, 1);
        assert_eq!(world.store.count_attempt(&account, world.now()).await.unwrap(), 2);
        assert_eq!(world.store.count_attempt(&device, world.now()).await.unwrap(), 1);
    }

    async fn a_refunded_attempt_was_none(db: TestDatabase) {
        let world = World::new(db.store());
        let key = AttemptKey([1; 16]);
        world.store.refund_attempt(&key).await.unwrap();
        assert_eq!(world.store.count_attempt(&key, world.now()).await.unwrap(), 1);
        assert_eq!(world.store.count_attempt(&key, world.now()).await.unwrap(), 2);
        world.store.refund_attempt(&key).await.unwrap();
        assert_eq!(world.store.count_attempt(&key, world.now()).await.unwrap(), 2);
        for _ in 0..5 {
            world.store.refund_attempt(&key).await.unwrap();
        }
        assert_eq!(world.store.count_attempt(&key, world.now()).await.unwrap(), 1);
    }

    async fn old_audit_events_go_in_batches(db: TestDatabase) {
        let world = World::new(db.store());
        let event = |detail| AuditEvent {
            id: AuditId::generate(world.now(), &SystemRng),
            ..world.context().event("login.failed", None, detail)
        };
        world.store.append_audit((0..1_203).map(|n| event(json!(n))).collect()).await.unwrap();
        world.pass(1);
        world.store.append_audit(vec![event(json!("kept"))]).await.unwrap();
        // Not all at once: others get their turn between two batches.
        let first = world.store.purge(Expired::Audit { before: world.now() }, world.now()).await.unwrap();
        assert!(first > 0 && first <= 500, "{first}");
        let purged = world.purge(world.now(), Some(world.now())).await.unwrap();
        assert_eq!(purged, Purged { audit: 1_203 - first, ..Purged::default() });
        assert_eq!(world.last_event().await.detail, json!("kept"));
        assert_eq!(world.events().await, 1);
    }

    async fn a_lease_has_one_holder_until_it_expires(db: TestDatabase) {
        let world = World::new(db.store());
        let take = |name: &'static str, holder: &'static str| {
            let world = world.clone();
            async move {
                let until = world.now() + Duration::from_secs(60);
                world.store.take_lease(name, holder, world.now(), until).await.unwrap()
            }
        };
        assert!(take("purge", "a").await);
        assert!(!take("purge", "b").await);
        assert!(take("other", "b").await);
        world.pass(30);
        assert!(take("purge", "a").await, "renewed");
        world.pass(59);
        assert!(!take("purge", "b").await);
        world.pass(1);
        assert!(take("purge", "b").await);
        assert!(!take("purge", "a").await);
    }

    async fn a_value_is_set_once_or_replaced(db: TestDatabase) {
        let world = World::new(db.store());
        assert_eq!(world.store.meta("k").await.unwrap(), None);
        assert_eq!(world.store.meta_or_insert("k", "first").await.unwrap(), "first");
        assert_eq!(world.store.meta_or_insert("k", "second").await.unwrap(), "first");
        world.store.set_meta("k", "third").await.unwrap();
        assert_eq!(world.store.meta("k").await.unwrap().as_deref(), Some("third"));
        world.store.set_meta("new", "value").await.unwrap();
        assert_eq!(world.store.meta("new").await.unwrap().as_deref(), Some("value"));
    }

    async fn a_closed_store_is_unavailable(db: TestDatabase) {
        let world = World::new(db.store());
        world.store.ping().await.unwrap();
        world.store.close().await;
        assert!(world.store.ping().await.is_err());
        assert!(world.store.database_time().await.is_err());
        assert!(world.store.set_meta("k", "v").await.is_err());
    }
}
