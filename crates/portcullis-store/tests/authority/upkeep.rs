//! Work that is done without being asked, unless somebody asked for it.

use std::time::Duration;

use portcullis_core::clock::Clock as _;
use portcullis_testkit::both;

use crate::fixture::{World, config};

both! {
    async fn a_purge_at_a_chosen_time_is_that_of_the_day(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        world.clock.advance(Duration::from_secs(3 * 3600));
        world.authority.purge().await.unwrap();
        let at = world.authority.store().meta("purged_at").await.unwrap();
        assert_eq!(at, Some(world.clock.now().millis().to_string()));
    }
}
