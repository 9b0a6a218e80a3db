use std::{collections::HashMap, sync::Arc, time::Duration};

use proptest::prelude::*;

use super::{Decision, Limiter, Quota, Rule, log::Log};
use crate::{
    clock::{Clock, MovableClock},
    rng::{Rng, SystemRng},
};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

struct Fixed;

impl Rng for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn rule(name: &'static str, limit: u32, seconds: u64) -> Rule {
    Rule::new(name, Quota::new(limit, Duration::from_secs(seconds)).unwrap())
}

fn limiter(capacity: usize) -> (Limiter, Arc<MovableClock>) {
    let clock = Arc::new(MovableClock::default());
    let limiter = Limiter::new(capacity, Arc::clone(&clock) as Arc<dyn Clock>, &Fixed);
    (limiter, clock)
}

fn key(n: usize) -> [u8; 8] {
    n.to_be_bytes()
}

/// How many of `n` requests are allowed.
fn allowed(limiter: &Limiter, rule: &Rule, n: usize, of: usize) -> usize {
    (0..of).filter(|_| limiter.check(rule, &key(n)).allowed).count()
}

#[test]
fn the_window_slides_and_forgets_each_request_by_itself() {
    let (limiter, clock) = limiter(100);
    let login = rule("login", 3, 60);
    for seconds in [0, 10, 20] {
        assert!(limiter.check(&login, b"a").allowed, "{seconds}");
        clock.advance(10 * SECOND);
    }
    // At 30 s; the first request leaves at 60 s.
    let refused = limiter.check(&login, b"a");
    assert_eq!(
        (refused.allowed, refused.remaining, refused.retry_after),
        (false, 0, Some(30 * SECOND))
    );
    clock.advance((30 * SECOND).saturating_sub(MILLI));
    assert!(!limiter.check(&login, b"a").allowed);
    clock.advance(MILLI);
    let again = limiter.check(&login, b"a");
    assert_eq!(
        (again.allowed, again.remaining, again.reset_after),
        (true, 0, 10 * SECOND)
    );
    assert!(!limiter.check(&login, b"a").allowed);
    assert!(limiter.check(&login, b"b").allowed);
}

#[test]
fn refused_requests_do_not_put_off_the_next_one() {
    let (limiter, clock) = limiter(100);
    let login = rule("login", 1, 60);
    assert!(limiter.check(&login, b"a").allowed);
    for _ in 0..59 {
        clock.advance(SECOND);
        assert!(!limiter.check(&login, b"a").allowed);
    }
    clock.advance(SECOND);
    assert!(limiter.check(&login, b"a").allowed);
}

#[test]
fn rules_count_apart() {
    let (limiter, _) = limiter(100);
    let (login, register, other) = (
        rule("login", 1, 60),
        rule("register", 1, 60),
        rule("login", 1, 61),
    );
    for rule in [&login, &register, &other] {
        assert!(limiter.check(rule, b"a").allowed);
        assert!(!limiter.check(rule, b"a").allowed);
    }
}

#[test]
fn fields_are_those_of_the_draft_and_rounded_so_that_waiting_helps() {
    let (limiter, clock) = limiter(100);
    let login = rule("login", 2, 60);
    let _first = limiter.check(&login, b"a");
    clock.advance(Duration::from_millis(4001));
    let second = limiter.check(&login, b"a");
    assert_eq!(second.policy_field(), "\"login\";q=2;w=60");
    assert_eq!(second.ratelimit_field(), "\"login\";r=0;t=56");
    assert_eq!(second.retry_after_field(), None);
    let refused = limiter.check(&login, b"a");
    assert_eq!(refused.retry_after_field().as_deref(), Some("56"));
    clock.advance(56 * SECOND);
    assert!(limiter.check(&login, b"a").allowed);
}

#[test]
fn a_full_shard_forgets_expired_keys_first() {
    let (limiter, clock) = limiter(3);
    let (short, long) = (rule("short", 5, 1), rule("long", 5, 600));
    let _ = limiter.check(&long, b"a");
    // At its limit a moment ago, and now nothing.
    assert_eq!(allowed(&limiter, &short, 1, 9), 5);
    let _ = limiter.check(&long, b"b");
    clock.advance(2 * SECOND);
    let _ = limiter.check(&long, b"c");
    assert_eq!(limiter.len(), 3);
    for key in [b"a", b"b", b"c"] {
        assert_eq!(limiter.check(&long, key).remaining, 3);
    }
}

