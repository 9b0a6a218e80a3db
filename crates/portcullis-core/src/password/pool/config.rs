use std::{io, num::NonZero, time::Duration};

use crate::password::Argon2Params;

/// How a [`HashPool`](super::HashPool) is to be.
///
/// ```
/// use portcullis_core::password::{Argon2Params, pool::HashPoolConfig};
///
/// let config = HashPoolConfig { threads: 2, params: Argon2Params::new(47_104, 1, 1)?, ..HashPoolConfig::default() };
/// assert_eq!(config.queue, 256);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct HashPoolConfig {
    /// Number of threads. Memory is bounded by threads times that of one hash.
    pub threads: usize,
    /// How new hashes are made.
    pub params: Argon2Params,
    /// How many requests may hold a place at once, those worked on included; at least 4.
    pub queue: usize,
    /// A job is refused if by its estimate, or in fact, it cannot be done in this time.
    pub deadline: Duration,
    /// A thread without a job for so long gives its memory back.
    pub idle: Duration,
    /// Whether checks for accounts without a password do the work of a check. For tests of the equivalence of times
    /// only: off, anyone can tell from the time which accounts exist.
    pub dummy: bool,
}

impl Default for HashPoolConfig {
    /// As many threads as the machine has processors, `m=19456,t=2,p=1`, 256 places, 5 seconds, idle after a minute.
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, NonZero::get),
            params: Argon2Params::default(),
            queue: 256,
            deadline: Duration::from_secs(5),
            idle: Duration::from_secs(60),
            dummy: true,
        }
    }
}

/// Why there is no pool.
///
/// ```
/// use portcullis_core::password::pool::HashPoolError;
///
/// assert_eq!(HashPoolError::Threads(0).to_string(), "0 password hashing threads: from 1 to 1024 are possible");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum HashPoolError {
    /// No threads, or absurdly many.
    #[error("{0} password hashing threads: from 1 to 1024 are possible")]
    Threads(usize),
    /// Too few places, or absurdly many.
    #[error("{0} places for password hashing: from 4 to 1000000 are possible")]
    Queue(usize),
    /// No time.
    #[error("the deadline of password hashing must be longer than zero")]
    Deadline,
    /// The operating system gives no thread.
    #[error("a password hashing thread could not be started: {0}")]
    Spawn(#[from] io::Error),
}
