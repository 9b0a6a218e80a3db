//! A pool of connections: one of ours, or a share of the application's.

use std::{
    io,
    ops::{Deref, DerefMut},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use portcullis_core::metrics::Counter;
use sqlx::{
    Pool,
    pool::{PoolConnection, PoolOptions},
};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::PoolShare;

/// Whoever waits for longer than this begins to doubt that the database is still where it was.
const SOON: Duration = Duration::from_millis(300);
/// How long a connection may take to say that it is fit for the next one, on its way back into the pool. Longer where it had
/// answered before: a database that is slow is not helped by connecting anew.
const FIT: Duration = Duration::from_secs(5);
const FIT_UNANSWERED: Duration = Duration::from_secs(1);
/// How long the end of a pool waits for its connections: a server that says nothing must not keep a process from ending.
const FAREWELL: Duration = Duration::from_secs(10);

/// A pool from which connections are taken. Closing a share leaves the application's pool open.
pub(crate) struct Connections<DB: sqlx::Database> {
    pool: ArcSwap<Pool<DB>>,
    share: Option<Share>,
    waiting: AtomicU32,
    refused: Counter,
    /// Places for those that have a connection, and those that wait for one.
    entry: Option<Arc<Semaphore>>,
    /// Is told when there is no connection for a while.
    doubt: Option<Doubt>,
}

/// A pool as it is now.
pub(crate) struct PoolNumbers {
    /// Connections that are open.
    pub(crate) size: u32,
    /// Those of them that nobody uses.
    pub(crate) idle: usize,
    /// Connections that we may use at most.
    pub(crate) most: u32,
    /// Acts and reads that wait for one.
    pub(crate) waiting: u32,
    /// Acts and reads that got none, since the start.
    pub(crate) refused: u64,
}

/// Counted as waiting, until it is dropped.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicU32) -> Self {
        waiting.fetch_add(1, Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

type Doubt = Box<dyn Fn() + Send + Sync>;

struct Share {
    places: Arc<Semaphore>,
    most: u32,
    timeout: Duration,
}

/// A connection, until it is dropped.
pub(crate) struct Held<DB: sqlx::Database> {
    connection: PoolConnection<DB>,
    fate: Fate,
    // Dropped after the connection.
    _place: Option<OwnedSemaphorePermit>,
    _entry: Option<OwnedSemaphorePermit>,
}

/// What becomes of a connection that is dropped.
#[derive(Clone, Copy)]
enum Fate {
    /// It may still owe an answer: whoever waited for it went away, or waited for too long.
    Unanswered,
    Answered,
    Discarded,
}

impl<DB: sqlx::Database> Connections<DB> {
    /// A pool that nobody else uses.
    pub(crate) fn own(pool: Pool<DB>) -> Self {
        Self::new(pool, None)
    }

    /// A share of the pool of an application.
    pub(crate) fn share_of(pool: Pool<DB>, share: &PoolShare) -> Self {
        let most = u16::try_from(share.max_connections).unwrap_or(u16::MAX).max(1);
        let queue = share.queue;
        let share = Share {
            places: Arc::new(Semaphore::new(most.into())),
            most: most.into(),
            timeout: share.timeout,
        };
        Self::new(pool, Some(share)).bounded(most.into(), queue)
    }

    fn new(pool: Pool<DB>, share: Option<Share>) -> Self {
        Self {
            pool: ArcSwap::from_pointee(pool),
            share,
            waiting: AtomicU32::new(0),
            refused: Counter::default(),
            entry: None,
            doubt: None,
        }
    }

    pub(crate) fn numbers(&self) -> PoolNumbers {
        let pool = self.pool.load();
        let most = pool.options().get_max_connections();
        PoolNumbers {
            size: pool.size(),
            idle: pool.num_idle(),
            most: self.share.as_ref().map_or(most, |share| share.most.min(most)),
            waiting: self.waiting.load(Relaxed),
            refused: self.refused.get(),
        }
    }

    /// Of those that find all `most` connections taken, `queue` may wait.
    pub(crate) fn bounded(mut self, most: u32, queue: u32) -> Self {
        let entries = usize::try_from(most.saturating_add(queue)).unwrap_or(Semaphore::MAX_PERMITS);
        self.entry = Some(Arc::new(Semaphore::new(entries.min(Semaphore::MAX_PERMITS))));
        self
    }

    /// Tells `doubt` when there is no connection for a while.
    pub(crate) fn doubting(mut self, doubt: impl Fn() + Send + Sync + 'static) -> Self {
        self.doubt = Some(Box::new(doubt));
        self
    }

    /// Whether it belongs to the application.
    pub(crate) fn is_borrowed(&self) -> bool {
        self.share.is_some()
    }

    /// How its connections are made.
    pub(crate) fn connect_options(&self) -> Arc<<DB::Connection as sqlx::Connection>::Options> {
        self.pool.load().connect_options()
    }

    /// Connections from another pool from now on. Who waits for one of the old pool gets one of the new; what is under way
    /// goes on.
    pub(crate) fn replace(&self, pool: Pool<DB>) {
        let old = self.pool.swap(Arc::new(pool));
        tokio::spawn(close(old));
    }

    /// A connection.
    ///
    /// # Errors
    /// When there is none in time, or when too many wait already.
    pub(crate) async fn acquire(&self) -> Result<Held<DB>, sqlx::Error> {
        let waiting = Waiting::begin(&self.waiting);
        let acquired = self.enter().await;
        drop(waiting);
        if acquired.is_err() {
            self.refused.add(1);
        }
        acquired
    }

    async fn enter(&self) -> Result<Held<DB>, sqlx::Error> {
        let entry = match &self.entry {
            Some(entry) => Some(Arc::clone(entry).try_acquire_owned().map_err(|_| crowded())?),
            None => None,
        };
        let Some(share) = &self.share else {
            return Ok(Held::new(self.take().await?, None, entry));
        };
        // The application may have set its pool to wait for longer than anybody waits for us.
        let held = timeout(share.timeout, async {
            let place = Arc::clone(&share.places).acquire_owned().await;
            let place = place.map_err(|_| sqlx::Error::PoolClosed)?;
            Ok(Held::new(self.take().await?, Some(place), entry))
        });
        held.await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    async fn take(&self) -> Result<PoolConnection<DB>, sqlx::Error> {
        loop {
            let pool = self.pool.load_full();
            let taken = self.take_from(&pool).await;
            let replaced = !Arc::ptr_eq(&pool, &self.pool.load());
            if !(replaced && matches!(taken, Err(sqlx::Error::PoolClosed))) {
                return taken;
            }
        }
    }

    async fn take_from(&self, pool: &Pool<DB>) -> Result<PoolConnection<DB>, sqlx::Error> {
        let mut taking = pin!(pool.acquire());
        let Some(doubt) = &self.doubt else {
            return taking.await;
        };
        if let Ok(taken) = timeout(SOON, &mut taking).await {
            if taken.is_err() {
                doubt();
            }
            return taken;
        }
        doubt();
        taking.await
    }

    /// Waits for what is under way, within reason; nothing is taken from it afterwards.
    pub(crate) async fn close(&self) {
        match &self.share {
            None => close(self.pool.load_full()).await,
            Some(share) => {
                // Fails when it is closed already.
                let _ = timeout(FAREWELL, share.places.acquire_many(share.most)).await;
                share.places.close();
            }
        }
    }
}

async fn close<DB: sqlx::Database>(pool: Arc<Pool<DB>>) {
    if timeout(FAREWELL, pool.close()).await.is_err() {
        tracing::warn!("connections to a database that says nothing are left behind");
    }
}

pub(crate) fn crowded() -> sqlx::Error {
    sqlx::Error::Io(io::Error::other("too many wait for the database already"))
}

impl<DB: sqlx::Database> Held<DB> {
    fn new(
        connection: PoolConnection<DB>,
        place: Option<OwnedSemaphorePermit>,
        entry: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            connection,
            fate: Fate::Unanswered,
            _place: place,
            _entry: entry,
        }
    }

    /// Nobody else gets this connection: something is wrong with it.
    pub(crate) fn discard(&mut self) {
        self.fate = Fate::Discarded;
    }

    /// The database owes no answer on it. A connection that is dropped without may be silent for ever.
    pub(crate) fn answered(&mut self) {
        if let Fate::Unanswered = self.fate {
            self.fate = Fate::Answered;
        }
    }
}

impl<DB: sqlx::Database> Drop for Held<DB> {
    /// By itself a connection goes back once it has answered a ping, and waits for that answer as long as TCP does: a quarter
    /// of an hour, in which it takes a place of the pool. So the wait is bounded here.
    fn drop(&mut self) {
        let within = match self.fate {
            Fate::Discarded => return self.connection.close_on_drop(),
            Fate::Unanswered => FIT_UNANSWERED,
            Fate::Answered => FIT,
        };
        if let Ok(runtime) = Handle::try_current() {
            // What is not back in time is dropped with the future, and its place is free.
            let back = self.connection.return_to_pool();
            runtime.spawn(timeout(within, back));
        }
    }
}

impl<DB: sqlx::Database> Deref for Held<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        &self.connection
    }
}

