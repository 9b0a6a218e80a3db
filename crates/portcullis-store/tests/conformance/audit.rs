use portcullis_core::{
    audit::{Actor, AuditEvent},
    id::{AuditId, UserId},
    rng::SystemRng,
    store::{AuditFilter, Store},
};
use portcullis_testkit::both;
use serde_json::json;

use crate::fixture::World;

/// Four events, a second apart, the oldest first.
async fn log(world: &World, ada: UserId, eve: UserId) -> Vec<AuditEvent> {
    let mut events = Vec::new();
    for (kind, actor, subject) in [
        ("login.failed", Actor::Anonymous, Some(ada)),
        ("login.succeeded", Actor::User(ada), Some(ada)),
        ("loginx", Actor::System, None),
        ("user.disabled", Actor::User(eve), Some(ada)),
    ] {
        world.pass(1);
        events.push(AuditEvent {
            id: AuditId::generate(world.now(), &SystemRng),
            at: world.now(),
            kind: kind.to_owned(),
            actor,
            subject,
            address: Some("192.0.2.1".parse().unwrap()),
            request_id: subject.map(|_| "r".to_owned()),
            detail: json!({ "text": "ä\u{0}\"", "n": [1, null] }),
        });
    }
    world.store.append_audit(events.clone()).await.unwrap();
    events
}

async fn found(world: &World, filter: AuditFilter) -> Vec<String> {
    let events = world.store.audit(&filter).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

both! {
    async fn events_come_back_as_they_were_newest_first(db: TestDatabase) {
        let world = World::new(db.store());
        let ada = UserId::generate(world.now(), &SystemRng);
        let mut events = log(&world, ada, ada).await;
        events.reverse();
        assert_eq!(world.store.audit(&AuditFilter::default()).await.unwrap(), events);
    }

    async fn events_that_are_sent_again_are_there_once(db: TestDatabase) {
        let world = World::new(db.store());
        let ada = UserId::generate(world.now(), &SystemRng);
        let events = log(&world, ada, ada).await;
        world.store.append_audit(events[1..].to_vec()).await.unwrap();
        assert_eq!(world.events().await, events.len());
    }

    async fn each_filter_narrows(db: TestDatabase) {
        let world = World::new(db.store());
        let ada = UserId::generate(world.now(), &SystemRng);
        let eve = UserId::generate(world.now(), &SystemRng);
        let events = log(&world, ada, eve).await;
        let all = AuditFilter::default;
        let kind = |kind: &str| AuditFilter { kind: Some(kind.to_owned()), ..all() };
        assert_eq!(found(&world, kind("login.failed")).await, ["login.failed"]);
        assert_eq!(found(&world, kind("login.")).await, ["login.succeeded", "login.failed"]);
        assert_eq!(found(&world, kind("login")).await, [""; 0]);
        assert_eq!(found(&world, kind("a\0.")).await, [""; 0]);
        assert_eq!(found(&world, AuditFilter { actor: Some(eve), ..all() }).await, ["user.disabled"]);
        assert_eq!(found(&world, AuditFilter { subject: Some(ada), ..all() }).await.len(), 3);
        let since = AuditFilter { since: Some(events[2].at), ..all() };
        assert_eq!(found(&world, since.clone()).await, ["user.disabled", "loginx"]);
        let until = AuditFilter { until: Some(events[3].at), ..since };
        assert_eq!(found(&world, until).await, ["loginx"]);
        let page = AuditFilter { before: Some(events[3].id), limit: 2, ..all() };
        assert_eq!(found(&world, page).await, ["loginx", "login.succeeded"]);
    }
}
