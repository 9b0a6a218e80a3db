use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

/// A pause of about `base`, between a half and one and a half of it: those who failed together do not come back together.
pub(crate) fn jittered(base: Duration) -> Duration {
    // Each has keys of its own. Not secret, and nothing depends on it.
    let random = RandomState::new().hash_one(()) % 1024;
    base / 2 + Duration::from_nanos(nanos(base) / 1024 * random)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn pauses_differ_and_stay_near_their_base() {
        let base = Duration::from_secs(1);
        let pauses: BTreeSet<_> = (0..100).map(|_| jittered(base)).collect();
        assert!(pauses.len() > 10, "{pauses:?}");
        assert!(
            pauses
                .iter()
                .all(|pause| (base / 2..base * 3 / 2).contains(pause))
        );
        assert_eq!(jittered(Duration::ZERO), Duration::ZERO);
    }
}
