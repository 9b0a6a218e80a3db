use std::time::Duration;

use portcullis_core::{
    audit::kind,
    id::{IdentityId, SessionId, UserId},
    identity::{MOST_IDENTITIES, Once},
    revocation::ChangeKind,
    rng::SystemRng,
    session::EndReason,
    store::{
        IdentityActError, LinkIdentity, NewIdentity, NewUser, OpenSession, OpenSessionError,
        ProviderSessions, SeenIdentity, Store, UnlinkIdentity, UserActError, UserUpdate,
    },
    user::UserStatus,
};
use portcullis_testkit::both;
use serde_json::json;

use crate::fixture::{World, collide};

const IDP: &str = "https://idp.example";

impl World {
    /// Something in each table of identities.
    pub(crate) async fn signed_in_by_a_provider(&self, label: &str) -> UserId {
        let user = self.user(&format!("{label}@provider.example"), &["user"]).await;
        let identity = self.identity(IDP, label);
        self.link(user, identity.clone()).await.unwrap();
        self.sign_in(user, identity.id, Some("p-1")).await.unwrap();
        let until = self.now() + Duration::from_secs(60);
        assert!(
            self.store
                .spend(Once::of("flow", label, until), self.now())
                .await
                .unwrap()
        );
        user
    }

    fn identity(&self, issuer: &str, subject: &str) -> NewIdentity {
        NewIdentity {
            id: IdentityId::generate(self.now(), &SystemRng),
            provider: "idp".to_owned(),
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            email: Some("ada@corp.example".parse().unwrap()),
            vouches: true,
        }
    }

    async fn link(&self, user: UserId, identity: NewIdentity) -> Result<(), IdentityActError> {
        let act = LinkIdentity {
            user,
            session_epoch: self.standing(user).await.session_epoch,
            email: None,
            identity,
        };
        self.store.link_identity(&self.context(), act).await
    }

    fn seen(id: IdentityId, session: Option<&str>) -> SeenIdentity {
        SeenIdentity {
            id,
            email: Some("Ada@new.example".parse().unwrap()),
            vouches: false,
            provider_session: session.map(str::to_owned),
        }
    }

    async fn sign_in(
        &self,
        user: UserId,
        id: IdentityId,
        session: Option<&str>,
    ) -> Result<SessionId, OpenSessionError> {
        let epoch = self.standing(user).await.session_epoch;
        let act = OpenSession {
            identity: Some(Self::seen(id, session)),
            ..self.open_act(user, epoch)
        };
        let opened = self.store.open_session(&self.context(), act).await?;
        Ok(opened.session.unwrap().id)
    }

    async fn unlink(
        &self,
        user: UserId,
        identity: IdentityId,
        usable: &[&str],
    ) -> Result<u64, IdentityActError> {
        let act = UnlinkIdentity {
            user,
            session_epoch: self.standing(user).await.session_epoch,
            identity,
            usable: usable.iter().map(|issuer| (*issuer).to_owned()).collect(),
        };
        let written = self.store.unlink_identity(&self.context(), act).await?;
        let ended = written
            .changes
            .iter()
            .filter(|change| matches!(change.kind, ChangeKind::SessionEnded { .. }));
        assert_eq!(ended.count() as u64, written.value);
        Ok(written.value)
    }

    async fn is_live(&self, session: SessionId) -> bool {
        self.store
            .session(session)
            .await
            .unwrap()
            .unwrap()
            .ended_at
            .is_none()
    }
}

