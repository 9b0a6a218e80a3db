use std::time::Duration;

use portcullis_core::{
    audit::{Actor, kind},
    authority::{
        AccountError, AdminRoleError, AdminUserChange, AuthorityConfig, Caller, LoginError, ProfileChange,
    },
    password::Password,
    session::SessionRules,
    store::UserActError,
    user::UserStatus,
};
use portcullis_testkit::both;

use crate::fixture::{FAILURES, PASSWORD, World, by, config};

fn password() -> Password {
    Password::new(PASSWORD)
}

fn is_behind<T>(result: &Result<T, AccountError>) -> bool {
    matches!(result, Err(AccountError::Act(UserActError::Behind)))
}

both! {
    /// A request that was let in, and whose session ended while its password was hashed.
    async fn what_an_ended_session_still_asks_for_is_refused(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let (user, pair) = world.register("ada@example.com").await;
        let before = world.principal(&pair).await;
        world.authority.logout_everywhere(&by(&before), &before).await.unwrap();

        let rename = ProfileChange { name: Some("Eve".parse().unwrap()), email: None, password: None };
        assert!(is_behind(&world.authority.change_profile(&by(&before), &before, rename).await));
        let take_over = ProfileChange {
            name: None,
            email: Some("eve@example.com".parse().unwrap()),
            password: Some(password()),
        };
        assert!(is_behind(&world.authority.change_profile(&by(&before), &before, take_over).await));
        let new = Password::new("another horse 7 staple");
        assert!(is_behind(&world.authority.change_password(&by(&before), &before, password(), new).await));
        assert!(is_behind(&world.authority.delete_account(&by(&before), &before, password()).await));
        assert_eq!(world.authority.user(user.id).await.unwrap(), Some(user));
    }

    async fn wrong_passwords_of_a_stolen_token_are_seen_bounded_and_cost_the_owner_no_login(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let (user, pair) = world.register("ada@example.com").await;
        let thief = world.principal(&pair).await;
        for _ in 0..=FAILURES {
            let guess = world.authority.delete_account(&by(&thief), &thief, Password::new("guess")).await;
            assert!(matches!(guess, Err(AccountError::WrongPassword)));
        }
        let right = world.authority.delete_account(&by(&thief), &thief, password()).await;
        assert!(matches!(right, Err(AccountError::WrongPassword)), "one guess too many");

        let events = world.events(kind::PASSWORD_REFUSED).await;
        assert_eq!(events.len(), FAILURES as usize + 2);
        assert_eq!((&events[0].actor, events[0].subject), (&Actor::User(user.id), Some(user.id)));
        let locked = events.iter().filter(|event| event.detail["locked"] == true).count();
        assert_eq!(locked, 2);

        // The device bears the identifier of that session.
        world.login("ada@example.com", PASSWORD, None, Some(&pair)).await.unwrap();
    }

    async fn a_right_password_that_asks_for_too_much_is_seen_and_is_no_failure(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let (user, _) = world.register("ada@example.com").await;
        for _ in 0..=FAILURES {
            let refused = world.login("ada@example.com", PASSWORD, Some("admin"), None).await;
            assert!(matches!(refused, Err(LoginError::Scope)));
        }
        let events = world.events(kind::LOGIN_FAILED).await;
        assert_eq!(events.len(), FAILURES as usize + 1);
        assert_eq!((events[0].subject, &events[0].detail["reason"]), (Some(user.id), &"scope".into()));
        world.login("ada@example.com", PASSWORD, None, None).await.unwrap();
    }

    async fn enabling_who_is_active_lets_in_whom_strangers_locked_out(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let (user, known) = world.register("ada@example.com").await;
        for _ in 0..=FAILURES {
            assert!(world.login("ada@example.com", "guess", None, None).await.is_err());
        }
        let locked = world.login("ada@example.com", PASSWORD, None, None).await;
        assert!(matches!(locked, Err(LoginError::Invalid)));
        world.login("ada@example.com", PASSWORD, None, Some(&known)).await.unwrap();

        let enable = || AdminUserChange { status: Some(UserStatus::Active), ..AdminUserChange::default() };
        world.authority.change_user(&Caller::operator(), user.id, enable()).await.unwrap();
        world.login("ada@example.com", PASSWORD, None, None).await.unwrap();
        world.authority.change_user(&Caller::operator(), user.id, enable()).await.unwrap();
        assert_eq!(world.events(kind::USER_ENABLED).await.len(), 1, "only where there was something to do");
        // Nobody was logged out by it.
        world.principal(&known).await;
    }

    async fn an_access_token_does_not_outlive_its_session(db: TestDatabase) {
        let sessions = SessionRules { idle: Duration::from_secs(60), ..SessionRules::default() };
        let world = World::new(&db, AuthorityConfig { sessions, ..config() }).await;
        let (_, pair) = world.register("ada@example.com").await;
        assert_eq!(pair.expires_in, sessions.idle);
        let principal = world.principal(&pair).await;
        assert_eq!(principal.expires_at.since(principal.issued_at), sessions.idle);
    }

    async fn the_role_of_whoever_registers_stays(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let refused = world.authority.delete_role(&Caller::operator(), &"user".parse().unwrap()).await;
        assert!(matches!(refused, Err(AdminRoleError::Default)));
        world.register("ada@example.com").await;
    }

    async fn nobody_is_shown_more_than_200_sessions(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let (_, pair) = world.register("ada@example.com").await;
        for _ in 0..201 {
            world.login("ada@example.com", PASSWORD, None, None).await.unwrap();
        }
        let principal = world.principal(&pair).await;
        assert_eq!(world.authority.my_sessions(&principal).await.unwrap().len(), 200);
    }

    async fn an_audit_event_that_is_sent_again_is_stored_once(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        assert!(world.login("nobody@example.com", PASSWORD, None, None).await.is_err());
        let event = world.events(kind::LOGIN_FAILED).await.remove(0);
        let mut other = event.clone();
        other.id = portcullis_core::id::AuditId::generate(event.at, &portcullis_core::rng::SystemRng);
        world.authority.store().append_audit(vec![event, other]).await.unwrap();
        assert_eq!(world.events(kind::LOGIN_FAILED).await.len(), 2);
    }
}
