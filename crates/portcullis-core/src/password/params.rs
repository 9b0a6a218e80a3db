use std::fmt;

/// Cost of the hashes that are made: memory in KiB, passes, lanes of Argon2id (RFC 9106).
///
/// ```
/// use portcullis_core::password::Argon2Params;
///
/// assert_eq!(Argon2Params::default().to_string(), "m=19456,t=2,p=1");
/// assert!(Argon2Params::new(47_104, 1, 1).is_ok());
/// assert!(Argon2Params::new(1_024, 1, 1).is_err());
/// let params = Argon2Params::default();
/// assert_eq!((params.memory(), params.passes(), params.lanes()), (19_456, 2, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Argon2Params {
    memory: u32,
    passes: u32,
    lanes: u32,
}

/// The equivalent least settings of the OWASP Password Storage Cheat Sheet, (memory in KiB, passes).
const FLOOR: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

/// The most memory that a hash may need, KiB.
pub(super) const MOST_MEMORY: u32 = 256 * 1024;
/// The most memory times passes, KiB.
pub(super) const MOST_WORK: u64 = 1024 * 1024;
/// The most lanes. They are computed one after the other: more only help an attacker who has more processors.
pub(super) const MOST_LANES: u32 = 16;

/// Why settings are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Argon2ParamsError {
    /// Below the floor.
    #[error(
        "m={memory},t={passes} is too weak for Argon2id: use at least m=47104,t=1 or m=19456,t=2 or m=12288,t=3 or \
         m=9216,t=4 or m=7168,t=5 (memory in KiB, passes; OWASP)"
    )]
    Weak {
        /// Memory asked for, KiB.
        memory: u32,
        /// Passes asked for.
        passes: u32,
    },
    /// Above what one login may cost.
    #[error(
        "m={memory},t={passes} costs too much: at most 262144 KiB of memory, and memory times passes at most 1048576 \
         KiB"
    )]
    Costly {
        /// Memory asked for, KiB.
        memory: u32,
        /// Passes asked for.
        passes: u32,
    },
    /// No lane, or too many.
    #[error("p={0}: from 1 to 16 lanes")]
    Lanes(u32),
}

impl Argon2Params {
    /// From memory in KiB, passes and lanes.
    ///
    /// # Errors
    /// When weaker than each of OWASP's equivalent settings, or too costly for a server.
    pub fn new(memory: u32, passes: u32, lanes: u32) -> Result<Self, Argon2ParamsError> {
        if lanes == 0 || lanes > MOST_LANES {
            return Err(Argon2ParamsError::Lanes(lanes));
        }
        if !FLOOR.iter().any(|&(m, t)| memory >= m && passes >= t) {
            return Err(Argon2ParamsError::Weak { memory, passes });
        }
        if memory > MOST_MEMORY || u64::from(memory) * u64::from(passes) > MOST_WORK {
            return Err(Argon2ParamsError::Costly { memory, passes });
        }
        Ok(Self {
            memory,
            passes,
            lanes,
        })
    }

    /// Settings that protect nothing and cost nearly nothing (64 KiB, one pass), so that tests of other things are
    /// fast. Configuration cannot reach them.
    #[doc(hidden)]
    #[must_use]
    pub const fn weak_for_tests() -> Self {
        Self {
            memory: 64,
            passes: 1,
            lanes: 1,
        }
    }

    /// Memory, KiB.
    #[must_use]
    pub const fn memory(self) -> u32 {
        self.memory
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn passes(self) -> u32 {
        self.passes
    }

    /// Lanes.
    #[must_use]
    pub const fn lanes(self) -> u32 {
        self.lanes
    }
}

impl Default for Argon2Params {
    /// `m=19456,t=2,p=1`, the first choice of OWASP.
    fn default() -> Self {
        Self {
            memory: 19_456,
            passes: 2,
            lanes: 1,
        }
    }
}

impl fmt::Display for Argon2Params {
    /// As in a PHC string.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={},t={},p={}", self.memory, self.passes, self.lanes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_any_of_the_equivalent_settings() {
        for (memory, passes) in FLOOR {
            assert!(Argon2Params::new(memory, passes, 1).is_ok());
            assert!(matches!(
                Argon2Params::new(memory - 1, passes, 1),
                Err(Argon2ParamsError::Weak { .. })
            ));
        }
        assert!(Argon2Params::new(19_456, 1, 1).is_err());
        assert!(Argon2Params::new(7_168, 50, 1).is_ok());
    }

    #[test]
    fn one_hash_cannot_eat_the_machine() {
        assert!(Argon2Params::new(MOST_MEMORY, 4, 16).is_ok());
        for (memory, passes) in [(MOST_MEMORY + 1, 1), (MOST_MEMORY, 5), (u32::MAX, u32::MAX)] {
            assert!(matches!(
                Argon2Params::new(memory, passes, 1),
                Err(Argon2ParamsError::Costly { .. })
            ));
        }
        assert_eq!(Argon2Params::new(19_456, 2, 0), Err(Argon2ParamsError::Lanes(0)));
        assert_eq!(
            Argon2Params::new(19_456, 2, 17),
            Err(Argon2ParamsError::Lanes(17))
        );
    }
}
