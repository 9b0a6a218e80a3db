//! Whether two times are equal, as a statement that can be wrong with a known chance.
//!
//! A test of difference that finds none proves nothing: with few or noisy samples it never finds one. Here the burden
//! lies the other way round, by two one-sided tests (TOST; Schuirmann 1987): times are called equal only if the data
//! exclude, each time with error probability alpha, that their ratio is above the bound or below its inverse. Noise makes
//! the test fail, not pass.
//!
//! The statistic is the trimmed mean of logarithms with Yuen's standard error: a few samples that the machine
//! disturbed weigh nothing, and the result is a ratio. Samples taken side by side are compared pair by pair, so that what
//! else the machine does at the time weighs on both.

/// Error probability of each of the two tests.
pub const ALPHA: f64 = 0.05;

/// Quantile of the normal distribution for [`ALPHA`]: samples are too many for Student's to differ.
const Z: f64 = 1.645;

/// Share of samples cut off at either end.
const TRIM: f64 = 0.2;

/// What the samples say about the ratio of two times.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    /// The estimate.
    pub estimate: f64,
    /// Lower end of the interval in which it lies but for [`ALPHA`].
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Ratio {
    /// Of `one` to `other`, each a list of times in seconds.
    ///
    /// # Panics
    /// With fewer than 30 samples of either.
    #[must_use]
    pub fn of(one: &[f64], other: &[f64]) -> Self {
        let (one, other) = (Trimmed::of(one), Trimmed::of(other));
        let difference = one.mean - other.mean;
        let margin = Z * (one.variance + other.variance).sqrt();
        Self {
            estimate: difference.exp(),
            low: (difference - margin).exp(),
            high: (difference + margin).exp(),
        }
    }

    /// Of each of `one` to the one of `other` that was taken beside it.
    ///
    /// # Panics
    /// With fewer than 30 pairs.
    #[must_use]
    pub fn of_pairs(one: &[f64], other: &[f64]) -> Self {
        let quotients: Vec<f64> = one.iter().zip(other).map(|(one, other)| one / other).collect();
        let quotient = Trimmed::of(&quotients);
        let margin = Z * quotient.variance.sqrt();
        Self {
            estimate: quotient.mean.exp(),
            low: (quotient.mean - margin).exp(),
            high: (quotient.mean + margin).exp(),
        }
    }

    /// Whether both tests hold: the ratio is within `1 / bound` and `bound`.
    #[must_use]
    pub fn is_within(&self, bound: f64) -> bool {
        1.0 / bound < self.low && self.high < bound
    }
}

struct Trimmed {
    mean: f64,
    /// Squared standard error of the mean.
    variance: f64,
}

impl Trimmed {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of samples"
    )]
    fn of(times: &[f64]) -> Self {
        assert!(times.len() >= 30, "{} samples say too little", times.len());
        let mut logs: Vec<f64> = times.iter().map(|time| time.ln()).collect();
        logs.sort_by(f64::total_cmp);
        let count = logs.len();
        let cut = (count as f64 * TRIM) as usize;
        let kept = &logs[cut..count - cut];
        let mean = kept.iter().sum::<f64>() / kept.len() as f64;
        // Winsorized: what was cut counts as the last that was kept.
        let (lowest, highest) = (kept[0], kept[kept.len() - 1]);
        let clamped = || logs.iter().map(|log| log.clamp(lowest, highest));
        let centre = clamped().sum::<f64>() / count as f64;
        let squares: f64 = clamped().map(|log| (log - centre).powi(2)).sum();
        let kept = kept.len() as f64;
        Self {
            mean,
            variance: squares / (kept * (kept - 1.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times around `centre` with a spread of about 10% and one in ten disturbed.
    fn times(centre: f64, count: u32, seed: u32) -> Vec<f64> {
        let mut state = seed;
        let mut uniform = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1 << 24)
        };
        (0..count)
            .map(|i| centre * (0.9 + 0.2 * uniform()) * if i % 10 == 0 { 1.0 + 5.0 * uniform() } else { 1.0 })
            .collect()
    }

    #[test]
    fn equal_times_are_found_equal_and_unequal_ones_are_not() {
        let base = times(0.02, 200, 1);
        assert!(Ratio::of(&base, &times(0.02, 200, 2)).is_within(1.1));
        assert!(!Ratio::of(&base, &times(0.023, 200, 3)).is_within(1.1));
        assert!(!Ratio::of(&times(0.023, 200, 3), &base).is_within(1.1));
        assert!(!Ratio::of(&base, &times(0.002, 200, 4)).is_within(1.1));
        assert!(Ratio::of_pairs(&base, &times(0.02, 200, 2)).is_within(1.1));
        assert!(!Ratio::of_pairs(&base, &times(0.023, 200, 3)).is_within(1.1));
        assert!(!Ratio::of_pairs(&times(0.023, 200, 3), &base).is_within(1.1));
    }

    #[test]
    fn noise_does_not_pass_for_equality() {
        let few = |seed| -> Vec<f64> {
            times(0.02, 30, seed)
                .into_iter()
                .enumerate()
                .map(|(i, t)| if i % 2 == 0 { t * 2.0 } else { t })
                .collect()
        };
        assert!(!Ratio::of(&few(5), &few(6)).is_within(1.1));
    }

    #[test]
    fn falsely_equal_is_as_rare_as_alpha() {
        // At the very bound, equality is found by mistake with probability alpha.
        let mistakes = (0..400)
            .filter(|i| Ratio::of(&times(0.022, 120, 7 + i), &times(0.02, 120, 9000 + i)).is_within(1.1))
            .count();
        assert!(mistakes <= 36, "{mistakes} of 400 at alpha {ALPHA}");
    }
}
