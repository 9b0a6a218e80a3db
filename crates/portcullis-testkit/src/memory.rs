//! How much memory the server takes, and may take (decision 0053).

use crate::server::Process;

/// What one hashing thread holds at the default parameters, KiB.
const HASH_KIB: u64 = 19_456;
/// Room for all else: connections, requests, caches, the index, SQLite.
const ELSE_KIB: u64 = 40 * 1024;

/// What the server may allocate at its defaults, however many log in at once, with so many hashing threads, KiB.
#[must_use]
pub fn allowed_kib(threads: u64) -> u64 {
    threads * HASH_KIB + ELSE_KIB
}

/// Memory at one moment, or the most of several, KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Allocated (`RssAnon`). This is what has a bound: the rest is the program's own file, mapped.
    pub anonymous_kib: u64,
    /// Resident in all (`VmRSS`).
    pub resident_kib: u64,
}

impl Memory {
    /// Now.
    #[must_use]
    pub fn of(process: &Process) -> Self {
        Self {
            anonymous_kib: process.anonymous_kib(),
            resident_kib: process.resident_kib(),
        }
    }

    /// The most of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            anonymous_kib: self.anonymous_kib.max(other.anonymous_kib),
            resident_kib: self.resident_kib.max(other.resident_kib),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_that_of_the_issue() {
        assert_eq!(allowed_kib(2), 2 * 19 * 1024 + 40 * 1024);
    }
}
