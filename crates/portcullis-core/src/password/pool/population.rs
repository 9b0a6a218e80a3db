use super::pace::Pace;
use crate::password::{Argon2Params, recipe::Recipe};

/// More kinds of hashes than an installation ever has: the most frequent ones count.
const MOST_KINDS: usize = 64;

/// In which proportions kinds of hashes are stored: the checks that are only for show copy them.
pub(super) struct Population {
    /// With the number of hashes of this kind and all kinds before it. Never empty, and the last number is not zero.
    kinds: Vec<(Recipe, u64)>,
}

impl Population {
    /// All of one kind.
    pub(super) fn uniform(recipe: Recipe) -> Self {
        Self {
            kinds: vec![(recipe, 1)],
        }
    }

    /// From numbers of hashes by kind; those that cannot be checked do not count. `None` when nothing is left.
    pub(super) fn new(counted: &[(String, u64)]) -> Option<Self> {
        let mut known: Vec<(&str, Recipe, u64)> = counted
            .iter()
            .filter(|(_, number)| *number > 0)
            .filter_map(|(kind, number)| Some((kind.as_str(), Recipe::parse(kind).ok()?, *number)))
            .collect();
        known.sort_by_key(|(_, _, number)| std::cmp::Reverse(*number));
        known.truncate(MOST_KINDS);
        // In an order of their own, so that an identifier keeps its kind while numbers move.
        known.sort_by_key(|(kind, _, _)| *kind);
        let mut sum = 0u64;
        let kinds: Vec<_> = known
            .into_iter()
            .map(|(_, recipe, number)| {
                sum = sum.saturating_add(number);
                (recipe, sum)
            })
            .collect();
        (!kinds.is_empty()).then_some(Self { kinds })
    }

    fn total(&self) -> u64 {
        self.kinds.last().map_or(1, |(_, sum)| *sum)
    }

    /// The kind at a point of the whole range of `u64`.
    pub(super) fn pick(&self, point: u64) -> Recipe {
        let scaled = ((u128::from(point) * u128::from(self.total())) >> 64) as u64;
        let at = self.kinds.partition_point(|(_, sum)| *sum <= scaled);
        self.kinds[at.min(self.kinds.len() - 1)].0
    }

    /// Nanoseconds that a job takes on average.
    pub(super) fn mean(&self, pace: &Pace) -> u64 {
        let mut before = 0;
        let sum = self.kinds.iter().fold(0u128, |all, (recipe, sum)| {
            let number = sum - before;
            before = *sum;
            all.saturating_add(u128::from(pace.estimate(recipe)) * u128::from(number))
        });
        u64::try_from(sum / u128::from(self.total())).unwrap_or(u64::MAX)
    }
}

/// How many hashes there are, and how many of them are weaker than what is made with `params`. One that cannot be read is.
pub(super) fn count(kinds: &[(String, u64)], params: Argon2Params) -> (u64, u64) {
    kinds.iter().fold((0, 0), |(stored, weak), (kind, number)| {
        let outdated = Recipe::parse(kind).map_or(true, |recipe| recipe.outdated(params));
        (
            stored.saturating_add(*number),
            weak.saturating_add(if outdated { *number } else { 0 }),
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn kinds_are_picked_in_proportion() {
        let kinds = [
            ("$2b$10".to_owned(), 250),
            ("$argon2id$v=19$m=19456,t=2,p=1".to_owned(), 750),
            ("$6$rounds=5000".to_owned(), 9_000),
            ("$2b$12".to_owned(), 0),
        ];
        let population = Population::new(&kinds).unwrap();
        let bcrypt = Recipe::parse("$2b$10").unwrap();
        let points = 10_000u64;
        let picked = (0..points)
            .filter(|n| population.pick(n * (u64::MAX / points)) == bcrypt)
            .count();
        assert!((2_499..=2_501).contains(&picked), "{picked}");
        assert_ne!(population.pick(u64::MAX), bcrypt);
        let pace = Pace::default();
        let argon2 = Recipe::parse(&kinds[1].0).unwrap();
        assert_eq!(
            population.mean(&pace),
            (pace.estimate(&bcrypt) + 3 * pace.estimate(&argon2)) / 4
        );
    }

    #[test]
    fn what_is_weaker_or_of_another_family_counts_as_weak() {
        let kinds = [
            ("$argon2id$v=19$m=19456,t=2,p=1".to_owned(), 100),
            ("$argon2id$v=19$m=65536,t=3,p=1".to_owned(), 20),
            ("$argon2id$v=19$m=19456,t=1,p=1".to_owned(), 3),
            ("$2b$10".to_owned(), 4),
            ("md5".to_owned(), 5),
        ];
        assert_eq!(count(&kinds, Argon2Params::default()), (132, 12));
        assert_eq!(count(&[], Argon2Params::default()), (0, 0));
    }

    #[test]
    fn nothing_usable_is_no_population() {
        assert!(Population::new(&[]).is_none());
        assert!(Population::new(&[("md5".to_owned(), 5), ("$2b$10".to_owned(), 0)]).is_none());
    }

    proptest! {
        #[test]
        fn any_numbers_and_points_do(numbers in prop::collection::vec(any::<u64>(), 1..100), point: u64) {
            let kinds: Vec<_> = numbers.iter().enumerate()
                .map(|(n, number)| (format!("$pbkdf2-sha256$i={}", n + 1), *number)).collect();
            if let Some(population) = Population::new(&kinds) {
                let _ = population.pick(point);
                prop_assert!(population.mean(&Pace::default()) > 0);
            }
        }
    }
}
