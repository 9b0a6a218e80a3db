use proptest::prelude::*;

use super::{Access, Credentials, Holder, Requirement};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Holds the roles and scopes whose bit is set.
struct Bits(u8);

impl Bits {
    fn has(&self, name: &str, shift: usize) -> bool {
        NAMES
            .iter()
            .position(|known| *known == name)
            .is_some_and(|at| self.0 >> (at + shift) & 1 == 1)
    }
}

impl Holder for Bits {
    fn has_role(&self, name: &str) -> bool {
        self.has(name, 0)
    }

    fn has_scope(&self, name: &str) -> bool {
        self.has(name, 3)
    }
}

fn requirement() -> impl Strategy<Value = Requirement> {
    let leaf = prop_oneof![
        Just(Requirement::Public),
        Just(Requirement::Authenticated),
        prop::sample::select(&NAMES).prop_map(Requirement::Role),
        prop::sample::select(&NAMES).prop_map(Requirement::Scope),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let parts = prop::collection::vec(inner, 1..4);
        prop_oneof![
            parts.clone().prop_map(Requirement::AnyOf),
            parts.prop_map(Requirement::AllOf)
        ]
    })
}

fn access() -> impl Strategy<Value = Access> {
    let credentials =
        prop::sample::select(&[Credentials::Ignored, Credentials::Optional, Credentials::Required]);
    (requirement(), credentials).prop_map(|(requirement, credentials)| Access {
        requirement,
        credentials,
        names: Vec::new(),
    })
}

proptest! {
    /// A group's demand never weakens a handler's, nor the other way round.
    #[test]
    fn both_demands_hold(one in access(), two in access(), bits in 0_u8..64) {
        let holder = Bits(bits);
        let met = |access: &Access| access.requirement.met_by(&holder);
        let both = one.clone().and(two.clone());
        prop_assert_eq!(met(&both), met(&one) && met(&two));
        prop_assert_eq!(both.credentials, one.credentials.max(two.credentials));
    }
}

#[test]
fn what_anyone_may_do_is_not_named_twice() {
    let access = |requirement| Access {
        requirement,
        ..Access::public()
    };
    let role = || access(Requirement::Role("a"));
    for other in [
        Requirement::Public,
        Requirement::Authenticated,
        Requirement::Role("a"),
    ] {
        assert_eq!(role().and(access(other.clone())), role());
        assert_eq!(access(other).and(role()), role());
    }
    let authenticated = access(Requirement::Authenticated);
    assert_eq!(Access::public().and(authenticated.clone()), authenticated);
    assert_eq!(authenticated.clone().and(Access::public()), authenticated);
}
