//! Work that is done at set times (feature `schedule`): `schedule("0 0 3 * * *", purge)`.
//!
//! ```
//! use portcullis::schedule;
//! # async fn purge() -> Result<u64, std::io::Error> { Ok(0) }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! // Each night at three, UTC.
//! let nightly = schedule("0 0 3 * * *", purge)?.named("purge").start();
//!
//! // .. at the end of the program; a run that is under way is waited for:
//! nightly.stop().await;
//!
//! let wrong = schedule("0 0 25 * * *", purge).err().unwrap();
//! assert_eq!(
//!     wrong.to_string(),
//!     "the schedule `0 0 25 * * *` is wrong at column 5: `25` is no hour (0 to 23; `*`, lists `1,2`, ranges `1-5`, steps `*/5`)"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Six fields
//!
//! | field | values | |
//! |---|---|---|
//! | second | 0 to 59 | |
//! | minute | 0 to 59 | |
//! | hour | 0 to 23, in UTC | |
//! | day of the month | 1 to 31 | `L` the last one, `15W` the weekday nearest to the 15th |
//! | month | 1 to 12, `JAN` to `DEC` | |
//! | day of the week | 0 to 7, `SUN` to `SAT`; 0 and 7 are Sunday | `FRI#2` the second one of the month, `FRI#L` the last |
//!
//! With `*`, lists `1,2`, ranges `1-5`, steps `*/5`. Where both days are given, either is enough. Local time is not offered:
//! once a year it has no half past two, and once it has two.
//!
//! # Missed runs
//!
//! A run begins at most a minute late. One that could not is not made up for: it is missed, which is a warning in the log
//! (`schedule.missed`) and a call of [`Schedule::on_missed`]. Runs never overlap; what falls due while one is still under
//! way begins after it, or is missed. A job that fails or panics is an error in the log (`schedule.failed`), and the next run
//! comes at its time.
//!
//! # Many nodes
//!
//! Each process does the work, unless told that one is enough: [`Schedule::on_one_node`].

mod cron;
mod job;
mod missed;
mod runner;
mod times;
mod turn;
mod utc;

use std::{fmt, sync::Arc};

use portcullis_core::{
    clock::{Clock, SystemClock},
    rng::{self, Rng, SystemRng},
    store::Store,
};
use tokio::{sync::oneshot, task::JoinHandle};

use self::{
    cron::Cron,
    job::Job,
    runner::Runner,
    turn::{StoreTurn, Turn},
};
pub use self::{
    cron::{CronError, CronFault},
    job::Outcome,
    missed::{Missed, MissedReason},
    times::Times,
};

type OnMissed = Box<dyn Fn(&Missed) + Send + Sync>;

/// Does `job` at the times of `cron`, once it is [started](Schedule::start). The [module](self) tells what can be written
/// there.
///
/// The job is a function or closure that gives a future, of `()` or of a `Result`.
///
/// ```
/// use portcullis::schedule;
///
/// async fn purge() -> Result<u64, std::io::Error> { Ok(0) }
///
/// assert!(schedule("0 0 3 * * *", purge).is_ok());
/// assert!(schedule("0 0 3 30 2 *", purge).is_err(), "there is no 30th of February");
/// ```
///
/// # Errors
/// When `cron` is wrong, with the column; or when its time never comes, as on the 30th of February.
pub fn schedule<F, R>(cron: &str, job: F) -> Result<Schedule, CronError>
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output: Outcome> + Send + 'static,
{
    let clock = Arc::new(SystemClock);
    let cron = Cron::parse(cron, clock.now())?;
    Ok(Schedule {
        name: cron.text().to_owned(),
        cron,
        job: job::boxed(job),
        clock,
        turn: None,
        on_missed: Box::new(|_| {}),
    })
}

/// Work and its times.
///
/// ```
/// use portcullis::schedule::{CronError, Schedule, schedule};
///
/// fn nightly() -> Result<Schedule, CronError> {
///     Ok(schedule("0 0 3 * * *", async || ())?.named("nightly"))
/// }
/// # nightly().unwrap();
/// ```
#[must_use = "a schedule does nothing until it is started"]
pub struct Schedule {
    name: String,
    cron: Cron,
    job: Job,
    clock: Arc<dyn Clock>,
    turn: Option<Box<dyn Turn>>,
    on_missed: OnMissed,
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule")
            .field("name", &self.name)
            .field("cron", &self.cron.text())
            .finish_non_exhaustive()
    }
}

