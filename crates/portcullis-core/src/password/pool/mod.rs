//! The threads that hash passwords, and who gets to them (design section 6).
//!
//! Hashing is meant to be costly, so it must not hurt anyone else: a fixed number of threads does all of it, at lower
//! priority than the threads that serve requests, each in memory of its own that it keeps from job to job. In front
//! of them is a queue with a bound and a deadline. Who would wait longer is told so at once, and one address cannot
//! fill it.
//!
//! A request first asks for a [`Permit`], before anything is looked up, and then brings its jobs under it.

mod admission;
mod config;
mod pace;
mod permit;
mod place;
mod population;
mod stats;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, atomic::Ordering::SeqCst},
    time::Duration,
};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender};

use self::{
    admission::Admission,
    pace::Pace,
    place::Counters,
    population::Population,
    worker::{Job, Worker},
};
pub use self::{
    config::{HashPoolConfig, HashPoolError},
    permit::{HashError, Permit, Target, Verdict},
    stats::PoolStats,
};
use super::Argon2Params;
use crate::{
    clock::Clock,
    key::{MacKey, Vault},
    rng::Rng,
};

/// For whom a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobClass {
    /// Anyone. One address (a /64 of IPv6) holds at most a quarter of the queue; requests without one count as one
    /// address. All of this class together leave a quarter of the queue to the other.
    General {
        /// From where the request comes.
        address: Option<IpAddr>,
    },
    /// Known devices and users who are logged in. They too leave a quarter of the queue to the other class: a token
    /// for one's own account is easily got.
    Reserved,
}

/// There is no place now. To be answered with 503 and `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many logins at once: try again in {} seconds", retry_after.as_secs())]
pub struct Busy {
    /// When to come again: whole seconds, 1 to 30.
    pub retry_after: Duration,
}

struct Inner {
    sender: Sender<Job>,
    /// For sweeping out the jobs of clients that went away.
    receiver: Receiver<Job>,
    sweeping: Mutex<()>,
    counters: Arc<Counters>,
    admission: Admission,
    pace: Arc<Pace>,
    population: ArcSwap<Population>,
    key: MacKey,
    config: HashPoolConfig,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

/// The hashing threads. Clones are handles to the same ones; they end with the last handle.
///
/// ```
/// use std::sync::Arc;
/// use portcullis_core::{
///     clock::SystemClock, key::{MasterKey, Vault}, rng::SystemRng,
///     password::{Password, pool::{HashPool, HashPoolConfig, JobClass, Target}},
/// };
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let vault = Vault::new(&MasterKey::generate(&SystemRng));
/// let pool = HashPool::start(HashPoolConfig::default(), Arc::new(SystemClock), Arc::new(SystemRng), &vault)?;
///
/// let hash = pool.admit(JobClass::Reserved)?.hash(Password::new("correct horse")).await?;
///
/// let permit = pool.admit(JobClass::General { address: None })?;
/// let verdict = permit.verify(Password::new("correct horse"), Target::Stored(hash)).await?;
/// assert!(verdict.matches && !verdict.rehash);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct HashPool(Arc<Inner>);

impl HashPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the settings make no sense, or the operating system gives no thread.
    pub fn start(
        config: HashPoolConfig,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        vault: &Vault,
    ) -> Result<Self, HashPoolError> {
        let threads = u32::try_from(config.threads)
            .ok()
            .filter(|threads| (1..=1024).contains(threads))
            .ok_or(HashPoolError::Threads(config.threads))?;
        let places = u32::try_from(config.queue)
            .ok()
            .filter(|places| (4..=1_000_000).contains(places))
            .ok_or(HashPoolError::Queue(config.queue))?;
        if config.deadline.is_zero() {
            return Err(HashPoolError::Deadline);
        }
        let (sender, receiver) = crossbeam_channel::unbounded();
        let (counters, pace) = (Arc::<Counters>::default(), Arc::<Pace>::default());
        for number in 0..threads {
            let worker = Worker {
                jobs: receiver.clone(),
                counters: Arc::clone(&counters),
                pace: Arc::clone(&pace),
                clock: Arc::clone(&clock),
                usual: config.params.memory(),
                idle: config.idle,
            };
            std::thread::Builder::new()
                .name(format!("hash-{number}"))
                .stack_size(512 * 1024)
                .spawn(move || worker.run())?;
        }
        Ok(Self(Arc::new(Inner {
            sender,
            receiver,
            sweeping: Mutex::default(),
            admission: Admission::new(Arc::clone(&counters), threads, places, config.deadline),
            counters,
            pace,
            population: ArcSwap::from_pointee(Population::uniform(config.params.into())),
            key: MacKey::derive(vault, "dummy hash"),
            config,
            clock,
            rng,
        })))
    }

    /// Asks for a place. Answered at once, before it is known whose password is to be checked.
    ///
    /// # Errors
    /// When a job could not be done within the deadline, or the class or address holds what it may.
    pub fn admit(&self, class: JobClass) -> Result<Permit, Busy> {
        let cost = self.0.population.load().mean(&self.0.pace);
        let place = self.0.admission.admit(class, cost)?;
        Ok(Permit::new(self.clone(), place))
    }

    /// Says how many hashes of which kind are stored ([`Store::hash_kinds`](crate::store::Store::hash_kinds)):
    /// [`Target::Dummy`] then does the same kinds of work in the same proportions.
    pub fn set_population(&self, kinds: &[(String, u64)]) {
        let (stored, weak) = population::count(kinds, self.0.config.params);
        self.0.counters.stored.store(stored, SeqCst);
        self.0.counters.weak.store(weak, SeqCst);
        let population =
            Population::new(kinds).unwrap_or_else(|| Population::uniform(self.0.config.params.into()));
        self.0.population.store(Arc::new(population));
    }

    /// How new hashes are made.
    #[must_use]
    pub fn params(&self) -> Argon2Params {
        self.0.config.params
    }

    /// Clients that come and go faster than the threads reach their jobs must not let the queue grow.
    fn sweep(&self) {
        let queue = i64::try_from(self.0.config.queue).unwrap_or(i64::MAX);
        if self.0.counters.dead.load(SeqCst) <= queue {
            return;
        }
        let Ok(_one_at_a_time) = self.0.sweeping.try_lock() else {
            return;
        };
        for _ in 0..self.0.receiver.len() {
            match self.0.receiver.try_recv() {
                Ok(job) if job.place.is_gone() => job.place.bury(),
                // Back to the end: once around, all are in their order again.
                Ok(job) => drop(self.0.sender.send(job)),
                Err(_) => return,
            }
        }
    }
}
