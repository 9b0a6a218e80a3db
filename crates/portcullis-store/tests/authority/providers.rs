//! Sign-ins by accounts at providers, and attempts to get into the account of another by them.

use portcullis_core::{
    audit::kind,
    authority::{AdminNewUser, AdminUserChange, IdentityError, ProfileChange, SignInError, TokenPair},
    identity::{Profile, SignInRefusal, SignInRules},
    password::Password,
    store::{IdentityActError, ProviderSessions},
    user::UserStatus,
};
use portcullis_testkit::both;
use serde_json::{Value, json};

use crate::fixture::{PASSWORD, World, anyone, by, config};

const IDP: &str = "https://idp.example";
const OTHER: &str = "https://other.example";

fn profile(issuer: &str, claims: &Value) -> Profile {
    Profile::of(issuer, claims.as_object().unwrap().clone()).unwrap()
}

fn verified(issuer: &str, subject: &str, email: &str) -> Profile {
    profile(
        issuer,
        &json!({"sub": subject, "email": email, "email_verified": true, "name": "Ada"}),
    )
}

fn authority_on(domain: &str) -> SignInRules {
    SignInRules {
        authoritative: vec![domain.to_owned()],
        ..SignInRules::new("idp")
    }
}

impl World {
    async fn sign_in(&self, rules: &SignInRules, profile: &Profile) -> Result<TokenPair, SignInError> {
        let identified = self.authority.identify(&anyone(), rules, profile, None).await?;
        self.authority.sign_in(&anyone(), identified).await
    }

    async fn refused(&self, rules: &SignInRules, profile: &Profile) -> SignInRefusal {
        match self.sign_in(rules, profile).await {
            Err(SignInError::Refused(refusal)) => refusal,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("signed in"),
        }
    }
}