impl Schedule {
    /// What the log calls it; the text of its times unless told.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Of all processes that have a schedule of this `name` in the same store, one does each run, at most once. Whoever is
    /// first takes a lease there, and keeps it while it works; if it dies, another one can have it after two minutes.
    /// What nobody began, also while no process was up, is missed, and so is a run that was begun and not finished.
    ///
    /// Clocks must agree within a minute.
    ///
    /// ```no_run
    /// # async fn example(database: portcullis_store::Database) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::Arc;
    /// use portcullis::schedule;
    ///
    /// async fn report() { /* .. */ }
    ///
    /// let running = schedule("0 30 6 * * MON-FRI", report)?
    ///     .on_one_node(Arc::new(database), "report")
    ///     .on_missed(|missed| eprintln!("{missed}"))
    ///     .start();
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_one_node(self, store: Arc<dyn Store>, name: impl Into<String>) -> Self {
        self.on_one_node_as(store, name, &SystemRng)
    }

    fn on_one_node_as(mut self, store: Arc<dyn Store>, name: impl Into<String>, rng: &dyn Rng) -> Self {
        self.name = name.into();
        let holder = format!("{:032x}", u128::from_be_bytes(rng::bytes(rng)));
        self.turn = Some(Box::new(StoreTurn::new(store, &self.name, holder)));
        self
    }

    /// Is told of each run that was missed, or of several in a row at once.
    ///
    /// ```
    /// use portcullis::schedule::{CronError, Schedule, schedule};
    ///
    /// fn nightly() -> Result<Schedule, CronError> {
    ///     Ok(schedule("0 0 3 * * *", async || ())?.on_missed(|missed| eprintln!("{missed}")))
    /// }
    /// # nightly().unwrap();
    /// ```
    pub fn on_missed(mut self, tell: impl Fn(&Missed) + Send + Sync + 'static) -> Self {
        self.on_missed = Box::new(tell);
        self
    }

    /// Time from elsewhere, as tests want it. What is waited for is still the time of tokio.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use portcullis::{core::clock::MovableClock, schedule::Schedule};
    ///
    /// fn of_a_test(nightly: Schedule, clock: &Arc<MovableClock>) -> Schedule { nightly.clock(clock.clone()) }
    /// ```
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Starts it on tokio's runtime. It goes on when what is given is dropped.
    ///
    /// ```
    /// use portcullis::schedule::{CronError, Running, schedule};
    ///
    /// async fn begin() -> Result<Running, CronError> { Ok(schedule("0 0 3 * * *", async || ())?.start()) }
    /// ```
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn start(self) -> Running {
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(self.run(async move {
            if stopped.await.is_err() {
                // Nobody is left who could stop it.
                std::future::pending::<()>().await;
            }
        }));
        Running { stop, task }
    }

    /// Does its work until `shutdown` resolves; a run that is under way then is finished.
    ///
    /// ```
    /// use portcullis::schedule::Schedule;
    ///
    /// async fn until_interrupted(nightly: Schedule) {
    ///     nightly.run(async { tokio::signal::ctrl_c().await.unwrap_or_default() }).await;
    /// }
    /// ```
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        tracing::info!(name = self.name, cron = self.cron.text(), "schedule.started");
        Runner::new(self).run(shutdown).await;
    }
}

/// A schedule that runs.
///
/// ```
/// use portcullis::schedule::{CronError, Running, schedule};
///
/// fn start() -> Result<Running, CronError> {
///     Ok(schedule("0 0 3 * * *", async || ())?.start())
/// }
///
/// async fn end(nightly: Running) { nightly.stop().await; }
/// ```
#[derive(Debug)]
pub struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Ends it. Waits for a run that is under way; when that takes too long, drop the future.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        // It does not panic, and nobody else can abort it.
        let _ = self.task.await;
    }
}

#[cfg(test)]
mod tests;
