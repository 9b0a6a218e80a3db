//! What the followers read, while acts go on.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;

use super::world::World;
use crate::{
    clock::Timestamp,
    revocation::{Feed, FeedRead, FeedSnapshot, LANES, Lanes},
    store::StoreError,
};

#[derive(Clone)]
pub(super) struct Database(pub(super) Arc<Mutex<World>>);

impl Database {
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    pub(super) fn meanwhile(&self) -> Result<(), StoreError> {
        let mut world = self.world();
        if world.down || world.dice.percent(1) {
            return Err(StoreError::unavailable("down"));
        }
        if world.dice.percent(20) {
            let latency = world.latency;
            world.pass(latency);
            world.progress();
            world.answer();
        }
        Ok(())
    }
}

#[async_trait]
impl Feed for Database {
    async fn load(&self, now: Timestamp) -> Result<FeedSnapshot, StoreError> {
        self.meanwhile()?;
        let lanes: Lanes = {
            let world = self.world();
            std::array::from_fn(|lane| world.head(lane))
        };
        let mut changes = Vec::new();
        for lane in 0..LANES {
            self.meanwhile()?;
            let world = self.world();
            changes.extend(
                world.history.lanes[lane]
                    .iter()
                    .filter(|row| row.until >= now)
                    .cloned(),
            );
        }
        Ok(FeedSnapshot { lanes, changes })
    }

    /// Lane by lane, while acts go on: not one moment for all, as a weak isolation level would read.
    async fn read(&self, position: &Lanes) -> Result<FeedRead, StoreError> {
        let mut lanes = *position;
        let mut changes = Vec::new();
        for lane in 0..LANES {
            self.meanwhile()?;
            let world = self.world();
            let known = position[lane];
            let rows = &world.history.lanes[lane];
            if known.n > 0 && !rows.iter().any(|row| row.n == known.n && row.tag == known.tag) {
                return Ok(FeedRead::Rewritten);
            }
            changes.extend(rows.iter().filter(|row| row.n > known.n).cloned());
            lanes[lane] = world.head(lane);
        }
        self.meanwhile()?;
        Ok(FeedRead::Continued { lanes, changes })
    }
}
