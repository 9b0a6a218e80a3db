use std::{
    fmt,
    sync::{Arc, atomic::Ordering::SeqCst},
};

use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::{
    Busy, HashPool,
    place::Place,
    worker::{Done, Job, NotDone, Work},
};
use crate::{
    SPANS,
    password::{
        HashFormatError, Password, StoredHash,
        recipe::Recipe,
        stored::{Bytes, Parts},
    },
    rng,
};

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
    pub(super) fn new(pool: HashPool, place: Arc<Place>) -> Self {
        Self { pool, place }
    }

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

    pub(super) async fn run(&self, work: Work, password: Password) -> Result<Done, HashError> {
        let pool = &self.pool.0;
        let span = tracing::info_span!(target: SPANS, "password.hash");
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
        match answer.instrument(span).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(NotDone::Late)) => Err(HashError::Busy(
                pool.admission.busy(pool.counters.total.load.load(SeqCst)),
            )),
            Ok(Err(NotDone::Failed)) => Err(HashError::Failed),
            Err(_) => Err(HashError::Stopped),
        }
    }
}

impl HashPool {
    /// What is checked against, and whether the answer can be yes.
    pub(super) fn target(&self, target: &Target) -> (Parts, bool, Option<HashFormatError>) {
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
}
