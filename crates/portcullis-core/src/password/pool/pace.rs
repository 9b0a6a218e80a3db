use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::password::recipe::{Family, Recipe};

/// How long a unit of work of each family takes on this machine, as measured: an exponentially weighted mean in
/// picoseconds. Before the first job it is a guess for a server of today.
pub(super) struct Pace([AtomicU64; 5]);

/// Argon2: a KiB in one pass. Bcrypt: a round. Scrypt: N·r·p. PBKDF2: a round.
const GUESS: [u64; 5] = [700_000, 55_000_000, 350_000, 250_000, 500_000];

const fn index(family: Family) -> usize {
    match family {
        Family::Argon2 => 0,
        Family::Bcrypt => 1,
        Family::Scrypt => 2,
        Family::Pbkdf2Sha256 => 3,
        Family::Pbkdf2Sha512 => 4,
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self(GUESS.map(AtomicU64::new))
    }
}

impl Pace {
    /// Nanoseconds that a job of this kind will take.
    pub(super) fn estimate(&self, recipe: &Recipe) -> u64 {
        let unit = self.0[index(recipe.family())].load(Relaxed);
        unit.saturating_mul(recipe.work()) / 1_000
    }

    /// Takes a finished job into account. Two threads at once may lose one of two measurements, which is no harm.
    pub(super) fn observe(&self, recipe: &Recipe, elapsed: Duration) {
        let at = index(recipe.family());
        let old = self.0[at].load(Relaxed);
        let measured = elapsed.as_nanos().saturating_mul(1_000) / u128::from(recipe.work().max(1));
        // A machine that slept during a job must not make us refuse everyone for long afterwards.
        let most = old.max(GUESS[at] / 8).saturating_mul(8);
        let measured = u64::try_from(measured).unwrap_or(u64::MAX).min(most);
        self.0[at].store(old - old / 4 + measured / 4, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::Argon2Params;

    #[test]
    fn the_estimate_follows_what_is_measured() {
        let pace = Pace::default();
        let recipe = Recipe::from(Argon2Params::default());
        for _ in 0..40 {
            pace.observe(&recipe, Duration::from_millis(80));
        }
        let estimate = pace.estimate(&recipe);
        assert!((79_000_000..=81_000_000).contains(&estimate), "{estimate}");
        // Twice the passes take twice as long; other families are measured by themselves.
        let double = Recipe::parse("$argon2id$v=19$m=19456,t=4,p=1").unwrap();
        assert_eq!(pace.estimate(&double) / 1_000, 2 * estimate / 1_000);
        let bcrypt = Recipe::parse("$2b$10").unwrap();
        assert_eq!(pace.estimate(&bcrypt), Pace::default().estimate(&bcrypt));
    }

    #[test]
    fn one_absurd_measurement_is_forgotten_soon() {
        let pace = Pace::default();
        let recipe = Recipe::from(Argon2Params::default());
        let usual = Duration::from_nanos(pace.estimate(&recipe));
        pace.observe(&recipe, Duration::from_hours(10));
        assert!(Duration::from_nanos(pace.estimate(&recipe)) < 3 * usual);
        for _ in 0..10 {
            pace.observe(&recipe, usual);
        }
        assert!(Duration::from_nanos(pace.estimate(&recipe)) < usual + usual / 4);
    }

    #[test]
    fn a_clock_that_stands_still_does_no_harm() {
        let pace = Pace::default();
        let recipe = Recipe::from(Argon2Params::default());
        for _ in 0..200 {
            pace.observe(&recipe, Duration::ZERO);
        }
        for _ in 0..40 {
            pace.observe(&recipe, Duration::from_millis(20));
        }
        assert!(pace.estimate(&recipe) > 15_000_000);
    }
}
