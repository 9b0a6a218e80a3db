use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use tokio::sync::oneshot;

use super::{
    pace::Pace,
    place::{Counters, Place},
};
use crate::{
    clock::Clock,
    password::{
        Password,
        compute::{ComputeError, Memory, compute, matches},
        recipe::Recipe,
        stored::Parts,
    },
};

/// What a thread does for a client.
pub(super) struct Job {
    pub(super) place: Arc<Place>,
    pub(super) work: Work,
    pub(super) password: Password,
    /// When it was put into the queue, on the clock that never goes back.
    pub(super) since: Duration,
    /// When it is too late to begin.
    pub(super) until: Duration,
    pub(super) reply: oneshot::Sender<Result<Done, NotDone>>,
}

pub(super) enum Work {
    Check(Box<Parts>),
    Hash {
        recipe: Recipe,
        salt: [u8; 16],
    },
    /// Anything, as if it were a hash of this kind.
    #[cfg(test)]
    Test(Recipe, Box<dyn FnOnce(&mut Memory) -> Done + Send>),
}

pub(super) enum Done {
    Checked(bool),
    Hashed([u8; 32]),
}

pub(super) enum NotDone {
    Late,
    Failed,
}

impl Work {
    pub(super) fn recipe(&self) -> &Recipe {
        match self {
            Self::Check(parts) => &parts.recipe,
            Self::Hash { recipe, .. } => recipe,
            #[cfg(test)]
            Self::Test(recipe, _) => recipe,
        }
    }

    fn run(self, password: &[u8], memory: &mut Memory) -> Result<Done, ComputeError> {
        match self {
            Self::Check(parts) => matches(&parts, password, memory).map(Done::Checked),
            Self::Hash { recipe, salt } => {
                let mut digest = [0; 32];
                compute(&recipe, password, &salt, memory, &mut digest).map(|()| Done::Hashed(digest))
            }
            #[cfg(test)]
            Self::Test(_, act) => Ok(act(memory)),
        }
    }
}

/// One hashing thread.
pub(super) struct Worker {
    pub(super) jobs: Receiver<Job>,
    pub(super) counters: Arc<Counters>,
    pub(super) pace: Arc<Pace>,
    pub(super) clock: Arc<dyn Clock>,
    /// Memory that is kept between jobs, KiB.
    pub(super) usual: u32,
    /// After so long without a job, the memory is given back.
    pub(super) idle: Duration,
}

impl Worker {
    /// Until the pool is dropped.
    pub(super) fn run(self) {
        lower_priority();
        let mut memory = Memory::default();
        loop {
            let next = if memory.size() == 0 {
                self.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.jobs.recv_timeout(self.idle)
            };
            match next {
                Ok(job) => self.serve(job, &mut memory),
                Err(RecvTimeoutError::Timeout) => self.resize(&mut memory, Memory::give_back),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn serve(&self, job: Job, memory: &mut Memory) {
        let Job {
            place,
            work,
            password,
            since,
            until,
            reply,
        } = job;
        if !place.start() {
            return;
        }
        let begun = self.clock.monotonic();
        self.counters.waited.observe(begun.saturating_sub(since));
        let result = if begun > until {
            self.counters.late.fetch_add(1, SeqCst);
            Err(NotDone::Late)
        } else {
            self.counters.running.fetch_add(1, SeqCst);
            let recipe = *work.recipe();
            let mut outcome = Err(NotDone::Failed);
            self.resize(memory, |memory| {
                // What a panic leaves in the memory is overwritten by the next job.
                let result = catch_unwind(AssertUnwindSafe(|| {
                    work.run(password.expose().as_bytes(), memory)
                }));
                if let Ok(Ok(done)) = result {
                    outcome = Ok(done);
                }
                memory.keep_at_most(self.usual);
            });
            self.count(&recipe, begun, outcome.is_ok());
            outcome
        };
        // The place first: a client that has its answer may bring the next job at once.
        place.finish();
        // An error here means that the client went away meanwhile.
        let _ = reply.send(result);
    }

    fn count(&self, recipe: &Recipe, begun: Duration, done: bool) {
        let counters = &self.counters;
        let elapsed = self.clock.monotonic().saturating_sub(begun);
        counters.running.fetch_sub(1, SeqCst);
        counters.worked.fetch_add(nanos(elapsed), SeqCst);
        if done {
            self.pace.observe(recipe, elapsed);
            counters.completed.fetch_add(1, SeqCst);
        } else {
            counters.failed.fetch_add(1, SeqCst);
        }
    }

    /// Does something to the memory, and counts what is held then.
    fn resize(&self, memory: &mut Memory, act: impl FnOnce(&mut Memory)) {
        let before = memory.size() as u64;
        act(memory);
        self.counters.memory.fetch_add(memory.size() as u64, SeqCst);
        self.counters.memory.fetch_sub(before, SeqCst);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Requests come first: ten steps down, a thread gets about a tenth of what the others get, if both want a processor.
#[cfg(target_os = "linux")]
fn lower_priority() {
    use rustix::process::{getpriority_process, setpriority_process};

    let own = Some(rustix::thread::gettid());
    let lowered = getpriority_process(own).and_then(|nice| setpriority_process(own, (nice + 10).min(19)));
    if let Err(error) = lowered {
        tracing::warn!(%error, "the priority of a password hashing thread could not be lowered");
    }
}

/// Elsewhere a thread has no priority of its own by these means.
#[cfg(not(target_os = "linux"))]
fn lower_priority() {}
