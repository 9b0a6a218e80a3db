use std::collections::HashMap;

use proptest::prelude::*;

use super::table::{Cursor, SHARDS, Table};
use crate::clock::Timestamp;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(i64::try_from(seconds).unwrap())
}

/// As names are: no two alike in any half. Those of the edge are 0 and the greatest.
fn name(n: u32) -> u128 {
    match n {
        0 => 0,
        1 => u128::MAX,
        2 => u128::from(u64::MAX),
        n => u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
    }
}

fn full(names: u32, until: Timestamp) -> Table<0> {
    let table = Table::default();
    for n in 0..names {
        assert!(table.raise(name(n), [], until), "{n}");
    }
    table
}

/// Sweeps to the end; gives how many were dropped, and the most places that a step looked at.
fn swept<const N: usize>(table: &Table<N>, now: Timestamp, budget: usize) -> (usize, usize) {
    let (mut cursor, mut dropped, mut most) = (Cursor::default(), 0, 0);
    while !Table::<N>::is_swept(cursor) {
        let step = table.sweep(&mut cursor, now, budget);
        dropped += step.dropped;
        most = most.max(step.visited);
    }
    (dropped, most)
}

const NAMES: u32 = 6_000;

#[derive(Clone, Debug)]
enum Act {
    Raise {
        names: std::ops::Range<u32>,
        numbers: [i64; 2],
        until: u64,
    },
    Sweep {
        now: u64,
        budget: usize,
    },
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0..NAMES, 1..NAMES, any::<[i64; 2]>(), 0..10u64).prop_map(|(from, count, numbers, until)| Act::Raise {
            names: from..(from + count).min(NAMES),
            numbers,
            until,
        }),
        1 => (0..12u64, 1..2_000usize).prop_map(|(now, budget)| Act::Sweep { now, budget }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_holds_what_a_map_would(acts in prop::collection::vec(any_act(), 0..12)) {
        let table = Table::<2>::default();
        let mut map = HashMap::<u128, ([i64; 2], Timestamp)>::new();
        for act in acts {
            match act {
                Act::Raise { names, numbers: [a, b], until } => for n in names {
                    let until = at(until);
                    let old = map.get(&name(n)).copied();
                    let ([c, d], end) = old.unwrap_or(([i64::MIN; 2], at(0)));
                    let new = ([a.max(c), b.max(d)], until.max(end));
                    map.insert(name(n), new);
                    let grew = table.raise(name(n), [a, b], until);
                    prop_assert_eq!(grew, old != Some(new), "{}", n);
                },
                Act::Sweep { now, budget } => {
                    let before = map.len();
                    map.retain(|_, (_, until)| *until >= at(now));
                    prop_assert_eq!(swept(&table, at(now), budget).0, before - map.len());
                }
            }
        }
        prop_assert_eq!(table.len(), map.len());
        for n in 0..NAMES {
            prop_assert_eq!(table.get(name(n)), map.get(&name(n)).map(|(numbers, _)| *numbers), "{}", n);
        }
    }
}

#[test]
fn a_step_of_a_sweep_looks_at_no_more_than_its_budget_and_one_shard() {
    let names = 200_000;
    let table = full(names, at(1));
    let shard = usize::try_from(names).unwrap() / SHARDS * 5 / 2;
    let (dropped, most) = swept(&table, at(2), 1_000);
    assert_eq!((dropped, table.len()), (200_000, 0));
    assert!(most <= 1_000 + shard, "{most} places at once, {shard} in a shard");
    // What is gone costs the next sweep nothing.
    let mut cursor = Cursor::default();
    let step = table.sweep(&mut cursor, at(2), usize::MAX);
    assert!(step.visited <= SHARDS * 16, "{step:?}");
}

#[test]
fn what_lives_is_found_beside_what_ended_and_after_it_went() {
    let table = full(50_000, at(10));
    for n in (0..50_000).step_by(3) {
        table.raise(name(n), [], at(20));
    }
    for now in [at(11), at(12)] {
        swept(&table, now, 777);
        for n in 0..50_000 {
            assert_eq!(table.get(name(n)).is_some(), n % 3 == 0, "{n}");
        }
    }
    assert_eq!(table.len(), 16_667);
}

/// Readers, beside one who writes and sweeps: a name that is in is never missed, however often its shard is built anew.
#[test]
fn readers_miss_nothing_while_shards_are_built_anew() {
    let table = full(2_000, at(1_000));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..20 {
                for n in 0..10_000 {
                    table.raise(name(1_000_000 + round * 10_000 + n), [], at(1));
                }
                swept(&table, at(2), 500);
            }
        });
        while !writer.is_finished() {
            for n in 0..2_000 {
                assert!(table.get(name(n)).is_some(), "{n}");
            }
        }
    });
    assert_eq!(table.len(), 2_000);
}

/// An estimate of the book ("Sizing").
#[test]
fn a_name_takes_at_most_two_and_a_half_places() {
    for names in [20_000, 50_000, 90_000] {
        let table = full(names, at(1));
        let places = table.places();
        assert!(
            places * 2 <= usize::try_from(names).unwrap() * 5,
            "{places} for {names}"
        );
    }
}