#[test]
fn a_full_shard_forgets_who_is_furthest_below_the_limit_in_proportion() {
    let (limiter, _) = limiter(3);
    let (login, api) = (rule("login", 5, 60), rule("api", 100, 60));
    assert_eq!(allowed(&limiter, &login, 1, 4), 4);
    // 90 more would be allowed to it than to the others, yet it is the one closest to its limit but one.
    assert_eq!(allowed(&limiter, &api, 2, 90), 90);
    assert_eq!(allowed(&limiter, &login, 3, 1), 1);
    // The newcomer takes the place of 3, and comes as if it had been it.
    assert_eq!(limiter.check(&login, &key(4)).remaining, 3);
    assert_eq!(limiter.check(&login, &key(1)).remaining, 0);
    assert_eq!(limiter.check(&api, &key(2)).remaining, 9);
    assert_eq!(limiter.len(), 3);
}

#[test]
fn newcomers_of_a_shard_full_of_keys_at_their_limits_share_one_allowance() {
    let (limiter, clock) = limiter(10);
    let login = rule("login", 3, 60);
    for n in 0..10 {
        assert_eq!(allowed(&limiter, &login, n, 5), 3);
    }
    clock.advance(SECOND);
    let newcomers: usize = (10..1000).map(|n| allowed(&limiter, &login, n, 2)).sum();
    assert_eq!(newcomers, 3);
    for n in 0..10 {
        assert_eq!(allowed(&limiter, &login, n, 1), 0, "{n} was reset");
    }
    // Other rules have an allowance of their own.
    let register = rule("register", 2, 60);
    let newcomers: usize = (0..100).map(|n| allowed(&limiter, &register, n, 2)).sum();
    assert_eq!(newcomers, 2);
    // What was counted together holds against each of them until it has left the window.
    clock.advance(59 * SECOND);
    assert_eq!(allowed(&limiter, &login, 2000, 1), 0);
    assert_eq!(allowed(&limiter, &login, 0, 5), 3);
    clock.advance(SECOND);
    assert_eq!(allowed(&limiter, &login, 2000, 5), 3);
}

#[test]
fn a_flood_of_new_keys_buys_nobody_a_second_try() {
    let (limiter, _) = limiter(500);
    let login = rule("login", 5, 60);
    assert_eq!(allowed(&limiter, &login, 0, 4), 4);
    for n in 1..20_000 {
        let _ = limiter.check(&login, &key(n));
    }
    assert!(allowed(&limiter, &login, 0, 5) <= 1);
    assert!(limiter.len() <= 500);
}

#[test]
fn memory_goes_back_when_windows_are_over() {
    let (limiter, clock) = limiter(1000);
    let login = rule("login", 5, 60);
    for n in 0..2000 {
        let _ = limiter.check(&login, &key(n));
    }
    assert!(limiter.len() > 900, "{}", limiter.len());
    limiter.sweep();
    assert!(limiter.len() > 900);
    clock.advance(60 * SECOND);
    limiter.sweep();
    assert!(limiter.is_empty());
}

#[test]
fn several_rules_decide_together_and_count_all_or_nothing() {
    let (limiter, clock) = limiter(1000);
    let (by_address, by_account) = (rule("address", 3, 60), rule("account", 2, 600));
    let ask = |address: usize, account: usize| {
        limiter
            .check_all(&[(&by_address, &key(address)), (&by_account, &key(account))])
            .unwrap()
    };
    let first = ask(1, 1);
    assert_eq!(
        (first.allowed, first.rule(), first.remaining),
        (true, "account", 1)
    );
    assert!(ask(1, 1).allowed);
    for _ in 0..5 {
        let refused = ask(1, 1);
        assert_eq!(
            (refused.allowed, refused.rule(), refused.retry_after),
            (false, "account", Some(600 * SECOND))
        );
    }
    // The refusals cost the address nothing: it has one left.
    let third = ask(1, 2);
    assert_eq!(
        (third.allowed, third.rule(), third.remaining),
        (true, "address", 0)
    );
    let refused = ask(1, 3);
    assert_eq!((refused.allowed, refused.rule()), (false, "address"));
    // Both refuse: the longer wait is told.
    assert_eq!(ask(1, 1).rule(), "account");
    // And cost account 3 nothing.
    clock.advance(60 * SECOND);
    assert_eq!(ask(1, 3).remaining, 1);
    assert_eq!(limiter.check_all(&[]), None);
}

