use std::{sync::Arc, time::Duration};

use proptest::prelude::*;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::*;
use crate::{
    access::RoleName,
    key::{MasterKey, Vault},
    rng::SystemRng,
    user::UserStatus,
};

fn profile(claims: &Value) -> Profile {
    Profile::of("https://idp.example", claims.as_object().unwrap().clone()).unwrap()
}

fn user(number: u8) -> UserId {
    UserId::from_uuid(uuid::Uuid::from_bytes([number; 16]))
}

fn roles(names: &[&str]) -> Vec<RoleName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn an_account_is_told_by_its_subject() {
    let of = |claims: Value| Profile::of("https://idp.example", claims.as_object().unwrap().clone());
    for claims in [
        json!({}),
        json!({"sub": ""}),
        json!({"sub": 7}),
        json!({"sub": "a\n"}),
        json!({"sub": "x".repeat(256)}),
    ] {
        assert_eq!(of(claims), Err(ProfileError::Subject));
    }
    assert!(of(json!({"sub": "x".repeat(255)})).is_ok());
    assert!(Profile::of("", json!({"sub": "a"}).as_object().unwrap().clone()).is_err());
}

#[test]
fn an_email_is_verified_when_the_provider_says_so_in_one_of_two_spellings() {
    for (word, verified) in [
        (json!(true), true),
        (json!("true"), true),
        (json!(false), false),
        (json!("True"), false),
        (json!(1), false),
        (json!(null), false),
    ] {
        let profile = profile(&json!({"sub": "a", "email": "ada@example.com", "email_verified": word}));
        assert_eq!(profile.email_verified, verified, "{word}");
    }
    let none = profile(&json!({"sub": "a", "email": "no address", "email_verified": true}));
    assert_eq!((none.email, none.email_verified), (None, false));
}

#[test]
fn a_new_user_has_a_name() {
    let name = |claims| {
        profile(&claims)
            .display_name()
            .map(|name| name.as_str().to_owned())
    };
    assert_eq!(name(json!({"sub": "a", "name": "Ada"})).as_deref(), Some("Ada"));
    assert_eq!(
        name(json!({"sub": "a", "name": "", "nickname": "ada"})).as_deref(),
        Some("ada")
    );
    assert_eq!(
        name(json!({"sub": "a", "email": "ada@x.example"})).as_deref(),
        Some("ada")
    );
    assert_eq!(name(json!({"sub": "a"})), None);
}

#[test]
fn the_first_sign_in_makes_a_user_by_rule() {
    let rules = SignInRules {
        domains: vec!["Example.com".to_owned()],
        ..SignInRules::new("idp")
    };
    let claims =
        |email: &str, verified: bool| json!({"sub": "a", "email": email, "email_verified": verified});
    let try_with = |rules: &SignInRules, claims: &Value| decide(rules, &profile(claims), None, None);
    assert_eq!(
        try_with(&rules, &claims("ada@example.com", true)),
        Ok(Verdict::Create)
    );
    assert_eq!(
        try_with(&rules, &claims("ada@example.com", false)),
        Err(SignInRefusal::EmailUnverified)
    );
    assert_eq!(
        try_with(&rules, &json!({"sub": "a"})),
        Err(SignInRefusal::NoEmail)
    );
    for other in [
        "ada@example.com.evil.example",
        "ada@sub.example.com",
        "ada@evilexample.com",
    ] {
        assert_eq!(
            try_with(&rules, &claims(other, true)),
            Err(SignInRefusal::Domain),
            "{other}"
        );
    }
    let closed = SignInRules {
        create: false,
        ..rules.clone()
    };
    assert_eq!(
        try_with(&closed, &claims("ada@example.com", true)),
        Err(SignInRefusal::Closed)
    );
    let all = SignInRules {
        emails: Emails::All,
        ..rules
    };
    assert_eq!(
        try_with(&all, &claims("ada@example.com", false)),
        Ok(Verdict::Create)
    );
}

#[test]
fn an_email_that_is_taken_is_linked_only_between_two_that_are_proved() {
    let claims = json!({"sub": "a", "email": "ada@corp.example", "email_verified": true});
    let authority = SignInRules {
        authoritative: vec!["corp.example".to_owned()],
        ..SignInRules::new("idp")
    };
    let held = |verified, status| {
        Some(Held {
            user: user(1),
            verified,
            status,
        })
    };
    let decided = |rules: &SignInRules, held| decide(rules, &profile(&claims), None, held);
    assert_eq!(
        decided(&authority, held(true, UserStatus::Active)),
        Ok(Verdict::Link(user(1)))
    );
    assert_eq!(
        decided(&authority, held(false, UserStatus::Active)),
        Err(SignInRefusal::EmailTaken)
    );
    assert_eq!(
        decided(&authority, held(true, UserStatus::Disabled)),
        Err(SignInRefusal::Disabled)
    );
    let anyone = SignInRules::new("idp");
    assert_eq!(
        decided(&anyone, held(true, UserStatus::Active)),
        Err(SignInRefusal::EmailTaken)
    );
}

#[test]
fn roles_follow_groups_and_leave_others_alone() {
    let rules: Vec<RoleRule> = ["groups=staff:editor", "groups=root:admin", "org.unit=a:b:viewer"]
        .iter()
        .map(|rule| rule.parse().unwrap())
        .collect();
    let followed = |claims: Value, held: &[&str]| follow(&rules, claims.as_object().unwrap(), &roles(held));
    assert_eq!(
        followed(json!({"groups": ["staff"]}), &["user"]),
        roles(&["editor", "user"])
    );
    assert_eq!(
        followed(json!({"groups": "staff"}), &["admin", "user"]),
        roles(&["editor", "user"])
    );
    assert_eq!(
        followed(json!({}), &["admin", "editor", "by-hand"]),
        roles(&["by-hand"])
    );
    assert_eq!(followed(json!({"org": {"unit": "a:b"}}), &[]), roles(&["viewer"]));
    assert_eq!(followed(json!({"org.unit": "a:b"}), &[]), roles(&["viewer"]));
    assert_eq!(followed(json!({"groups": [7, null, ["staff"]]}), &[]), roles(&[]));
}

