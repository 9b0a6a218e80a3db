//! What the followers read, while acts go on.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;

use super::{server::History, world::World};
use crate::{
    clock::Timestamp,
    revocation::{Feed, FeedRead, FeedSnapshot, LANES, Lanes},
    store::StoreError,
};

/// The database as one node sees it.
pub(super) struct Database {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) node: usize,
}

impl Database {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// The server to which this node is connected, for one read.
    fn server(&self) -> usize {
        self.world().nodes[self.node].server
    }

    /// Time passes, and others act; then `look` at what `server` holds.
    fn then<T>(&self, server: usize, look: impl FnOnce(&History) -> T) -> Result<T, StoreError> {
        let mut world = self.world();
        if world.dice.percent(20) {
            let latency = world.latency;
            world.pass(latency);
            world.progress();
            world.answer();
        }
        if world.down || world.dice.percent(1) || !world.servers[server].alive {
            return Err(StoreError::unavailable("down"));
        }
        Ok(look(&world.servers[server].history))
    }
}

#[async_trait]
impl Feed for Database {
    async fn load(&self, now: Timestamp) -> Result<FeedSnapshot, StoreError> {
        let server = self.server();
        let lanes: Lanes = self.then(server, |history| std::array::from_fn(|lane| history.head(lane)))?;
        let mut changes = Vec::new();
        for lane in 0..LANES {
            self.then(server, |history| {
                let live = history.lanes[lane].iter().filter(|row| row.until >= now);
                changes.extend(live.cloned());
            })?;
        }
        Ok(FeedSnapshot { lanes, changes })
    }

    /// Lane by lane, while acts go on: not one moment for all, as a weak isolation level would read.
    async fn read(&self, position: &Lanes) -> Result<FeedRead, StoreError> {
        let server = self.server();
        let mut lanes = *position;
        let mut changes = Vec::new();
        for lane in 0..LANES {
            let known = position[lane];
            let follows = self.then(server, |history| {
                let rows = &history.lanes[lane];
                if known.n > 0 && !rows.iter().any(|row| row.n == known.n && row.tag == known.tag) {
                    return false;
                }
                changes.extend(rows.iter().filter(|row| row.n > known.n).cloned());
                lanes[lane] = history.head(lane);
                true
            })?;
            if !follows {
                return Ok(FeedRead::Rewritten);
            }
        }
        Ok(FeedRead::Continued { lanes, changes })
    }
}
