//! Work that an application asks for itself.

use portcullis_core::maintenance::Task;
use portcullis_testkit::both;

use crate::fixture::{World, config};

both! {
    async fn a_purge_does_and_notes_each_task(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        world.authority.purge().await.unwrap();
        for task in Task::ALL {
            let run = world.authority.last_run(task).await.unwrap();
            assert!(run.is_some_and(|run| run.error.is_none()), "{task}");
        }
        assert_eq!(world.events("maintenance.ran").await.len(), 1);
    }
}