#[test]
fn the_same_question_twice_in_one_is_counted_once() {
    let (limiter, _) = limiter(1000);
    let login = rule("login", 3, 60);
    for left in [2, 1, 0] {
        let decision = limiter.check_all(&[(&login, b"a"), (&login, b"a")]).unwrap();
        assert_eq!((decision.allowed, decision.remaining), (true, left));
    }
    assert!(
        !limiter
            .check_all(&[(&login, b"a"), (&login, b"a")])
            .unwrap()
            .allowed
    );
}

#[test]
fn parallel_requests_get_the_limit_and_not_one_more() {
    let (limiter, _) = limiter(1000);
    let login = rule("login", 50, 60);
    let total: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| allowed(&limiter, &login, 1, 100)))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(total, 50);
}

#[test]
fn parallel_requests_for_several_keys_neither_lock_each_other_nor_slip_through() {
    // Many shards, so that the keys lie in different ones.
    let (limiter, _) = limiter(10_000);
    let (a, b) = (rule("a", 100, 60), rule("b", 40, 60));
    let count = |turned: bool| {
        (0..500)
            .filter(|n| {
                let (x, y) = (key(n % 3), key(n % 2));
                let asked: [(&Rule, &[u8]); 2] = if turned {
                    [(&b, &y), (&a, &x)]
                } else {
                    [(&a, &x), (&b, &y)]
                };
                limiter.check_all(&asked).unwrap().allowed
            })
            .count()
    };
    let total: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| scope.spawn(move || count(thread % 2 == 0)))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    // Two keys of 40.
    assert_eq!(total, 80);
}

#[test]
fn keys_are_hashed_with_a_random_key() {
    let login = rule("login", 5, 60);
    let clock: Arc<dyn Clock> = Arc::new(MovableClock::default());
    let hash = |rng: &dyn Rng| Limiter::new(256, Arc::clone(&clock), rng).hash(&login, b"192.0.2.1");
    assert_eq!(hash(&Fixed), hash(&Fixed));
    // Or an outsider could choose keys that meet in one shard.
    assert_ne!(hash(&SystemRng), hash(&SystemRng));
}

/// One request.
#[derive(Clone, Debug)]
struct Ask {
    wait_millis: u64,
    key: usize,
    rule: usize,
    /// Together with the same key under the other rule.
    both: bool,
}

fn asks(keys: usize, n: usize) -> impl Strategy<Value = Vec<Ask>> {
    let wait = prop_oneof![3 => Just(0), 3 => 0..200u64, 1 => 0..4000u64];
    let ask =
        (wait, 0..keys, 0..2usize, prop::bool::weighted(0.2)).prop_map(|(wait_millis, key, rule, both)| {
            Ask {
                wait_millis,
                key,
                rule,
                both,
            }
        });
    prop::collection::vec(ask, 0..n)
}

/// What was let through, by rule and key, in nanoseconds.
type Passed = HashMap<(usize, usize), Vec<u128>>;

/// Runs the schedule; calls `each` with what had passed before each request.
fn run(
    limiter: &Limiter,
    clock: &MovableClock,
    rules: &[Rule; 2],
    asks: &[Ask],
    mut each: impl FnMut(&Ask, u128, &Decision, &Passed),
) -> Passed {
    let mut passed = Passed::new();
    for ask in asks {
        clock.advance(Duration::from_millis(ask.wait_millis));
        let now = clock.monotonic().as_nanos();
        let k = key(ask.key);
        let decision = if ask.both {
            limiter.check_all(&[(&rules[0], &k), (&rules[1], &k)]).unwrap()
        } else {
            limiter.check(&rules[ask.rule], &k)
        };
        each(ask, now, &decision, &passed);
        if decision.allowed {
            for rule in 0..2 {
                if ask.both || rule == ask.rule {
                    passed.entry((rule, ask.key)).or_default().push(now);
                }
            }
        }
    }
    passed
}

