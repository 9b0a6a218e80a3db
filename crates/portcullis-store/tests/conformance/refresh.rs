use portcullis_core::{
    audit::{Actor, kind},
    revocation::ChangeKind,
    session::{EndReason, Refusal, SessionRules},
    store::{RefreshOutcome, Store, UserUpdate},
};
use portcullis_testkit::both;
use serde_json::json;

use crate::fixture::{World, kinds, names};

fn is_ended(outcome: &RefreshOutcome, with: EndReason, expected: &ChangeKind) -> bool {
    matches!(outcome, RefreshOutcome::Ended { reason, changes }
        if *reason == with && kinds(changes) == [expected.clone()])
}

both! {
    async fn a_refresh_moves_the_counter_by_one(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let first = world.login(id).await;
        world.pass(60);
        let (second, standing) = world.carry_on(&world.token(&first)).await;
        assert_eq!(second.counter, 1);
        assert_eq!(second.rotated_at, Some(world.now()));
        assert_eq!(second.rotated_before_at, None);
        assert_eq!(second.idle_expires_at, world.now() + SessionRules::default().idle);
        assert_eq!(second.expires_at, first.expires_at);
        assert_eq!(standing, world.standing(id).await);
        let stored = world.store.session(first.id).await.unwrap().unwrap();
        assert_eq!(format!("{stored:?}"), format!("{second:?}"));

        let rotated = world.now();
        world.pass(60);
        let (third, _) = world.carry_on(&world.token(&second)).await;
        assert_eq!((third.counter, third.rotated_before_at), (2, Some(rotated)));
        let stored = world.store.session(first.id).await.unwrap().unwrap();
        assert_eq!(format!("{stored:?}"), format!("{third:?}"));
    }

    async fn a_lost_answer_is_given_again_but_not_for_long(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let first = world.login(id).await;
        let (second, _) = world.carry_on(&world.token(&first)).await;
        // The window runs from the rotation, whatever is presented in it.
        for _ in 0..2 {
            world.pass(5);
            let (again, _) = world.carry_on(&world.token(&first)).await;
            assert_eq!(format!("{again:?}"), format!("{second:?}"));
        }
        world.pass(1);
        let outcome = world.refresh(&world.token(&first)).await;
        let change = ChangeKind::SessionEnded { session: first.id };
        assert!(is_ended(&outcome, EndReason::Reuse, &change), "{outcome:?}");

        let event = world.last_event().await;
        assert_eq!((event.kind.as_str(), event.subject), (kind::REFRESH_REUSED, Some(id)));
        assert_eq!(event.actor, Actor::User(id));
        assert_eq!(event.detail, json!({ "session": first.id, "presented": 0, "current": 1 }));
        // Whoever has the newest one, thief or owner, has nothing now.
        assert!(matches!(
            world.refresh(&world.token(&second)).await,
            RefreshOutcome::Refused(Refusal::Ended)
        ));
    }

    async fn two_steps_back_within_the_window_harm_nothing(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let first = world.login(id).await;
        world.pass(60);
        let (second, _) = world.carry_on(&world.token(&first)).await;
        world.pass(5);
        let (third, _) = world.carry_on(&world.token(&second)).await;
        assert!(matches!(
            world.refresh(&world.token(&first)).await,
            RefreshOutcome::Refused(Refusal::Stale)
        ));
        world.carry_on(&world.token(&third)).await;
    }

    async fn a_counter_from_the_future_ends_the_session(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let first = world.login(id).await;
        let (second, _) = world.carry_on(&world.token(&first)).await;
        // A backup was restored.
        db.tamper("UPDATE portcullis_sessions SET counter = 0, rotated_at = NULL").await;
        let outcome = world.refresh(&world.token(&second)).await;
        let change = ChangeKind::SessionEnded { session: first.id };
        assert!(is_ended(&outcome, EndReason::Rewound, &change), "{outcome:?}");
        assert_eq!(world.last_event().await.kind, kind::REFRESH_REWOUND);
    }

    async fn a_session_ends_by_idleness_and_by_age(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let rules = SessionRules::default();
        let idle = world.login(id).await;
        world.clock.advance(rules.idle);
        assert!(matches!(
            world.refresh(&world.token(&idle)).await,
            RefreshOutcome::Refused(Refusal::Expired)
        ));

        let mut session = world.login(id).await;
        let end = session.expires_at;
        while world.now() + rules.idle < end {
            world.clock.advance(rules.idle / 2);
            session = world.carry_on(&world.token(&session)).await.0;
        }
        // The idle limit never promises more than the absolute one.
        assert_eq!(session.idle_expires_at, end);
        world.clock.advance(end.since(world.now()));
        assert!(matches!(
            world.refresh(&world.token(&session)).await,
            RefreshOutcome::Refused(Refusal::Expired)
        ));
    }

    async fn a_refresh_brings_the_roles_of_now(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let session = world.login(id).await;
        world.put_role("editor", &["write"], &["user"]).await;
        let update = UserUpdate { roles: Some(names(&["editor"])), ..UserUpdate::default() };
        let _ = world.store.update_user(&world.context(), id, update).await.unwrap();
        let (session, standing) = world.carry_on(&world.token(&session)).await;
        assert_eq!(standing.closure, names(&["editor", "user"]));

        world.put_role("editor", &["write", "publish"], &["user"]).await;
        let (_, standing) = world.carry_on(&world.token(&session)).await;
        let scopes: Vec<_> = standing.user.scopes.iter().map(ToString::to_string).collect();
        assert_eq!(scopes, ["me", "publish", "write"]);
        assert_eq!(standing.roles_epoch, world.store.roles().await.unwrap().epoch);
    }

    async fn a_token_of_another_server_is_forged(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let session = world.login(id).await;
        // Same MAC, but a salt that the row does not have: all that a leaked MAC key can make.
        let mut act = world.refresh_act(&world.token(&session));
        act.presented.proof[0] ^= 1;
        assert!(matches!(
            world.store.refresh(&act).await.unwrap(),
            RefreshOutcome::Refused(Refusal::Forged)
        ));
        world.carry_on(&world.token(&session)).await;
    }
}
