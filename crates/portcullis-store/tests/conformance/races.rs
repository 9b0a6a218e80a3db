//! Acts that meet.

use std::collections::BTreeSet;

use portcullis_core::{
    revocation::ChangeKind,
    session::EndReason,
    store::{
        AttemptKey, OpenSessionError, RefreshOutcome, RoleActError, SetPassword, Store, UserActError,
        UserFilter, UserUpdate,
    },
    user::UserStatus,
};
use portcullis_testkit::both;

use crate::fixture::{World, collide, hash, names, role};

both! {
    async fn of_parallel_refreshes_one_moves_the_counter(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let session = world.login(id).await;
        let token = world.token(&session);
        let answers = collide(&db, 64, |_| {
            let (world, token) = (world.clone(), token.clone());
            async move {
                let (session, _) = world.carry_on(&token).await;
                world.token(&session)
            }
        })
        .await;
        assert_eq!(world.store.session(session.id).await.unwrap().unwrap().counter, 1);
        let successors: BTreeSet<_> = answers.into_iter().collect();
        assert_eq!(successors.len(), 1, "all answers carry the same successor");
        world.carry_on(successors.first().unwrap()).await;
    }

    async fn of_parallel_reuses_one_ends_the_session(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let session = world.login(id).await;
        let token = world.token(&session);
        world.carry_on(&token).await;
        world.pass(60);
        let ended = collide(&db, 16, |_| {
            let (world, token) = (world.clone(), token.clone());
            async move {
                match world.refresh(&token).await {
                    RefreshOutcome::Ended { changes, .. } => changes.len(),
                    RefreshOutcome::Refused(_) => 0,
                    RefreshOutcome::Granted { .. } => panic!("a spent token was taken"),
                }
            }
        })
        .await;
        assert_eq!(ended.iter().sum::<usize>(), 1);
    }

    async fn the_last_two_administrators_never_both_go(db: TestDatabase) {
        let world = World::new(db.store());
        for round in 0..8 {
            let pair = [
                world.user(&format!("a{round}@example.com"), &["admin"]).await,
                world.user(&format!("b{round}@example.com"), &["admin"]).await,
            ];
            let results = collide(&db, 2, |number| {
                let (world, id) = (world.clone(), pair[number]);
                async move {
                    match (round + number) % 3 {
                        0 => world.store.delete_user(&world.context(), id, None).await.map(|_| ()),
                        1 => {
                            let roles = Some(names(&["user"]));
                            let update = UserUpdate { roles, ..UserUpdate::default() };
                            world.store.update_user(&world.context(), id, update).await.map(|_| ())
                        }
                        _ => {
                            let status = Some(UserStatus::Disabled);
                            let update = UserUpdate { status, ..UserUpdate::default() };
                            world.store.update_user(&world.context(), id, update).await.map(|_| ())
                        }
                    }
                }
            })
            .await;
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
            assert!(results.iter().any(|r| matches!(r, Err(UserActError::LastAdministrator))), "{results:?}");

            let left = administrators(&world).await;
            assert_eq!(left.len(), 1);
            // The next round starts without.
            db.tamper("DELETE FROM portcullis_users").await;
        }
    }

    async fn neither_by_a_user_nor_by_a_role_at_once(db: TestDatabase) {
        let world = World::new(db.store());
        for round in 0..6 {
            world.put_role("owner", &["admin"], &[]).await;
            let admin = world.user(&format!("a{round}@example.com"), &["admin"]).await;
            world.user(&format!("o{round}@example.com"), &["owner"]).await;
            let results = collide(&db, 2, |number| {
                let world = world.clone();
                async move {
                    if number == 0 {
                        match world.store.delete_user(&world.context(), admin, None).await {
                            Ok(_) => true,
                            Err(UserActError::LastAdministrator) => false,
                            Err(other) => panic!("{other}"),
                        }
                    } else {
                        match world.store.put_role(&world.context(), role("owner", &["me"], &[])).await {
                            Ok(_) => true,
                            Err(RoleActError::LastAdministrator) => false,
                            Err(other) => panic!("{other}"),
                        }
                    }
                }
            })
            .await;
            assert_eq!(results.iter().filter(|done| **done).count(), 1, "{results:?}");
            assert_eq!(administrators(&world).await.len(), 1);
            db.tamper("DELETE FROM portcullis_users").await;
        }
    }

    async fn of_parallel_registrations_with_one_email_one_wins(db: TestDatabase) {
        let world = World::new(db.store());
        let results = collide(&db, 16, |number| {
            let world = world.clone();
            async move {
                let email = if number % 2 == 0 { "ada@example.com" } else { "ADA@EXAMPLE.COM" };
                world.create(world.new_user(email, &["user"])).await
            }
        })
        .await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        assert_eq!(
            results.iter().filter(|result| matches!(result, Err(UserActError::EmailTaken))).count(),
            15,
            "{results:?}"
        );
        assert_eq!(world.store.users(&UserFilter::default()).await.unwrap().len(), 1);
    }

    async fn parallel_attempts_have_distinct_numbers(db: TestDatabase) {
        let world = World::new(db.store());
        let mut numbers = collide(&db, 32, |_| {
            let world = world.clone();
            async move { world.store.count_attempt(&AttemptKey([3; 16]), world.now()).await.unwrap() }
        })
        .await;
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=32).collect::<Vec<_>>());
    }

    async fn a_login_never_outlives_a_logout_everywhere(db: TestDatabase) {
        let world = World::new(db.store());
        for round in 0..10 {
            let id = world.user(&format!("u{round}@example.com"), &["user"]).await;
            let epoch = world.standing(id).await.session_epoch;
            let opened = collide(&db, 6, |number| {
                let world = world.clone();
                async move {
                    if number == 3 {
                        let ended = world.store.end_all_sessions(&world.context(), id, EndReason::LogoutAll).await;
                        assert!(ended.unwrap().value.is_some());
                        return None;
                    }
                    match world.store.open_session(&world.context(), world.open_act(id, epoch)).await {
                        Ok(opened) => opened.session,
                        Err(OpenSessionError::Refused) => None,
                        Err(OpenSessionError::Store(error)) => panic!("{error}"),
                    }
                }
            })
            .await;
            assert!(world.store.sessions(id, world.now()).await.unwrap().is_empty());
            for session in opened.into_iter().flatten() {
                assert!(
                    matches!(world.refresh(&world.token(&session)).await, RefreshOutcome::Refused(_)),
                    "a session lives on"
                );
            }
        }
    }

    async fn a_refresh_never_outlives_what_ends_the_session(db: TestDatabase) {
        let world = World::new(db.store());
        for round in 0..10 {
            let id = world.user(&format!("u{round}@example.com"), &["user"]).await;
            let session = world.login(id).await;
            let token = world.token(&session);
            let refreshed = collide(&db, 4, |number| {
                let (world, token) = (world.clone(), token.clone());
                async move {
                    match (number, round % 3) {
                        (0, 0) => {
                            let act = SetPassword {
                                user: id,
                                password: hash("new"),
                                session_epoch: None,
                                keep: None,
                                event: "password.set",
                            };
                            let _ = world.store.set_password(&world.context(), act).await.unwrap();
                        }
                        (0, 1) => {
                            let context = world.context();
                            let end = world.store.end_session(&context, session.id, None, EndReason::Logout);
                            assert!(end.await.unwrap().value);
                        }
                        (0, _) => {
                            let status = Some(UserStatus::Disabled);
                            let update = UserUpdate { status, ..UserUpdate::default() };
                            let _ = world.store.update_user(&world.context(), id, update).await.unwrap();
                        }
                        _ => {
                            if let RefreshOutcome::Granted { session, .. } = world.refresh(&token).await {
                                return Some(*session);
                            }
                        }
                    }
                    None
                }
            })
            .await;
            for session in refreshed.into_iter().flatten() {
                let outcome = world.refresh(&world.token(&session)).await;
                assert!(matches!(outcome, RefreshOutcome::Refused(_)), "{outcome:?}");
            }
        }
    }

    async fn a_role_is_never_held_after_its_deletion(db: TestDatabase) {
        let world = World::new(db.store());
        for round in 0..6 {
            world.put_role("temp", &["x"], &[]).await;
            collide(&db, 5, |number| {
                let world = world.clone();
                async move {
                    if number == 2 {
                        let name = &names(&["temp"])[0];
                        let deleted = world.store.delete_role(&world.context(), name).await.unwrap();
                        assert!(matches!(deleted.changes[0].kind, ChangeKind::RoleEdited { .. }));
                        return;
                    }
                    let email = format!("u{round}.{number}@example.com");
                    match world.create(world.new_user(&email, &["temp"])).await {
                        Ok(_) | Err(UserActError::UnknownRole(_)) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            })
            .await;
            let users = world.store.users(&UserFilter::default()).await.unwrap();
            assert!(users.iter().all(|user| user.roles.is_empty()), "{users:?}");
        }
    }

    async fn parallel_updates_of_one_user_all_hold(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        collide(&db, 4, |number| {
            let world = world.clone();
            async move {
                let mut update = UserUpdate::default();
                match number {
                    0 => update.name = Some("Countess".parse().unwrap()),
                    1 => update.email = Some("countess@example.com".parse().unwrap()),
                    2 => update.roles = Some(Vec::new()),
                    _ => update.status = Some(UserStatus::Disabled),
                }
                let _ = world.store.update_user(&world.context(), id, update).await.unwrap();
            }
        })
        .await;
        let standing = world.standing(id).await;
        assert_eq!(standing.user.name.as_str(), "Countess");
        assert_eq!(standing.user.email.as_str(), "countess@example.com");
        assert_eq!(standing.user.roles, names(&[]));
        assert_eq!(standing.user.status, UserStatus::Disabled);
        assert_eq!(standing.token_epoch, world.now().millis() + 1, "raised twice");
    }

    async fn of_parallel_leases_one_is_taken(db: TestDatabase) {
        let world = World::new(db.store());
        let taken = collide(&db, 16, |number| {
            let world = world.clone();
            async move {
                let until = world.now() + std::time::Duration::from_secs(5);
                world.store.take_lease("purge", &number.to_string(), world.now(), until).await.unwrap()
            }
        })
        .await;
        assert_eq!(taken.iter().filter(|taken| **taken).count(), 1);
    }

    async fn of_parallel_first_values_all_get_the_same(db: TestDatabase) {
        let world = World::new(db.store());
        let values = collide(&db, 16, |number| {
            let world = world.clone();
            async move { world.store.meta_or_insert("k", &number.to_string()).await.unwrap() }
        })
        .await;
        assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), 1);
    }
}

async fn administrators(world: &World) -> Vec<String> {
    let filter = UserFilter {
        status: Some(UserStatus::Active),
        ..UserFilter::default()
    };
    let users = world.store.users(&filter).await.unwrap();
    users
        .into_iter()
        .filter(|user| user.scopes.iter().any(|scope| scope.as_str() == "admin"))
        .map(|user| user.email.to_string())
        .collect()
}
