use portcullis_core::{
    audit::kind,
    id::UserId,
    revocation::ChangeKind,
    rng::SystemRng,
    session::{EndReason, Refusal, SessionRules, StoredSession},
    store::{AttemptKey, KeptSession, Opened, RefreshOutcome, SetPassword, Store, UserActError},
    user::UserStatus,
};
use portcullis_testkit::both;

use crate::fixture::{World, hash, key, kinds};

fn keep(world: &World, session: &StoredSession) -> KeptSession {
    KeptSession {
        session: session.id,
        sealed_salt: world.keys.seal_salt(session.id, &SystemRng),
        idle_expires_at: world.now() + SessionRules::default().idle,
    }
}

async fn set(
    world: &World,
    user: UserId,
    session_epoch: Option<i64>,
    keep: Option<KeptSession>,
) -> Result<Opened, UserActError> {
    let act = SetPassword {
        user,
        password: hash("second"),
        session_epoch,
        keep,
        event: kind::PASSWORD_CHANGED,
    };
    world.store.set_password(&world.context(), act).await
}

async fn stored(world: &World) -> String {
    let credentials = world
        .store
        .credentials_by_email(&key("ada@example.com"))
        .await
        .unwrap();
    credentials.unwrap().password.unwrap().expose().to_owned()
}

both! {
    async fn credentials_are_what_a_login_needs(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("Ada@example.com", &["user"]).await;
        let found = world.store.credentials_by_email(&key("ada@EXAMPLE.com")).await.unwrap().unwrap();
        assert_eq!((found.user, found.status), (id, UserStatus::Active));
        assert_eq!(found.email.as_str(), "Ada@example.com");
        assert_eq!(found.name.as_str(), "Ada Lovelace");
        assert_eq!(found.password.unwrap().expose(), hash("first").expose());
        let standing = world.standing(id).await;
        assert_eq!(found.session_epoch, standing.session_epoch);
        assert_eq!(found.password_epoch, standing.password_epoch);
        let same = world.store.credentials(id).await.unwrap().unwrap();
        assert_eq!(same.user, id);
        assert!(world.store.credentials_by_email(&key("eve@example.com")).await.unwrap().is_none());
    }

    async fn a_new_password_ends_all_sessions_but_the_kept_one(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let kept = world.login(id).await;
        let other = world.login(id).await;
        let old_token = world.token(&kept);
        let attempts = AttemptKey(*id.uuid().as_bytes());
        world.store.count_attempt(&attempts, world.now()).await.unwrap();
        let before = world.standing(id).await;
        world.pass(60);

        let opened = set(&world, id, Some(before.session_epoch), Some(keep(&world, &kept))).await.unwrap();
        let session = opened.session.unwrap();
        assert_eq!(opened.standing, world.standing(id).await);
        assert!(opened.standing.session_epoch > before.session_epoch);
        assert!(opened.standing.password_epoch > before.password_epoch);
        assert_eq!(opened.standing.token_epoch, before.token_epoch);
        assert_eq!(kinds(&opened.changes), [ChangeKind::UserEpochs {
            user: id,
            token_epoch: opened.standing.token_epoch,
            session_epoch: opened.standing.session_epoch,
        }]);
        assert_eq!(world.last_event().await.kind, kind::PASSWORD_CHANGED);
        assert_eq!(stored(&world).await, hash("second").expose());
        assert_eq!(world.store.count_attempt(&attempts, world.now()).await.unwrap(), 1);

        assert_eq!((session.id, session.counter), (kept.id, 1));
        assert_eq!(session.session_epoch, opened.standing.session_epoch);
        assert_eq!(session.rotated_at, None);
        assert!(matches!(
            world.refresh(&old_token).await,
            RefreshOutcome::Refused(Refusal::Forged)
        ));
        assert!(matches!(
            world.refresh(&world.token(&other)).await,
            RefreshOutcome::Refused(Refusal::Ended)
        ));
        let live = world.store.sessions(id, world.now()).await.unwrap();
        assert_eq!(live.iter().map(|s| s.id).collect::<Vec<_>>(), [kept.id]);
        world.carry_on(&world.token(&session)).await;
    }

    async fn an_operator_sets_it_without_knowing_the_old_one(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        world.login(id).await;
        let before = world.standing(id).await;
        let opened = set(&world, id, None, None).await.unwrap();
        assert!(opened.session.is_none());
        assert!(opened.standing.password_epoch > before.password_epoch);
        assert!(world.store.sessions(id, world.now()).await.unwrap().is_empty());
        let nobody = UserId::generate(world.now(), &SystemRng);
        assert!(matches!(set(&world, nobody, None, None).await, Err(UserActError::NotFound)));
    }

    async fn a_check_that_was_overtaken_sets_nothing(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let checked = world.standing(id).await.session_epoch;
        let _ = world.store.end_all_sessions(&world.context(), id, EndReason::LogoutAll).await.unwrap();
        let before = world.standing(id).await;
        assert!(matches!(set(&world, id, Some(checked), None).await, Err(UserActError::Behind)));
        assert_eq!(stored(&world).await, hash("first").expose());
        assert_eq!(world.standing(id).await, before);
    }

    async fn an_ended_session_is_not_brought_back(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("ada@example.com", &["user"]).await;
        let other = world.user("eve@example.com", &["user"]).await;
        let epoch = world.standing(id).await.session_epoch;
        let ended = world.login(id).await;
        let _ = world.store.end_session(&world.context(), ended.id, None, EndReason::Logout).await.unwrap();
        let foreign = world.login(other).await;
        for session in [ended, foreign] {
            let result = set(&world, id, Some(epoch), Some(keep(&world, &session))).await;
            assert!(matches!(result, Err(UserActError::Behind)), "{result:?}");
        }
        assert_eq!(stored(&world).await, hash("first").expose());
        assert_eq!(world.standing(id).await.session_epoch, epoch);
    }
}
