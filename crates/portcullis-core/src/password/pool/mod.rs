//! The threads that hash passwords, and who gets to them (design section 6).
//!
//! Hashing is meant to be costly, so it must not hurt anyone else: a fixed number of threads does all of it, at lower
//! priority than the threads that serve requests, each in memory of its own that it keeps from job to job. In front
//! of them is a queue with a bound and a deadline. Who would wait longer is told so at once, and one address cannot
//! fill it.
//!
//! A request first asks for a [`Permit`], before anything is looked up, and then brings its jobs under it.

mod admission;
mod pace;
mod place;
mod population;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    fmt, io,
    net::IpAddr,
    num::NonZero,
    sync::{
        Arc, Mutex,
        atomic::Ordering::{Relaxed, SeqCst},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender};
use tokio::sync::oneshot;

use self::{
    admission::Admission,
    pace::Pace,
    place::{Counters, Place},
    population::Population,
    worker::{Done, Job, NotDone, Work, Worker},
};
use super::{
    Argon2Params, HashFormatError, Password, StoredHash,
    recipe::Recipe,
    stored::{Bytes, Parts},
};
use crate::{
    clock::Clock,
    key::{MacKey, Vault},
    rng::{self, Rng},
};

/// How a [`HashPool`] is to be.
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

/// Why a job was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// It waited until its deadline.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// There was no memory for it, or it met a defect. Says nothing of the password.
    #[error("a password could not be hashed")]
    Failed,
    /// The pool was dropped.
    #[error("password hashing has stopped")]
    Stopped,
}

/// Against what a password is checked.
pub enum Target {
    /// The hash of the account. Also for a disabled one: whether it may log in is decided after the check.
    Stored(StoredHash),
    /// There is no hash: the account is unknown, or has no password. The same kind of work is done, and the answer is no.
    Dummy {
        /// What was typed, as [`EmailKey`](crate::user::EmailKey) writes it: the same identifier always gets the same
        /// kind of work.
        identifier: String,
    },
}

/// What a check gave.
#[derive(Debug)]
pub struct Verdict {
    /// Whether it is the password.
    pub matches: bool,
    /// Whether the stored hash should be replaced: hash the password once more with [`Verdict::permit`].
    pub rehash: bool,
    /// The stored hash cannot be checked, so that its owner cannot log in: to be logged.
    pub problem: Option<HashFormatError>,
    /// Admits the next job of the same request, such as [`Permit::hash`].
    pub permit: Permit,
}

