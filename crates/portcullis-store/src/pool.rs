//! A pool of connections: one of ours, or a share of the application's.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use portcullis_core::metrics::Counter;

use sqlx::{
    Pool,
    pool::{PoolConnection, PoolOptions},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::PoolShare;

/// A pool from which connections are taken. Closing a share leaves the application's pool open.
pub(crate) struct Connections<DB: sqlx::Database> {
    pool: Pool<DB>,
    share: Option<Share>,
    waiting: AtomicU32,
    refused: Counter,
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

struct Share {
    places: Arc<Semaphore>,
    most: u32,
    timeout: Duration,
}

/// A connection, until it is dropped.
pub(crate) struct Held<DB: sqlx::Database> {
    connection: PoolConnection<DB>,
    // Dropped after the connection.
    _place: Option<OwnedSemaphorePermit>,
}

impl<DB: sqlx::Database> Connections<DB> {
    /// A pool that nobody else uses.
    pub(crate) fn own(pool: Pool<DB>) -> Self {
        Self::new(pool, None)
    }

    /// A share of the pool of an application.
    pub(crate) fn share_of(pool: Pool<DB>, share: &PoolShare) -> Self {
        let most = u16::try_from(share.max_connections).unwrap_or(u16::MAX).max(1);
        let share = Share {
            places: Arc::new(Semaphore::new(most.into())),
            most: most.into(),
            timeout: share.timeout,
        };
        Self::new(pool, Some(share))
    }

    fn new(pool: Pool<DB>, share: Option<Share>) -> Self {
        Self {
            pool,
            share,
            waiting: AtomicU32::new(0),
            refused: Counter::default(),
        }
    }

    pub(crate) fn numbers(&self) -> PoolNumbers {
        let most = self.pool.options().get_max_connections();
        PoolNumbers {
            size: self.pool.size(),
            idle: self.pool.num_idle(),
            most: self.share.as_ref().map_or(most, |share| share.most.min(most)),
            waiting: self.waiting.load(Relaxed),
            refused: self.refused.get(),
        }
    }

    /// Whether it belongs to the application.
    pub(crate) fn is_borrowed(&self) -> bool {
        self.share.is_some()
    }

    /// How its connections are made.
    pub(crate) fn connect_options(&self) -> Arc<<DB::Connection as sqlx::Connection>::Options> {
        self.pool.connect_options()
    }

    pub(crate) async fn acquire(&self) -> Result<Held<DB>, sqlx::Error> {
        let waiting = Waiting::begin(&self.waiting);
        let acquired = self.take().await;
        drop(waiting);
        if acquired.is_err() {
            self.refused.add(1);
        }
        acquired
    }

    async fn take(&self) -> Result<Held<DB>, sqlx::Error> {
        let Some(share) = &self.share else {
            return Ok(Held {
                connection: self.pool.acquire().await?,
                _place: None,
            });
        };
        // The application may have set its pool to wait for longer than anybody waits for us.
        let held = tokio::time::timeout(share.timeout, async {
            let place = Arc::clone(&share.places).acquire_owned().await;
            Ok(Held {
                _place: Some(place.map_err(|_| sqlx::Error::PoolClosed)?),
                connection: self.pool.acquire().await?,
            })
        });
        held.await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// Waits for what is under way; nothing is taken from it afterwards.
    pub(crate) async fn close(&self) {
        match &self.share {
            None => self.pool.close().await,
            Some(share) => {
                // Fails when it is closed already.
                let _ = share.places.acquire_many(share.most).await;
                share.places.close();
            }
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
