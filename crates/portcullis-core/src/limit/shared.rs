//! Limits that several nodes have in common.

use std::{cmp::Reverse, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{Decision, Rule};
use crate::key::{MacKey, Vault};

/// One question to what nodes share: a rule, and who is counted under it.
#[derive(Clone, Copy, Debug)]
pub struct SharedAsk {
    /// The rule.
    pub rule: Rule,
    /// A keyed hash (HMAC-SHA-256, 128 bits, a key that all nodes derive from their master key) of rule and caller: what
    /// leaves this machine tells neither addresses nor accounts.
    pub key: [u8; 16],
}

/// How a caller stands with all nodes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedStanding {
    /// Requests within the window, this one included if it was allowed.
    pub live: u32,
    /// Microseconds until more are allowed than now.
    pub reset_after_micros: u64,
}

/// Counts that nodes share. Implemented over Redis by the crate `portcullis`.
#[async_trait]
pub trait SharedCounts: Send + Sync + 'static {
    /// Decides about one request under several rules at once, and counts it under all or none: allowed only where each rule
    /// allows it. Gives whether it was, and how the caller stands under each rule, in the order of `asked`.
    ///
    /// `None` when it cannot tell, or not soon: the node then decides by itself. Never waits for long.
    async fn count(&self, asked: &[SharedAsk]) -> Option<(bool, Vec<SharedStanding>)>;

    /// Whether nobody can be asked at present. For a metric.
    fn away(&self) -> bool;
}

/// [`SharedCounts`], as a configuration holds them.
#[derive(Clone)]
pub struct Shared(pub Arc<dyn SharedCounts>);

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

/// Makes the keys under which others count: the same on all nodes of an installation.
pub(crate) struct SharedKeys(MacKey);

impl SharedKeys {
    pub(crate) fn new(vault: &Vault) -> Self {
        Self(MacKey::derive(vault, "shared limits"))
    }

    pub(crate) fn ask(&self, rule: &Rule, key: &[u8]) -> SharedAsk {
        let quota = rule.quota();
        // Fixed lengths behind the name, and no NUL in it: no two questions are spelled alike.
        let key = self.0.tag(&[
            rule.name().as_bytes(),
            &[0],
            &quota.limit().to_be_bytes(),
            &quota.window().as_secs().to_be_bytes(),
            key,
        ]);
        SharedAsk { rule: *rule, key }
    }
}

/// The decision that binds most: of refusals the longest, else the one that leaves the least. `None` for an answer that cannot
/// be, such as a refusal where no limit is reached: whoever gives it is not to be believed.
pub(crate) fn binding(asked: &[SharedAsk], allowed: bool, standings: &[SharedStanding]) -> Option<Decision> {
    if asked.len() != standings.len() {
        return None;
    }
    let limit = |ask: &SharedAsk| ask.rule.quota().limit();
    let both = || asked.iter().zip(standings);
    let decision = |ask: &SharedAsk, standing: &SharedStanding| {
        let window = ask.rule.quota().window();
        let reset = Duration::from_micros(standing.reset_after_micros).min(window);
        Decision::new(&ask.rule, allowed, standing.live as usize, reset)
    };
    if allowed {
        if both().any(|(ask, standing)| !(1..=limit(ask)).contains(&standing.live)) {
            return None;
        }
        both()
            .map(|(ask, standing)| decision(ask, standing))
            .min_by_key(|decision| (decision.remaining, Reverse(decision.reset_after)))
    } else {
        both()
            .filter(|(ask, standing)| standing.live >= limit(ask))
            .map(|(ask, standing)| decision(ask, standing))
            .max_by_key(|decision| decision.retry_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        key::MasterKey,
        limit::{Quota, address_key},
        rng::SystemRng,
    };

    fn rule(name: &'static str, limit: u32) -> Rule {
        Rule::new(name, Quota::new(limit, Duration::from_secs(60)).unwrap())
    }

    #[test]
    fn nodes_of_one_installation_agree_on_keys_and_nobody_else_does() {
        let master = MasterKey::generate(&SystemRng);
        let keys = || SharedKeys::new(&Vault::new(&master));
        let address = address_key([192, 0, 2, 1].into());
        let key = keys().ask(&rule("login", 5), &address).key;
        assert_eq!(keys().ask(&rule("login", 5), &address).key, key);
        assert_ne!(keys().ask(&rule("login", 6), &address).key, key);
        assert_ne!(keys().ask(&rule("refresh", 5), &address).key, key);
        assert_ne!(
            keys()
                .ask(&rule("login", 5), &address_key([192, 0, 2, 2].into()))
                .key,
            key
        );
        let other = SharedKeys::new(&Vault::new(&MasterKey::generate(&SystemRng)));
        assert_ne!(other.ask(&rule("login", 5), &address).key, key);
    }

    #[test]
    fn the_decision_that_binds_most_is_told() {
        let master = MasterKey::generate(&SystemRng);
        let keys = SharedKeys::new(&Vault::new(&master));
        let asked = [
            keys.ask(&rule("address", 5), b"a"),
            keys.ask(&rule("account", 3), b"b"),
        ];
        let standing = |live, reset_after_micros| SharedStanding {
            live,
            reset_after_micros,
        };
        let allowed = binding(&asked, true, &[standing(2, 9), standing(2, 9)]).unwrap();
        assert_eq!(
            (allowed.rule(), allowed.remaining, allowed.retry_after),
            ("account", 1, None)
        );
        // Only one is full: the other one does not bind, however long it takes.
        let refused = binding(&asked, false, &[standing(4, 90_000_000), standing(3, 1_500_000)]).unwrap();
        assert!(!refused.allowed);
        assert_eq!(
            (refused.rule(), refused.retry_after),
            ("account", Some(Duration::from_millis(1500)))
        );
    }
    #[test]
    fn an_answer_that_cannot_be_decides_nothing() {
        let keys = SharedKeys::new(&Vault::new(&MasterKey::generate(&SystemRng)));
        let asked = [
            keys.ask(&rule("address", 5), b"a"),
            keys.ask(&rule("account", 3), b"b"),
        ];
        let standings = |lives: &[u32]| -> Vec<SharedStanding> {
            let standing = |live: &u32| SharedStanding {
                live: *live,
                reset_after_micros: u64::MAX,
            };
            lives.iter().map(standing).collect()
        };
        assert_eq!(binding(&asked, false, &standings(&[4, 2])), None);
        assert_eq!(binding(&asked, true, &standings(&[4, 4])), None);
        assert_eq!(binding(&asked, true, &standings(&[0, 1])), None);
        assert_eq!(binding(&asked, true, &standings(&[1])), None);
        assert_eq!(binding(&asked, false, &[]), None);
        // At the very limit is no nonsense, and nobody waits for longer than the window.
        let last = binding(&asked, true, &standings(&[5, 3])).unwrap();
        assert_eq!((last.remaining, last.reset_after), (0, Duration::from_secs(60)));
    }
}