/// Numbers for metrics, since the start where they count up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Hashing threads.
    pub threads: usize,
    /// Requests that hold a place.
    pub held: u32,
    /// Jobs that wait.
    pub queued: u32,
    /// Jobs that are worked on.
    pub running: u32,
    /// Jobs done.
    pub completed: u64,
    /// Requests refused since the queue was full or too slow.
    pub refused_full: u64,
    /// Requests refused since their class left no more than the other's share.
    pub refused_share: u64,
    /// Requests refused since their address held its quarter.
    pub refused_address: u64,
    /// Jobs dropped at their deadline.
    pub late: u64,
    /// Jobs skipped since their client went away.
    pub skipped: u64,
    /// Jobs that failed.
    pub failed: u64,
    /// Time that jobs waited, together.
    pub waited: Duration,
    /// Time that jobs were worked on, together.
    pub worked: Duration,
    /// Time that a job of the usual mixture is estimated to take.
    pub estimate: Duration,
    /// Memory held by the threads, bytes.
    pub memory: u64,
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
        Ok(Permit {
            pool: self.clone(),
            place,
        })
    }

    /// Says how many hashes of which kind are stored ([`Store::hash_kinds`](crate::store::Store::hash_kinds)):
    /// [`Target::Dummy`] then does the same kinds of work in the same proportions.
    pub fn set_population(&self, kinds: &[(String, u64)]) {
        let population =
            Population::new(kinds).unwrap_or_else(|| Population::uniform(self.0.config.params.into()));
        self.0.population.store(Arc::new(population));
    }

    /// How new hashes are made.
    #[must_use]
    pub fn params(&self) -> Argon2Params {
        self.0.config.params
    }

    /// Numbers for metrics, as of now.
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        let counters = &self.0.counters;
        PoolStats {
            threads: self.0.config.threads,
            held: counters.total.places.load(SeqCst),
            queued: u32::try_from(counters.queued.load(SeqCst)).unwrap_or(0),
            running: counters.running.load(SeqCst),
            completed: counters.completed.load(Relaxed),
            refused_full: counters.refused_full.load(Relaxed),
            refused_share: counters.refused_share.load(Relaxed),
            refused_address: counters.refused_address.load(Relaxed),
            late: counters.late.load(Relaxed),
            skipped: counters.skipped.load(Relaxed),
            failed: counters.failed.load(Relaxed),
            waited: Duration::from_nanos(counters.waited.load(Relaxed)),
            worked: Duration::from_nanos(counters.worked.load(Relaxed)),
            estimate: Duration::from_nanos(self.0.population.load().mean(&self.0.pace)),
            memory: counters.memory.load(SeqCst),
        }
    }

    /// What is checked against, and whether the answer can be yes.
    fn target(&self, target: &Target) -> (Parts, bool, Option<HashFormatError>) {
        match target {
            Target::Stored(hash) => match hash.parts() {
                Ok(parts) => (parts, true, None),
                Err(problem) => (self.dummy(self.0.config.params.into()), false, Some(problem)),
            },
            Target::Dummy { identifier } => {
                let tag = self.0.key.tag(&[identifier.as_bytes()]);
                let mut point = [0; 8];
                point.copy_from_slice(&tag[..8]);
                let recipe = self.0.population.load().pick(u64::from_be_bytes(point));
                (self.dummy(recipe), false, None)
            }
        }
    }

    fn dummy(&self, recipe: Recipe) -> Parts {
        let random: [u8; 64] = rng::bytes(&*self.0.rng);
        Parts {
            recipe,
            salt: Bytes::new(&random[..16]),
            digest: Bytes::new(&random[..recipe.digest_length()]),
        }
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

/// A place in the queue. Dropping it, or the future of its job, gives the place back.
pub struct Permit {
    pool: HashPool,
    place: Arc<Place>,
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.place.leave();
    }
}

impl Permit {
    /// Checks a password.
    ///
    /// # Errors
    /// When it could not be checked: never to be taken for a wrong password.
    pub async fn verify(self, password: Password, target: Target) -> Result<Verdict, HashError> {
        let (parts, real, problem) = self.pool.target(&target);
        let outdated = parts.outdated(self.pool.0.config.params);
        let matches = if real || self.pool.0.config.dummy {
            match self.run(Work::Check(Box::new(parts)), password).await? {
                Done::Checked(matches) => matches && real,
                Done::Hashed(_) => return Err(HashError::Failed),
            }
        } else {
            false
        };
        Ok(Verdict {
            matches,
            rehash: matches && outdated,
            problem,
            permit: self,
        })
    }

    /// Hashes a new password, or an old one anew.
    ///
    /// # Errors
    /// When it could not be hashed.
    pub async fn hash(self, password: Password) -> Result<StoredHash, HashError> {
        let params = self.pool.0.config.params;
        let salt = rng::bytes(&*self.pool.0.rng);
        let work = Work::Hash {
            recipe: params.into(),
            salt,
        };
        match self.run(work, password).await? {
            Done::Hashed(digest) => Ok(StoredHash::compose(params, &salt, &digest)),
            Done::Checked(_) => Err(HashError::Failed),
        }
    }

    async fn run(&self, work: Work, password: Password) -> Result<Done, HashError> {
        let pool = &self.pool.0;
        self.pool.sweep();
        let cost = pool.pace.estimate(work.recipe());
        let (reply, answer) = oneshot::channel();
        let since = pool.clock.monotonic();
        self.place.queue(cost);
        let job = Job {
            place: Arc::clone(&self.place),
            work,
            password,
            since,
            until: since + pool.config.deadline,
            reply,
        };
        if pool.sender.send(job).is_err() {
            return Err(HashError::Stopped);
        }
        match answer.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(NotDone::Late)) => Err(HashError::Busy(
                pool.admission.busy(pool.counters.total.load.load(SeqCst)),
            )),
            Ok(Err(NotDone::Failed)) => Err(HashError::Failed),
            Err(_) => Err(HashError::Stopped),
        }
    }
}
