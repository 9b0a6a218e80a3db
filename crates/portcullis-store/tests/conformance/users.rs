use portcullis_core::{
    audit::kind,
    id::UserId,
    revocation::ChangeKind,
    rng::SystemRng,
    session::{EndReason, Refusal},
    store::{AttemptKey, NewUser, RefreshOutcome, Store, UserActError, UserUpdate},
    user::UserStatus,
};
use portcullis_testkit::both;
use serde_json::json;

use crate::fixture::{World, key, kinds, names};

both! {
    async fn a_user_is_found_by_id_and_by_email_in_any_case(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("Ada@Example.com", &["user", "admin"]).await;

        let found = world.standing(id).await;
        assert_eq!(world.store.user_by_email(&key("aDA@eXAMPLE.com")).await.unwrap(), Some(found.clone()));
        assert_eq!(found.user.email.as_str(), "Ada@Example.com");
        assert_eq!(found.user.roles, names(&["admin", "user"]));
        assert_eq!(found.closure, names(&["admin", "user"]));
        let scopes: Vec<_> = found.user.scopes.iter().map(ToString::to_string).collect();
        assert_eq!(scopes, ["admin", "me"]);
        assert_eq!(found.user.created_at, world.now());
        assert_eq!(found.graph.epoch, found.roles_epoch);

        let event = world.last_event().await;
        assert_eq!((event.kind.as_str(), event.subject), (kind::USER_CREATED, Some(id)));
        assert_eq!(world.store.user_by_email(&key("nobody@example.com")).await.unwrap(), None);
        // A person may type anything where an address is asked for.
        assert_eq!(world.store.user_by_email(&key("a\0b@example.com")).await.unwrap(), None);
        assert!(world.store.credentials_by_email(&key("\0")).await.unwrap().is_none());
    }

    async fn an_email_belongs_to_one_user(db: TestDatabase) {
        let world = World::new(db.store());
        world.user("ada@example.com", &["user"]).await;
        let again = world.create(world.new_user("ADA@example.com", &["user"])).await;
        assert!(matches!(again, Err(UserActError::EmailTaken)), "{again:?}");
        assert_eq!(world.events().await, 1);
    }

    async fn a_user_has_only_roles_that_exist(db: TestDatabase) {
        let world = World::new(db.store());
        let refused = world.create(world.new_user("ada@example.com", &["user", "pope"])).await;
        assert!(
            matches!(&refused, Err(UserActError::UnknownRole(role)) if role.as_str() == "pope"),
            "{refused:?}"
        );
        assert_eq!(world.store.user_by_email(&key("ada@example.com")).await.unwrap(), None);
    }

    async fn a_registration_opens_a_session_with_the_user(db: TestDatabase) {
        let world = World::new(db.store());
        let new = NewUser {
            session: Some(world.new_session()),
            event: kind::USER_REGISTERED,
            ..world.new_user("ada@example.com", &["user"])
        };
        let opened = world.create(new).await.unwrap();
        let session = opened.session.unwrap();
        assert_eq!(session.session_epoch, opened.standing.session_epoch);
        assert_eq!(world.last_event().await.kind, kind::USER_REGISTERED);
        world.carry_on(&world.token(&session)).await;
    }

    async fn a_new_name_or_email_is_told_to_all_nodes(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let before = world.standing(id).await;
        let update = UserUpdate {
            name: Some("Countess".parse().unwrap()),
            email: Some("countess@example.com".parse().unwrap()),
            session_epoch: Some(before.session_epoch),
            ..UserUpdate::default()
        };
        let written = world.store.update_user(&world.context(), id, update).await.unwrap();

        assert_eq!(kinds(&written.changes), [ChangeKind::ProfileChanged { user: id }]);
        assert_eq!(written.value, world.standing(id).await);
        assert_eq!(written.value.user.email.as_str(), "countess@example.com");
        assert_eq!(written.value.user.name.as_str(), "Countess");
        assert_eq!(written.value.token_epoch, before.token_epoch);
        assert!(world.store.user_by_email(&key("ada@example.com")).await.unwrap().is_none());

        let event = world.last_event().await;
        assert_eq!(event.kind, kind::USER_UPDATED);
        assert_eq!(event.detail["fields"], json!(["name", "email"]));
        assert!(!event.detail.to_string().contains("example.com"), "{}", event.detail);
    }

    async fn what_changes_nothing_leaves_no_trace(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user", "admin"]).await;
        let before = world.standing(id).await;
        let events = world.events().await;
        let update = UserUpdate {
            name: Some(before.user.name.clone()),
            email: Some(before.user.email.clone()),
            roles: Some(names(&["admin", "user", "admin"])),
            status: Some(UserStatus::Active),
            session_epoch: None,
        };
        let written = world.store.update_user(&world.context(), id, update).await.unwrap();
        assert_eq!(written.changes, []);
        assert_eq!(written.value, before);
        assert_eq!(world.standing(id).await, before);
        assert_eq!(world.events().await, events);
    }

    async fn an_update_that_is_refused_changes_nothing(db: TestDatabase) {
        let world = World::new(db.store());
        world.user("grace@example.com", &["user"]).await;
        let id = world.user("ada@example.com", &["user"]).await;
        let before = world.standing(id).await;
        let update = |change: UserUpdate| {
            let world = world.clone();
            async move { world.store.update_user(&world.context(), id, change).await }
        };

        let taken = update(UserUpdate {
            name: Some("Other".parse().unwrap()),
            email: Some("GRACE@example.com".parse().unwrap()),
            ..UserUpdate::default()
        });
        assert!(matches!(taken.await, Err(UserActError::EmailTaken)));
        let unknown = update(UserUpdate {
            name: Some("Other".parse().unwrap()),
            roles: Some(names(&["pope"])),
            ..UserUpdate::default()
        });
        assert!(matches!(unknown.await, Err(UserActError::UnknownRole(role)) if role.as_str() == "pope"));
        let behind = update(UserUpdate {
            name: Some("Other".parse().unwrap()),
            session_epoch: Some(before.session_epoch - 1),
            ..UserUpdate::default()
        });
        assert!(matches!(behind.await, Err(UserActError::Behind)));
        let nobody = UserId::generate(world.now(), &SystemRng);
        let missing = world.store.update_user(&world.context(), nobody, UserUpdate::default()).await;
        assert!(matches!(missing, Err(UserActError::NotFound)));

        assert_eq!(world.standing(id).await, before);
        assert_eq!(world.events().await, 2);
    }

    async fn new_roles_void_access_tokens_but_no_session(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let session = world.login(id).await;
        let before = world.standing(id).await;
        let update = UserUpdate { roles: Some(names(&["admin"])), ..UserUpdate::default() };
        let written = world.store.update_user(&world.context(), id, update).await.unwrap();

        let after = written.value;
        assert_eq!(after, world.standing(id).await);
        assert_eq!(after.user.roles, names(&["admin"]));
        assert!(after.token_epoch > before.token_epoch);
        assert_eq!(after.session_epoch, before.session_epoch);
        assert_eq!(kinds(&written.changes), [ChangeKind::UserEpochs {
            user: id,
            token_epoch: after.token_epoch,
            session_epoch: after.session_epoch,
        }]);
        let event = world.last_event().await;
        assert_eq!(event.kind, kind::USER_ROLES);
        assert_eq!(event.detail["old_roles"], json!(["user"]));
        assert_eq!(event.detail["roles"], json!(["admin"]));

        let (_, standing) = world.carry_on(&world.token(&session)).await;
        assert_eq!(standing, after);
    }

    async fn an_epoch_is_raised_to_the_instant_and_always_by_one(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let raise = |roles: &'static [&'static str]| {
            let world = world.clone();
            async move {
                let update = UserUpdate { roles: Some(names(roles)), ..UserUpdate::default() };
                let written = world.store.update_user(&world.context(), id, update).await.unwrap();
                written.value.token_epoch
            }
        };
        let now = world.now().millis();
        assert_eq!(raise(&[]).await, now);
        assert_eq!(raise(&["user"]).await, now + 1);
        // A clock that stepped back does not lower it.
        world.clock.step(-60_000);
        assert_eq!(raise(&[]).await, now + 2);
    }

    async fn a_disabled_user_has_no_session_and_enabling_forgives_attempts(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let session = world.login(id).await;
        let attempts = AttemptKey(*id.uuid().as_bytes());
        let before = world.standing(id).await;

        let disable = UserUpdate { status: Some(UserStatus::Disabled), ..UserUpdate::default() };
        let written = world.store.update_user(&world.context(), id, disable).await.unwrap();
        let disabled = written.value;
        assert!(disabled.token_epoch > before.token_epoch && disabled.session_epoch > before.session_epoch);
        assert_eq!(kinds(&written.changes), [ChangeKind::UserEpochs {
            user: id,
            token_epoch: disabled.token_epoch,
            session_epoch: disabled.session_epoch,
        }]);
        assert_eq!(world.last_event().await.kind, kind::USER_DISABLED);
        assert!(world.store.sessions(id, world.now()).await.unwrap().is_empty());
        assert!(world.store.session(session.id).await.unwrap().unwrap().ended_at.is_some());
        assert!(matches!(
            world.refresh(&world.token(&session)).await,
            RefreshOutcome::Refused(Refusal::Ended)
        ));

        for expected in 1..=3 {
            assert_eq!(world.store.count_attempt(&attempts, world.now()).await.unwrap(), expected);
        }
        let enable = UserUpdate { status: Some(UserStatus::Active), ..UserUpdate::default() };
        let written = world.store.update_user(&world.context(), id, enable).await.unwrap();
        assert!(written.value.token_epoch > disabled.token_epoch);
        assert_eq!(written.value.session_epoch, disabled.session_epoch);
        assert_eq!(world.last_event().await.kind, kind::USER_ENABLED);
        assert_eq!(world.store.count_attempt(&attempts, world.now()).await.unwrap(), 1);
    }

    async fn a_deleted_user_leaves_only_the_audit_log(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let session = world.login(id).await;
        let attempts = AttemptKey(*id.uuid().as_bytes());
        world.store.count_attempt(&attempts, world.now()).await.unwrap();
        let user = world.standing(id).await.user;

        let written = world.store.delete_user(&world.context(), id, None).await.unwrap();
        assert_eq!(written.value.user, user);
        assert_eq!(kinds(&written.changes), [ChangeKind::UserEpochs {
            user: id,
            token_epoch: i64::MAX,
            session_epoch: i64::MAX,
        }]);
        assert_eq!(world.store.user(id).await.unwrap(), None);
        assert!(world.store.credentials(id).await.unwrap().is_none());
        assert!(world.store.session(session.id).await.unwrap().is_none());
        assert_eq!(world.store.count_attempt(&attempts, world.now()).await.unwrap(), 1);
        assert!(matches!(
            world.refresh(&world.token(&session)).await,
            RefreshOutcome::Refused(Refusal::Unknown)
        ));
        let event = world.last_event().await;
        assert_eq!((event.kind.as_str(), event.subject), (kind::USER_DELETED, Some(id)));
        assert!(matches!(
            world.store.delete_user(&world.context(), id, None).await,
            Err(UserActError::NotFound)
        ));
        // The address is free again.
        world.user("ada@example.com", &["user"]).await;
    }

    async fn a_deletion_that_was_overtaken_deletes_nothing(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let checked = world.standing(id).await.session_epoch;
        let _ = world.store.end_all_sessions(&world.context(), id, EndReason::LogoutAll).await.unwrap();
        let before = world.standing(id).await;
        let refused = world.store.delete_user(&world.context(), id, Some(checked)).await;
        assert!(matches!(refused, Err(UserActError::Behind)), "{refused:?}");
        assert_eq!(world.standing(id).await, before);
        let _ = world.store.delete_user(&world.context(), id, Some(before.session_epoch)).await.unwrap();
    }

    async fn enabling_who_is_active_forgives_attempts_and_no_more(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let attempts = AttemptKey(*id.uuid().as_bytes());
        world.store.count_attempt(&attempts, world.now()).await.unwrap();
        let before = world.standing(id).await;
        let enable = UserUpdate { status: Some(UserStatus::Active), ..UserUpdate::default() };
        for events in [2, 2] {
            let written = world.store.update_user(&world.context(), id, enable.clone()).await.unwrap();
            assert_eq!((written.value, written.changes.len()), (before.clone(), 0));
            // The second time there is nothing to forgive.
            assert_eq!(world.events().await, events);
        }
        assert_eq!(world.last_event().await.kind, kind::USER_ENABLED);
        assert_eq!(world.store.count_attempt(&attempts, world.now()).await.unwrap(), 1);
    }
}