#[test]
fn a_rule_has_a_claim_a_value_and_a_role() {
    for bad in [
        "",
        "groups",
        "groups=staff",
        "=staff:editor",
        "groups=:editor",
        "groups=staff:",
        "groups=staff:no role",
    ] {
        assert!(bad.parse::<RoleRule>().is_err(), "{bad}");
    }
    let rule: RoleRule = "groups=a:b:editor".parse().unwrap();
    assert_eq!(rule.to_string(), "groups=a:b:editor");
}

#[test]
fn a_ticket_opens_here_in_its_time_and_for_its_kind() {
    let now = Timestamp::from_unix_seconds(1_700_000_000);
    let until = now + Duration::from_secs(60);
    let tickets = || {
        Tickets::new(Arc::new(Vault::new(
            &MasterKey::from_hex(&"07".repeat(32)).unwrap(),
        )))
    };
    let sealed = tickets().seal("flow", &"content", until, &SystemRng).unwrap();
    let open = |kind, text: &str, now| tickets().open::<String>(kind, text, now);
    let found = open("flow", sealed.expose_secret(), now).unwrap();
    assert_eq!((found.content.as_str(), found.once.until), ("content", until));
    assert_eq!(
        found.once,
        open("flow", sealed.expose_secret(), now).unwrap().once
    );
    assert!(open("flow", sealed.expose_secret(), until).is_none());
    assert!(open("code", sealed.expose_secret(), now).is_none());
    let other = Tickets::new(Arc::new(Vault::new(&MasterKey::generate(&SystemRng))));
    assert!(
        other
            .open::<String>("flow", sealed.expose_secret(), now)
            .is_none()
    );
    let again = tickets().seal("flow", &"content", until, &SystemRng).unwrap();
    assert_ne!(found.once, open("flow", again.expose_secret(), now).unwrap().once);
    assert!(
        tickets()
            .seal("flow", &"x".repeat(MOST_TICKET), until, &SystemRng)
            .is_none()
    );
}

fn some_email() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("ada@corp.example".to_owned()),
        Just("ADA@Corp.example".to_owned()),
        Just("eve@other.example".to_owned())
    ]
}

fn status() -> impl Strategy<Value = UserStatus> {
    prop_oneof![Just(UserStatus::Active), Just(UserStatus::Disabled)]
}

proptest! {
    /// Whatever is stated and whatever is configured: nobody gets into an account that is there but by a link, or by two
    /// proofs that its email is theirs.
    #[test]
    fn nobody_takes_over_an_account_by_an_email(
        email in proptest::option::of(some_email()),
        verified in any::<bool>(),
        all_emails in any::<bool>(),
        create in any::<bool>(),
        authoritative in proptest::collection::vec(prop_oneof![Just("corp.example"), Just("other.example")], 0..2),
        linked in proptest::option::of(status()),
        held in proptest::option::of((any::<bool>(), status())),
    ) {
        let rules = SignInRules {
            create,
            emails: if all_emails { Emails::All } else { Emails::Verified },
            authoritative: authoritative.iter().map(|domain| (*domain).to_owned()).collect(),
            ..SignInRules::new("idp")
        };
        let profile = profile(&json!({"sub": "s", "email": email, "email_verified": verified}));
        let held = held.map(|(verified, status)| Held { user: user(2), verified, status });
        let decided = decide(&rules, &profile, linked.map(|status| (user(1), status)), held);
        let known = verified || all_emails;
        match decided {
            Ok(Verdict::SignIn(who)) => {
                prop_assert_eq!((who, linked), (user(1), Some(UserStatus::Active)));
            }
            Ok(Verdict::Link(who)) => {
                let domain = profile.email.as_ref().unwrap().key().as_str().rsplit_once('@').unwrap().1.to_owned();
                prop_assert_eq!(who, user(2));
                prop_assert!(linked.is_none() && known && held.unwrap().verified);
                prop_assert!(held.unwrap().status == UserStatus::Active);
                prop_assert!(authoritative.contains(&domain.as_str()));
            }
            Ok(Verdict::Create) => {
                prop_assert!(linked.is_none() && create && known);
                prop_assert!(held.is_none() && profile.email.is_some());
            }
            Err(_) => {}
        }
    }

    #[test]
    fn a_rule_never_gives_a_role_that_it_does_not_name(groups in proptest::collection::vec("[a-c]{1,2}", 0..4), held in proptest::collection::vec("[a-c]{1,2}", 0..4)) {
        let rules: Vec<RoleRule> = ["groups=a:b", "groups=ab:c"].iter().map(|rule| rule.parse().unwrap()).collect();
        let held: Vec<RoleName> = held.iter().map(|name| name.parse().unwrap()).collect();
        let claims = json!({"groups": groups});
        for role in follow(&rules, claims.as_object().unwrap(), &held) {
            let given = rules.iter().any(|rule| rule.role == role && rule.holds(claims.as_object().unwrap()));
            let kept = held.contains(&role) && !rules.iter().any(|rule| rule.role == role);
            prop_assert!(given || kept);
        }
    }
}