both! {
    async fn the_first_sign_in_makes_a_user_and_the_next_finds_them(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let rules = SignInRules::new("idp");
        let first = world.sign_in(&rules, &verified(IDP, "s-1", "ada@example.com")).await.unwrap();
        let ada = world.principal(&first).await.user;
        // Another address and another name: it is the subject that counts.
        let next = world.sign_in(&rules, &verified(IDP, "s-1", "countess@example.com")).await.unwrap();
        assert_eq!(world.principal(&next).await.user, ada);
        let user = world.authority.user(ada).await.unwrap().unwrap();
        assert_eq!((user.email.as_str(), user.name.as_str()), ("ada@example.com", "Ada"));
        assert_eq!(world.events(kind::USER_REGISTERED).await.len(), 1);
        let logins = world.events(kind::LOGIN_SUCCEEDED).await;
        assert_eq!((logins.len(), &logins[0].detail["provider"]), (2, &json!("idp")));
        // There is no password to guess.
        assert!(world.login("ada@example.com", PASSWORD, None, None).await.is_err());
    }

    async fn many_first_sign_ins_at_once_make_one_user(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let (rules, profile) = (SignInRules::new("idp"), verified(IDP, "s-1", "ada@example.com"));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let (authority, rules, profile) = (world.authority.clone(), rules.clone(), profile.clone());
            tasks.spawn(async move { authority.identify(&anyone(), &rules, &profile, None).await.unwrap().user });
        }
        let users: std::collections::BTreeSet<_> = tasks.join_all().await.into_iter().collect();
        assert_eq!(users.len(), 1);
        assert_eq!(world.events(kind::USER_REGISTERED).await.len(), 1);
    }

    /// The attacker registers with the victim's address and waits for her to sign in by her company's provider.
    async fn an_address_that_was_registered_beforehand_is_not_shared(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let (squatter, pair) = world.register("victim@corp.example").await;
        let victim = verified(IDP, "victim", "victim@corp.example");
        for rules in [SignInRules::new("idp"), authority_on("corp.example")] {
            assert_eq!(world.refused(&rules, &victim).await, SignInRefusal::EmailTaken);
        }
        assert!(world.authority.identities(squatter.id).await.unwrap().is_empty());
        assert!(world.events(kind::IDENTITY_LINKED).await.is_empty());

        // Nor by linking an account of the attacker's own at that provider first.
        let principal = world.principal(&pair).await;
        let own = verified(IDP, "attacker", "attacker@corp.example");
        let rules = authority_on("corp.example");
        world.authority.link_identity(&by(&principal), principal.user, principal.session_epoch, &rules, &own).await.unwrap();
        assert_eq!(world.refused(&rules, &victim).await, SignInRefusal::EmailTaken);
        // Nor by stating the victim's address there unverified.
        let stated = profile(IDP, &json!({"sub": "attacker", "email": "victim@corp.example"}));
        world.sign_in(&rules, &stated).await.unwrap();
        assert_eq!(world.refused(&rules, &victim).await, SignInRefusal::EmailTaken);
    }

    async fn the_same_email_at_another_provider_is_somebody_else(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let corp = authority_on("corp.example");
        let victim = world.sign_in(&corp, &verified(IDP, "victim", "victim@corp.example")).await.unwrap();
        let victim = world.principal(&victim).await.user;
        let anybody = SignInRules { provider: "other".to_owned(), ..SignInRules::new("other") };
        let attacker = verified(OTHER, "attacker", "victim@corp.example");
        assert_eq!(world.refused(&anybody, &attacker).await, SignInRefusal::EmailTaken);
        // Not even the authority is believed while it does not say that it has seen it.
        let unverified = profile(OTHER, &json!({"sub": "attacker", "email": "victim@corp.example"}));
        assert_eq!(world.refused(&authority_on("corp.example"), &unverified).await, SignInRefusal::EmailTaken);
        // The subject of one issuer is nobody at another.
        assert_eq!(world.refused(&anybody, &profile(OTHER, &json!({"sub": "victim"}))).await, SignInRefusal::NoEmail);
        assert_eq!(world.authority.identities(victim).await.unwrap().len(), 1);
        assert!(world.events(kind::IDENTITY_LINKED).await.is_empty());

        // Two that are both the authority: one person.
        let moved = world.sign_in(&authority_on("corp.example"), &attacker).await.unwrap();
        assert_eq!(world.principal(&moved).await.user, victim);
        let linked = world.events(kind::IDENTITY_LINKED).await;
        assert_eq!((linked.len(), &linked[0].detail["by_email"]), (1, &json!(true)));
    }

    async fn an_email_that_changed_vouches_for_nothing_any_more(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let corp = authority_on("corp.example");
        let pair = world.sign_in(&corp, &verified(IDP, "mallory", "mallory@corp.example")).await.unwrap();
        let principal = world.principal(&pair).await;
        // Mallory takes the victim's address here. Her provider vouches for her own and for no other.
        let new = AdminNewUser { email: "spare@example.com".parse().unwrap(), name: "Spare".parse().unwrap(), password: Some(Password::new(PASSWORD)), roles: None, status: UserStatus::Active };
        let spare = world.authority.add_user(&anyone(), new).await.unwrap();
        let login = world.login("spare@example.com", PASSWORD, None, None).await.unwrap();
        let login = world.principal(&login).await;
        let change = ProfileChange { name: None, email: Some("victim@corp.example".parse().unwrap()), password: Some(Password::new(PASSWORD)) };
        world.authority.change_profile(&by(&login), &login, change).await.unwrap();
        assert_eq!(world.refused(&corp, &verified(IDP, "victim", "victim@corp.example")).await, SignInRefusal::EmailTaken);
        assert!(world.authority.identities(spare.id).await.unwrap().is_empty());
        // Whose email changes at the provider stays who they are, and gets into no other account by it.
        let renamed = world.sign_in(&corp, &verified(IDP, "mallory", "victim@corp.example")).await.unwrap();
        assert_eq!(world.principal(&renamed).await.user, principal.user);
    }

    async fn an_account_is_linked_by_who_is_logged_in_and_to_one_user(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let rules = SignInRules::new("idp");
        let (ada, pair) = world.register("ada@example.com").await;
        let ada_now = world.principal(&pair).await;
        let account = verified(IDP, "s-1", "elsewhere@example.com");
        let link = async |principal: &portcullis_core::access::Principal, account: &Profile| {
            world.authority.link_identity(&by(principal), principal.user, principal.session_epoch, &rules, account).await
        };
        link(&ada_now, &account).await.unwrap();
        let signed_in = world.sign_in(&rules, &account).await.unwrap();
        assert_eq!(world.principal(&signed_in).await.user, ada.id);

        let (_, eve) = world.register("eve@example.com").await;
        let taken = link(&world.principal(&eve).await, &account).await;
        assert!(matches!(taken, Err(IdentityError::Act(IdentityActError::Taken))));
        // Whoever was logged out everywhere links nothing more.
        world.authority.logout_everywhere(&by(&ada_now), &ada_now).await.unwrap();
        let late = link(&ada_now, &verified(OTHER, "s-1", "x@example.com")).await;
        assert!(matches!(late, Err(IdentityError::Act(IdentityActError::Behind))));
    }

    async fn roles_follow_groups_at_each_sign_in(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let rules = SignInRules {
            roles: vec!["groups=root:admin".parse().unwrap(), "groups=ghosts:ghost".parse().unwrap()],
            ..SignInRules::new("idp")
        };
        let of = |subject: &str, groups: Value| {
            profile(IDP, &json!({"sub": subject, "email": format!("{subject}@example.com"), "email_verified": true, "groups": groups}))
        };
        let roles = async |pair: &TokenPair| {
            let user = world.principal(pair).await.user;
            world.authority.user(user).await.unwrap().unwrap().roles.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let ada = world.sign_in(&rules, &of("ada", json!(["root"]))).await.unwrap();
        assert_eq!(roles(&ada).await, ["admin", "user"]);
        // The last administrator does not go by a group; nor do they stay one by it.
        assert_eq!(world.refused(&rules, &of("ada", json!([]))).await, SignInRefusal::LastAdministrator);
        world.sign_in(&rules, &of("eve", json!("root"))).await.unwrap();
        let before = world.principal(&ada).await;
        let again = world.sign_in(&rules, &of("ada", json!([]))).await.unwrap();
        assert_eq!(roles(&again).await, ["user"]);
        assert!(before.roles.iter().any(|role| role.as_str() == "admin"));
        assert!(world.authority.authenticate(secrecy::ExposeSecret::expose_secret(ada.access.secret())).await.is_err(), "her old token is void");
        assert_eq!(world.refused(&rules, &of("boo", json!("ghosts"))).await, SignInRefusal::UnknownRole);
    }

    async fn who_is_disabled_or_unlinked_does_not_get_in(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let (rules, account) = (SignInRules::new("idp"), verified(IDP, "s-1", "ada@example.com"));
        let pair = world.sign_in(&rules, &account).await.unwrap();
        let principal = world.principal(&pair).await;
        let identity = world.authority.identities(principal.user).await.unwrap().remove(0).id;
        let last = world.authority.unlink_identity(&by(&principal), &principal, identity, vec![IDP.to_owned()]).await;
        assert!(matches!(last, Err(IdentityError::Act(IdentityActError::LastWayIn))));
        // Nor is anything linked or unlinked by a login of long ago, whose token may be a thief's.
        world.authority.may_change_identities(&principal).await.unwrap();
        world.clock.advance(std::time::Duration::from_secs(600));
        let late = world.authority.may_change_identities(&principal).await;
        assert!(matches!(late, Err(IdentityError::LoginTooOld { .. })), "{late:?}");
        let late = world.authority.unlink_identity(&by(&principal), &principal, identity, vec![]).await;
        assert!(matches!(late, Err(IdentityError::LoginTooOld { .. })), "{late:?}");

        let identified = world.authority.identify(&anyone(), &rules, &account, None).await.unwrap();
        let disable = AdminUserChange { name: None, roles: None, status: Some(UserStatus::Disabled) };
        world.authority.change_user(&anyone(), principal.user, disable).await.unwrap();
        // Decided before, opened after.
        let late = world.authority.sign_in(&anyone(), identified).await;
        assert!(matches!(late, Err(SignInError::Refused(SignInRefusal::Changed))));
        assert_eq!(world.refused(&rules, &account).await, SignInRefusal::Disabled);
    }

    async fn a_logout_at_the_provider_voids_the_tokens_here(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let (rules, account) = (SignInRules::new("idp"), verified(IDP, "s-1", "ada@example.com"));
        let identified = world.authority.identify(&anyone(), &rules, &account, Some("p-1".to_owned())).await.unwrap();
        let pair = world.authority.sign_in(&anyone(), identified).await.unwrap();
        let which = |issuer: &str| ProviderSessions { issuer: issuer.to_owned(), subject: None, session: Some("p-1".to_owned()) };
        assert_eq!(world.authority.end_provider_sessions(&anyone(), which(OTHER)).await.unwrap(), 0);
        world.principal(&pair).await;
        assert_eq!(world.authority.end_provider_sessions(&anyone(), which(IDP)).await.unwrap(), 1);
        let token = secrecy::ExposeSecret::expose_secret(pair.access.secret()).to_owned();
        assert!(world.authority.authenticate(&token).await.is_err());
        let refresh = secrecy::ExposeSecret::expose_secret(pair.refresh.secret()).to_owned();
        assert!(world.authority.refresh(&anyone(), &refresh).await.is_err());
    }
}