fn two_rules() -> impl Strategy<Value = [Rule; 2]> {
    (1..5u32, 1..4u64, 1..8u32, 1..6u64).prop_map(|(l, w, m, v)| [rule("one", l, w), rule("two", m, v)])
}

fn within(passed: &Passed, place: (usize, usize), rule: &Rule, now: u128) -> usize {
    passed.get(&place).map_or(0, |times| {
        times
            .iter()
            .filter(|at| now - **at < rule.quota().window().as_nanos())
            .count()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever is forgotten: few places, many keys.
    #[test]
    fn no_key_ever_gets_more_than_its_limit_in_a_window(
        rules in two_rules(), capacity in 1..6usize, asks in asks(12, 300),
    ) {
        let (limiter, clock) = limiter(capacity);
        let passed = run(&limiter, &clock, &rules, &asks, |_, _, _, _| {});
        for ((rule, key), times) in passed {
            let quota = rules[rule].quota();
            let limit = quota.limit() as usize;
            for pair in times.windows(limit + 1) {
                let span = pair[limit] - pair[0];
                prop_assert!(span >= quota.window().as_nanos(), "rule {rule} key {key}: {pair:?}");
            }
        }
        prop_assert!(limiter.len() <= capacity);
        let most: usize = rules.iter().map(|rule| rule.quota().limit() as usize).max().unwrap();
        prop_assert!(limiter.slots() <= (capacity + 2) * most, "{}", limiter.slots());
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// And while there is room, exactly its limit.
    #[test]
    fn with_room_each_request_is_decided_exactly(rules in two_rules(), asks in asks(4, 200)) {
        let (limiter, clock) = limiter(8);
        let mut wrong = None;
        let _ = run(&limiter, &clock, &rules, &asks, |ask, now, decision, passed| {
            let room = (0..2)
                .filter(|rule| ask.both || *rule == ask.rule)
                .all(|rule| within(passed, (rule, ask.key), &rules[rule], now) < rules[rule].quota().limit() as usize);
            if decision.allowed != room {
                wrong = Some((ask.clone(), *decision));
            }
        });
        prop_assert!(wrong.is_none(), "{wrong:?}");
    }

    #[test]
    fn filling_with_new_keys_never_resets_a_key_at_its_limit(
        limit in 1..5u32, capacity in 1..300usize, flood in 1..700usize, each in 1..4usize,
    ) {
        let (limiter, clock) = limiter(capacity);
        let login = rule("login", limit, 60);
        prop_assert_eq!(allowed(&limiter, &login, 0, 9), limit as usize);
        for n in 1..flood {
            allowed(&limiter, &login, n, each);
        }
        clock.advance((60 * SECOND).saturating_sub(MILLI));
        prop_assert_eq!(allowed(&limiter, &login, 0, 1), 0);
        prop_assert!(limiter.len() <= capacity);
    }

    #[test]
    fn waiting_as_long_as_told_helps_and_shorter_does_not(
        rules in two_rules(), asks in asks(3, 60), capacity in 1..8usize,
    ) {
        let (limiter, clock) = limiter(capacity);
        let _ = run(&limiter, &clock, &rules, &asks, |_, _, _, _| {});
        let refused = (0..9).map(|_| limiter.check(&rules[0], &key(0))).find(|decision| !decision.allowed);
        let wait = refused.unwrap().retry_after.unwrap();
        clock.advance(wait.saturating_sub(MILLI));
        prop_assert!(!limiter.check(&rules[0], &key(0)).allowed);
        clock.advance(MILLI);
        prop_assert!(limiter.check(&rules[0], &key(0)).allowed);
    }

    /// Counted from the newest, no request of either is later than that of the joined log.
    #[test]
    fn a_joined_log_is_as_strict_as_both(
        mut a in prop::collection::vec(0..1000u64, 0..8), mut b in prop::collection::vec(0..1000u64, 0..8),
    ) {
        a.sort_unstable();
        b.sort_unstable();
        let log = |times: &[u64]| {
            let mut log = Log::default();
            for at in times {
                log.push(*at, 8);
            }
            log
        };
        let mut joined = log(&a);
        joined.join(&log(&b));
        for now in 0..1200 {
            let live = joined.live(now, 200);
            prop_assert_eq!(live, log(&a).live(now, 200).max(log(&b).live(now, 200)), "{}", now);
        }
    }
}
