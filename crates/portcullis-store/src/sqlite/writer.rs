use std::{sync::Arc, time::Duration};

use portcullis_core::metrics::Counter;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{
    Mutex, Semaphore,
    mpsc::{self, error::TrySendError},
    oneshot,
};

use super::{
    Opener,
    job::{Answer, BatchEnd, Job, Outcome, Queued, not_begun},
};
use crate::{act::Act, dialect, pool::crowded, role::RoleCache};

/// Acts in one transaction: one write to the disk is shared by so many at most.
const BATCH: usize = 128;

enum Message {
    Act(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// The one who writes. Acts queue up; each transaction takes what is there, and every act is answered after its COMMIT.
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
    refused: Counter,
    timeout: Duration,
}

impl Writer {
    /// Of those that come while it is at work, `queue` may wait.
    pub(super) fn start(
        connection: SqliteConnection,
        opener: Opener,
        roles: Arc<RoleCache>,
        queue: u32,
    ) -> Self {
        let places = usize::try_from(queue).unwrap_or(Semaphore::MAX_PERMITS);
        let (queue, messages) = mpsc::channel(places.clamp(1, Semaphore::MAX_PERMITS));
        let timeout = opener.timeout;
        tokio::spawn(work(messages, Some(connection), opener, roles));
        Self {
            queue,
            refused: Counter::default(),
            timeout,
        }
    }

    /// How many acts wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// How many acts were not done in time, or found no place to wait, since the start.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.get()
    }

    /// Carries out an act.
    pub(crate) async fn act<A: Act>(&self, act: A) -> Answer<A> {
        let place = match self.queue.try_reserve() {
            Ok(place) => place,
            Err(TrySendError::Closed(())) => return Err(not_begun::<A>(sqlx::Error::PoolClosed)),
            // Told at once: a file that is held for seconds must not have a pile of requests waiting for it.
            Err(TrySendError::Full(())) => {
                self.refused.add(1);
                return Err(not_begun::<A>(crowded()));
            }
        };
        let (queued, claim, mut answer) = Queued::new(act);
        place.send(Message::Act(Box::new(queued)));
        if let Ok(answer) = tokio::time::timeout(self.timeout, &mut answer).await {
            return answer.unwrap_or_else(|_| Err(not_begun::<A>(sqlx::Error::PoolClosed)));
        }
        if claim.abandon() {
            self.refused.add(1);
            return Err(not_begun::<A>(sqlx::Error::PoolTimedOut));
        }
        // It has begun, so there will be an outcome, and only that may be told.
        answer
            .await
            .unwrap_or_else(|_| Err(not_begun::<A>(sqlx::Error::PoolClosed)))
    }

    /// Finishes what is queued and closes the file.
    pub(crate) async fn close(&self) {
        let (closed, wait) = oneshot::channel();
        if self.queue.send(Message::Close(closed)).await.is_ok() {
            let _ = wait.await;
        }
    }
}

type Messages = mpsc::Receiver<Message>;

async fn work(
    messages: Messages,
    mut connection: Option<SqliteConnection>,
    opener: Opener,
    roles: Arc<RoleCache>,
) {
    let messages = Arc::new(Mutex::new(messages));
    let mut closing = None;
    loop {
        let mut queue = Arc::clone(&messages).lock_owned().await;
        let first = match queue.recv().await {
            Some(Message::Act(job)) => job,
            Some(Message::Close(closed)) => {
                queue.close();
                closing.get_or_insert(closed);
                continue;
            }
            None => break,
        };
        if !first.claim() {
            continue;
        }
        let ready = match connection.take() {
            Some(ready) => ready,
            None => match opener.connect().await {
                Ok(ready) => ready,
                Err(error) => {
                    tracing::error!(%error, "the database file does not open again");
                    let error = sqlx::Error::Protocol(error.to_string());
                    first.answer(BatchEnd::RolledBack(Arc::new(error)));
                    continue;
                }
            },
        };
        // In a task of its own: should an act panic, its batch is answered by being dropped, and the next one goes on
        // with a new connection.
        let roles = Arc::clone(&roles);
        let batch = tokio::spawn(async move {
            let mut batch = Batch::default();
            let left = batch.run(ready, first, &mut queue, &roles).await;
            if batch.close.is_some() {
                queue.close();
            }
            (left, batch.close)
        });
        match batch.await {
            Ok((left, close)) => {
                connection = left;
                closing = closing.or(close);
            }
            Err(error) => tracing::error!(%error, "an act on the database panicked"),
        }
    }
    if let Some(connection) = connection
        && let Err(error) = connection.close().await
    {
        tracing::warn!(%error, "the database file did not close cleanly");
    }
    if let Some(closed) = closing {
        // Whoever asked may be gone.
        let _ = closed.send(());
    }
}

/// The acts of one transaction.
#[derive(Default)]
struct Batch {
    jobs: Vec<Box<dyn Job>>,
    close: Option<oneshot::Sender<()>>,
}

impl Batch {
    /// Gives the connection back unless it is broken.
    async fn run(
        &mut self,
        mut connection: SqliteConnection,
        first: Box<dyn Job>,
        queue: &mut Messages,
        roles: &RoleCache,
    ) -> Option<SqliteConnection> {
        // Waits as long as the busy timeout while another process writes.
        if let Err(error) = run(&mut connection, "BEGIN IMMEDIATE").await {
            let usable = dialect::is_busy(&error);
            tracing::warn!(%error, "the database file cannot be written");
            first.answer(BatchEnd::RolledBack(Arc::new(error)));
            return usable.then_some(connection);
        }
        let mut next = Some(first);
        while let Some(job) = next.take() {
            self.jobs.push(job);
            if let Err(error) = self.run_last(&mut connection, roles).await {
                // SQLite rolls all back by itself when the disk is full or fails.
                tracing::error!(%error, "a transaction broke");
                let _ = run(&mut connection, "ROLLBACK").await;
                self.answer(&BatchEnd::RolledBack(Arc::new(error)));
                return None;
            }
            if self.jobs.len() < BATCH {
                next = self.next(queue);
            }
        }
        match run(&mut connection, "COMMIT").await {
            Ok(()) => {
                self.answer(&BatchEnd::Committed);
                Some(connection)
            }
            Err(error) => {
                // What reached the log may count after all, once it is read anew.
                tracing::error!(%error, "store.commit_unknown: what its acts would have revoked is denied here");
                let _ = run(&mut connection, "ROLLBACK").await;
                self.answer(&BatchEnd::Unknown(Arc::new(error)));
                None
            }
        }
    }

    /// Runs the act that came last; should it fail, what it did is undone and nothing else.
    async fn run_last(
        &mut self,
        connection: &mut SqliteConnection,
        roles: &RoleCache,
    ) -> Result<(), sqlx::Error> {
        let Some(job) = self.jobs.last_mut() else {
            return Ok(());
        };
        run(connection, "SAVEPOINT act").await?;
        if let Outcome::Failed = job.run(connection, roles).await {
            run(connection, "ROLLBACK TO act").await?;
        }
        run(connection, "RELEASE act").await
    }

    /// The next act that is there already.
    fn next(&mut self, queue: &mut Messages) -> Option<Box<dyn Job>> {
        while let Ok(message) = queue.try_recv() {
            match message {
                Message::Act(job) if job.claim() => return Some(job),
                Message::Act(_) => {}
                Message::Close(closed) => {
                    self.close.get_or_insert(closed);
                }
            }
        }
        None
    }

    fn answer(&mut self, end: &BatchEnd) {
        for job in self.jobs.drain(..) {
            job.answer(end.clone());
        }
    }
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await.map(|_| ())
}