both! {
    async fn an_account_is_found_by_issuer_and_subject_exactly(db: TestDatabase) {
        let world = World::new(db.store());
        let ada = world.user("ada@example.com", &["user"]).await;
        let new = world.identity(IDP, "s-1");
        world.link(ada, new.clone()).await.unwrap();
        let event = world.last_event().await;
        assert_eq!((event.kind.as_str(), event.subject), (kind::IDENTITY_LINKED, Some(ada)));
        assert_eq!(event.detail["provider"], "idp");

        let found = world.store.identity(IDP, "s-1").await.unwrap().unwrap();
        assert_eq!((found.id, found.user, found.provider.as_str()), (new.id, ada, "idp"));
        assert_eq!((found.linked_at, found.used_at), (world.now(), world.now()));
        assert!(found.vouches_for(&"ADA@corp.example".parse::<portcullis_core::user::Email>().unwrap().key()));
        for (issuer, subject) in [(IDP, "S-1"), (IDP, "s-1 "), (IDP, "s-1\0"), ("https://idp.example/", "s-1"), ("https://IDP.example", "s-1")] {
            assert_eq!(world.store.identity(issuer, subject).await.unwrap(), None, "{issuer} {subject:?}");
        }
        assert_eq!(world.store.identities(ada).await.unwrap(), [found]);
    }

    async fn an_account_belongs_to_one_user_and_a_user_has_one_at_each_provider(db: TestDatabase) {
        let world = World::new(db.store());
        let (ada, eve) = (world.user("ada@example.com", &["user"]).await, world.user("eve@example.com", &["user"]).await);
        world.link(ada, world.identity(IDP, "s-1")).await.unwrap();
        let events = world.events().await;
        for (user, issuer, subject) in [(eve, IDP, "s-1"), (ada, IDP, "s-1"), (ada, IDP, "s-2")] {
            let refused = world.link(user, world.identity(issuer, subject)).await;
            assert!(matches!(refused, Err(IdentityActError::Taken)), "{refused:?}");
        }
        assert_eq!(world.events().await, events);
        // The same subject at another issuer is another account.
        world.link(eve, world.identity("https://other.example", "s-1")).await.unwrap();
        for number in 1..MOST_IDENTITIES {
            world.link(ada, world.identity(&format!("https://{number}.example"), "s")).await.unwrap();
        }
        let refused = world.link(ada, world.identity("https://more.example", "s")).await;
        assert!(matches!(refused, Err(IdentityActError::TooMany)), "{refused:?}");
    }

    async fn a_link_that_raced_with_a_change_is_refused(db: TestDatabase) {
        let world = World::new(db.store());
        let ada = world.user("ada@example.com", &["user"]).await;
        let before = world.standing(ada).await;
        let link = |email: Option<&str>, epoch| LinkIdentity {
            user: ada,
            session_epoch: epoch,
            email: email.map(portcullis_core::user::EmailKey::of),
            identity: world.identity(IDP, "s-1"),
        };
        let other = world.store.link_identity(&world.context(), link(Some("eve@example.com"), before.session_epoch)).await;
        assert!(matches!(other, Err(IdentityActError::Behind)), "{other:?}");
        let _ = world.store.end_all_sessions(&world.context(), ada, EndReason::LogoutAll).await.unwrap();
        let late = world.store.link_identity(&world.context(), link(None, before.session_epoch)).await;
        assert!(matches!(late, Err(IdentityActError::Behind)), "{late:?}");
        let disable = UserUpdate { status: Some(UserStatus::Disabled), ..UserUpdate::default() };
        let disabled = world.store.update_user(&world.context(), ada, disable).await.unwrap().value;
        let late = world.store.link_identity(&world.context(), link(None, disabled.session_epoch)).await;
        assert!(matches!(late, Err(IdentityActError::Behind)), "{late:?}");
        assert!(world.store.identities(ada).await.unwrap().is_empty());
    }

    async fn a_user_who_comes_by_an_account_has_it_from_the_start(db: TestDatabase) {
        let world = World::new(db.store());
        let identity = world.identity(IDP, "s-1");
        let new = |email: &str| NewUser {
            password: None,
            identity: Some(identity.clone()),
            event: kind::USER_REGISTERED,
            ..world.new_user(email, &["user"])
        };
        let ada = world.create(new("ada@corp.example")).await.unwrap().standing.user.id;
        assert_eq!(world.last_event().await.detail["provider"], "idp");
        assert_eq!(world.store.identity(IDP, "s-1").await.unwrap().unwrap().user, ada);
        // Another first sign-in of the same account makes nobody.
        let again = world.create(NewUser { identity: Some(world.identity(IDP, "s-1")), ..new("other@corp.example") }).await;
        assert!(matches!(again, Err(UserActError::Behind)), "{again:?}");
        assert!(world.store.user_by_email(&crate::fixture::key("other@corp.example")).await.unwrap().is_none());
    }

    async fn a_sign_in_needs_the_account_to_be_the_users_still(db: TestDatabase) {
        let world = World::new(db.store());
        let (ada, eve) = (world.user("ada@example.com", &["user"]).await, world.user("eve@example.com", &["user"]).await);
        let new = world.identity(IDP, "s-1");
        world.link(ada, new.clone()).await.unwrap();
        world.pass(5);
        let session = world.sign_in(ada, new.id, Some("p-1")).await.unwrap();
        let event = world.last_event().await;
        assert_eq!(event.kind, kind::LOGIN_SUCCEEDED);
        assert_eq!(event.detail, json!({"session": session, "provider": "idp", "identity": new.id}));
        let found = world.store.identity(IDP, "s-1").await.unwrap().unwrap();
        assert_eq!((found.used_at, found.email.unwrap().as_str(), found.vouched), (world.now(), "Ada@new.example", None));

        let events = world.events().await;
        assert!(matches!(world.sign_in(eve, new.id, None).await, Err(OpenSessionError::Refused)));
        assert_eq!(world.events().await, events);
        assert!(world.store.sessions(eve, world.now()).await.unwrap().is_empty());
        assert_eq!(world.unlink(ada, new.id, &[]).await.unwrap(), 1);
        assert!(matches!(world.sign_in(ada, new.id, None).await, Err(OpenSessionError::Refused)));
    }

    async fn the_last_way_in_is_not_unlinked(db: TestDatabase) {
        let world = World::new(db.store());
        let (first, second) = (world.identity(IDP, "s-1"), world.identity("https://other.example", "s-2"));
        let new = NewUser { password: None, identity: Some(first.clone()), ..world.new_user("ada@example.com", &["user"]) };
        let ada = world.create(new).await.unwrap().standing.user.id;
        let both = [IDP, "https://other.example"];
        let refused = world.unlink(ada, first.id, &both).await;
        assert!(matches!(refused, Err(IdentityActError::LastWayIn)), "{refused:?}");
        world.link(ada, second.clone()).await.unwrap();
        // A provider that is not configured any more is no way in.
        let refused = world.unlink(ada, first.id, &[IDP]).await;
        assert!(matches!(refused, Err(IdentityActError::LastWayIn)), "{refused:?}");

        let by_first = world.sign_in(ada, first.id, None).await.unwrap();
        let by_second = world.sign_in(ada, second.id, None).await.unwrap();
        assert_eq!(world.unlink(ada, first.id, &both).await.unwrap(), 1);
        assert_eq!((world.is_live(by_first).await, world.is_live(by_second).await), (false, true));
        let event = world.last_event().await;
        assert_eq!((event.kind.as_str(), event.detail["sessions"].as_u64()), (kind::IDENTITY_UNLINKED, Some(1)));
        let gone = world.unlink(ada, first.id, &both).await;
        assert!(matches!(gone, Err(IdentityActError::NotFound)), "{gone:?}");
        // Nobody unlinks what is another's.
        let eve = world.user("eve@example.com", &["user"]).await;
        let foreign = world.unlink(eve, second.id, &both).await;
        assert!(matches!(foreign, Err(IdentityActError::NotFound)), "{foreign:?}");
    }

    async fn of_two_that_unlink_at_once_one_is_left(db: TestDatabase) {
        let world = World::new(db.store());
        let (first, second) = (world.identity(IDP, "s-1"), world.identity("https://other.example", "s-2"));
        let new = NewUser { password: None, identity: Some(first.clone()), ..world.new_user("ada@example.com", &["user"]) };
        let ada = world.create(new).await.unwrap().standing.user.id;
        world.link(ada, second.clone()).await.unwrap();
        let outcomes = collide(&db, 2, |number| {
            let (world, which) = (world.clone(), [first.id, second.id][number]);
            async move { world.unlink(ada, which, &[IDP, "https://other.example"]).await }
        }).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        assert_eq!(world.store.identities(ada).await.unwrap().len(), 1);
    }

    async fn a_provider_ends_the_sessions_that_began_by_it(db: TestDatabase) {
        let world = World::new(db.store());
        let (ada, eve) = (world.user("ada@example.com", &["user"]).await, world.user("eve@example.com", &["user"]).await);
        let (hers, other, eves) = (world.identity(IDP, "ada"), world.identity("https://other.example", "ada"), world.identity(IDP, "eve"));
        for (user, identity) in [(ada, &hers), (ada, &other), (eve, &eves)] {
            world.link(user, identity.clone()).await.unwrap();
        }
        let end = async |subject: Option<&str>, session: Option<&str>| {
            let which = ProviderSessions {
                issuer: IDP.to_owned(),
                subject: subject.map(str::to_owned),
                session: session.map(str::to_owned),
            };
            let written = world.store.end_provider_sessions(&world.context(), which).await.unwrap();
            assert_eq!(written.changes.len() as u64, written.value);
            written.value
        };
        let one = world.sign_in(ada, hers.id, Some("p-1")).await.unwrap();
        let two = world.sign_in(ada, hers.id, Some("p-2")).await.unwrap();
        let elsewhere = world.sign_in(ada, other.id, Some("p-1")).await.unwrap();
        let by_eve = world.sign_in(eve, eves.id, None).await.unwrap();
        let by_password = world.login(ada).await.id;

        assert_eq!(end(None, None).await, 0);
        assert_eq!(end(Some("eve"), Some("p-1")).await, 0, "both must hold");
        assert_eq!(end(None, Some("p\0")).await, 0);
        assert_eq!(end(None, Some("p-1")).await, 1);
        let event = world.last_event().await;
        assert_eq!((event.kind.as_str(), event.subject), (kind::SESSION_ENDED, Some(ada)));
        assert_eq!(event.detail["reason"], "provider");
        assert_eq!((world.is_live(one).await, world.is_live(two).await), (false, true));
        assert_eq!(end(Some("ada"), None).await, 1, "the other one");
        assert_eq!(end(Some("ada"), None).await, 0);
        for session in [elsewhere, by_eve, by_password] {
            assert!(world.is_live(session).await);
        }
        // With the user goes all of it.
        let _ = world.store.delete_user(&world.context(), ada, None).await.unwrap();
        assert_eq!(world.store.identity(IDP, "ada").await.unwrap(), None);
    }

    async fn what_is_good_for_one_use_is_used_once(db: TestDatabase) {
        let world = World::new(db.store());
        let until = world.now() + Duration::from_secs(60);
        let once = Once::of("code", "abc", until);
        let outcomes = collide(&db, 5, |_| {
            let world = world.clone();
            async move { world.store.spend(once, world.now()).await.unwrap() }
        }).await;
        assert_eq!(outcomes.iter().filter(|first| **first).count(), 1);
        assert!(world.store.spend(Once::of("flow", "abc", until), world.now()).await.unwrap());
        // Forgotten once it would be good for nothing: whoever asks looks at its time first.
        world.pass(60);
        assert!(world.store.spend(Once::of("code", "later", world.now() + Duration::from_secs(60)), world.now()).await.unwrap());
        assert!(world.store.spend(once, world.now()).await.unwrap());
    }
}