impl<DB: sqlx::Database> DerefMut for Held<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.connection
    }
}

/// One connection of our own, made as the pool of the application makes its own: with its options and its callbacks.
pub(crate) fn beside<DB>(pool: &Pool<DB>, timeout: Duration) -> Pool<DB>
where
    DB: sqlx::Database,
    <DB::Connection as sqlx::Connection>::Options: Clone,
{
    let options: PoolOptions<DB> = pool.options().clone();
    options
        .min_connections(0)
        .max_connections(1)
        .acquire_timeout(timeout)
        .connect_lazy_with((*pool.connect_options()).clone())
}

#[cfg(test)]
mod tests {
    use portcullis_testkit::{postgres::Postgres, stopwatch::Stopwatch};
    use sqlx::postgres::PgPoolOptions;

    use super::*;

    /// It answered, and then no more: on its way back into the pool.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_connection_that_falls_silent_on_its_way_back_gives_its_place_up() {
        let server = Postgres::start(&["fsync = off"]);
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(FIT * 3)
            .connect_lazy(&server.url())
            .unwrap();
        let connections = Connections::own(pool);
        let mut held = connections.acquire().await.unwrap();
        sqlx::query("SELECT 1").execute(&mut *held).await.unwrap();
        held.answered();
        let silence = server.silence("backend_type = 'client backend'").await;
        drop(held);
        let waited = Stopwatch::start();
        let mut next = connections.acquire().await.unwrap();
        sqlx::query("SELECT 1").execute(&mut *next).await.unwrap();
        assert!(waited.elapsed() < FIT * 2, "{:?}", waited.elapsed());
        drop(silence);
    }
}
