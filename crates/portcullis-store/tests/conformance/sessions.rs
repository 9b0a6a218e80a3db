use std::time::Duration;

use portcullis_core::{
    audit::kind,
    id::{SessionId, UserId},
    revocation::ChangeKind,
    rng::SystemRng,
    session::{EndReason, NewSession, Refusal, SessionRules},
    store::{AttemptKey, OpenSession, OpenSessionError, RefreshOutcome, Store, UserUpdate},
    user::UserStatus,
};
use portcullis_testkit::both;
use serde_json::json;

use crate::fixture::{World, hash, key, kinds};

both! {
    async fn a_login_opens_a_session_and_forgives_attempts(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let attempts = AttemptKey([7; 16]);
        let others = AttemptKey([8; 16]);
        for key in [&attempts, &others] {
            world.store.count_attempt(key, world.now()).await.unwrap();
        }
        let act = OpenSession {
            clear: vec![attempts],
            session: NewSession {
                narrowed: Some(vec!["me".parse().unwrap(), "a:b".parse().unwrap()]),
                ..world.new_session()
            },
            ..world.open_act(id, world.standing(id).await.session_epoch)
        };
        let new = act.session.clone();
        let opened = world.store.open_session(&world.context(), act).await.unwrap();

        assert_eq!(opened.standing, world.standing(id).await);
        let session = opened.session.unwrap();
        assert_eq!((session.id, session.user, session.counter), (new.id, id, 0));
        let stored = world.store.session(new.id).await.unwrap().unwrap();
        assert_eq!(format!("{stored:?}"), format!("{session:?}"));
        assert_eq!(stored.narrowed, new.narrowed);
        assert_eq!(stored.sealed_salt, new.sealed_salt);

        let event = world.last_event().await;
        assert_eq!((event.kind.as_str(), event.subject), (kind::LOGIN_SUCCEEDED, Some(id)));
        assert_eq!(event.detail, json!({ "session": new.id }));
        assert_eq!(world.store.count_attempt(&attempts, world.now()).await.unwrap(), 1);
        assert_eq!(world.store.count_attempt(&others, world.now()).await.unwrap(), 2);
    }

    async fn nothing_narrowed_is_not_narrowed_to_nothing(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        for narrowed in [None, Some(Vec::new())] {
            let act = OpenSession {
                session: NewSession { narrowed: narrowed.clone(), ..world.new_session() },
                ..world.open_act(id, world.standing(id).await.session_epoch)
            };
            let session = act.session.id;
            let _ = world.store.open_session(&world.context(), act).await.unwrap();
            assert_eq!(world.store.session(session).await.unwrap().unwrap().narrowed, narrowed);
        }
    }

    async fn a_login_that_raced_with_a_revocation_is_refused(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let checked = world.standing(id).await.session_epoch;
        let _ = world.store.end_all_sessions(&world.context(), id, EndReason::LogoutAll).await.unwrap();
        let events = world.events().await;
        let open = |user, epoch| {
            let world = world.clone();
            async move { world.store.open_session(&world.context(), world.open_act(user, epoch)).await }
        };
        assert!(matches!(open(id, checked).await, Err(OpenSessionError::Refused)));

        let disable = UserUpdate { status: Some(UserStatus::Disabled), ..UserUpdate::default() };
        let disabled = world.store.update_user(&world.context(), id, disable).await.unwrap().value;
        assert!(matches!(open(id, disabled.session_epoch).await, Err(OpenSessionError::Refused)));

        let nobody = UserId::generate(world.now(), &SystemRng);
        assert!(matches!(open(nobody, 1).await, Err(OpenSessionError::Refused)));
        assert_eq!(world.events().await, events + 1);
        assert!(world.store.sessions(id, world.now()).await.unwrap().is_empty());
    }

    async fn a_hash_is_upgraded_only_where_it_was_checked(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let epoch = world.standing(id).await.session_epoch;
        for (checked, upgraded, expected) in
            [("other", "stronger", "first"), ("first", "stronger", "stronger"), ("first", "late", "stronger")]
        {
            let act = OpenSession {
                upgrade: Some((hash(checked), hash(upgraded))),
                ..world.open_act(id, epoch)
            };
            let _ = world.store.open_session(&world.context(), act).await.unwrap();
            let credentials = world.store.credentials_by_email(&key("ada@example.com")).await.unwrap().unwrap();
            assert_eq!(credentials.password.unwrap().expose(), hash(expected).expose());
            // An upgrade is no new password.
            assert_eq!(credentials.session_epoch, epoch);
        }
    }

    async fn a_user_sees_live_sessions_newest_first(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let other = world.user("grace@example.com", &["user"]).await;
        let first = world.login(id).await;
        world.pass(1);
        let second = world.login(id).await;
        world.login(other).await;
        world.pass(60);
        let (first, _) = world.carry_on(&world.token(&first)).await;

        let seen = world.store.sessions(id, world.now()).await.unwrap();
        assert_eq!(seen.iter().map(|s| s.id).collect::<Vec<_>>(), [second.id, first.id]);
        assert_eq!(seen[1].last_used_at, world.now());
        assert_eq!(seen[1].expires_at, world.now() + SessionRules::default().idle);
        assert_eq!(seen[0].last_used_at, seen[0].created_at);
        assert_eq!(seen[0].address, Some("2001:db8::1".parse().unwrap()));
        assert_eq!(seen[0].agent.as_deref(), Some("a browser"));

        let _ = world.store.end_session(&world.context(), first.id, None, EndReason::Admin).await.unwrap();
        assert_eq!(world.store.sessions(id, world.now()).await.unwrap().len(), 1);
        let much_later = world.now() + Duration::from_secs(8 * 86_400);
        assert!(world.store.sessions(id, much_later).await.unwrap().is_empty());
    }

    async fn a_list_of_sessions_has_an_end(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let epoch = world.standing(id).await.session_epoch;
        let mut newest = None;
        for _ in 0..203 {
            world.pass(1);
            let act = world.open_act(id, epoch);
            newest = Some(act.session.id);
            let _ = world.store.open_session(&world.context(), act).await.unwrap();
        }
        let seen = world.store.sessions(id, world.now()).await.unwrap();
        assert_eq!((seen.len(), Some(seen[0].id)), (200, newest));
    }

    async fn a_session_ends_once(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let session = world.login(id).await;
        let end = |reason| {
            let world = world.clone();
            let session = session.id;
            async move { world.store.end_session(&world.context(), session, None, reason).await.unwrap() }
        };
        let ended = end(EndReason::Logout).await;
        assert!(ended.value);
        assert_eq!(kinds(&ended.changes), [ChangeKind::SessionEnded { session: session.id }]);
        assert_eq!(ended.changes[0].at, world.now());
        assert_eq!(ended.changes[0].until, world.now() + crate::fixture::DENY);
        let event = world.last_event().await;
        assert_eq!((event.kind.as_str(), event.subject), (kind::LOGOUT, Some(id)));
        assert_eq!(event.detail["session"], json!(session.id));

        let events = world.events().await;
        let again = end(EndReason::Admin).await;
        assert!(!again.value && again.changes.is_empty());
        assert_eq!(world.events().await, events);
        assert!(matches!(
            world.refresh(&world.token(&session)).await,
            RefreshOutcome::Refused(Refusal::Ended)
        ));
        let unknown = SessionId::generate(world.now(), &SystemRng);
        let nothing = world.store.end_session(&world.context(), unknown, None, EndReason::Logout).await.unwrap();
        assert!(!nothing.value);
    }

    async fn nobody_ends_the_session_of_another(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let other = world.user("eve@example.com", &["user"]).await;
        let session = world.login(id).await;
        let end = |owner| {
            let world = world.clone();
            let session = session.id;
            async move {
                world.store.end_session(&world.context(), session, Some(owner), EndReason::Ended).await.unwrap()
            }
        };
        let refused = end(other).await;
        assert!(!refused.value && refused.changes.is_empty());
        assert!(world.store.session(session.id).await.unwrap().unwrap().ended_at.is_none());
        assert!(end(id).await.value);
        let event = world.last_event().await;
        assert_eq!(event.kind, kind::SESSION_ENDED);
        assert_eq!(event.detail["reason"], json!("ended"));
    }

    async fn logout_everywhere_ends_all_of_one_user(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let other = world.user("grace@example.com", &["user"]).await;
        world.login(id).await;
        let expired = world.login(id).await;
        let theirs = world.login(other).await;
        let before = world.standing(id).await;
        let _ = world.store.end_session(&world.context(), expired.id, None, EndReason::Ended).await.unwrap();

        let ended = world.store.end_all_sessions(&world.context(), id, EndReason::LogoutAll).await.unwrap();
        assert_eq!(ended.value, Some(1));
        let after = world.standing(id).await;
        assert!(after.session_epoch > before.session_epoch);
        assert_eq!(after.token_epoch, before.token_epoch);
        assert_eq!(kinds(&ended.changes), [ChangeKind::UserEpochs {
            user: id,
            token_epoch: after.token_epoch,
            session_epoch: after.session_epoch,
        }]);
        assert_eq!(world.last_event().await.kind, kind::LOGOUT_ALL);
        assert!(world.store.sessions(id, world.now()).await.unwrap().is_empty());
        world.carry_on(&world.token(&theirs)).await;

        let nobody = UserId::generate(world.now(), &SystemRng);
        let none = world.store.end_all_sessions(&world.context(), nobody, EndReason::Admin).await.unwrap();
        assert_eq!((none.value, none.changes.len()), (None, 0));
    }
}
