//! Work that an application asks for itself.

use portcullis_core::{authority::ClockSkew, maintenance::Task};
use portcullis_testkit::{both, database::TestDatabase};

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

/// The clock of the test stands at the first day of a year that is over, that of PostgreSQL does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_behind_that_of_the_database_is_told_of() {
    let db = TestDatabase::postgres().await;
    let world = World::new(&db, config()).await;
    let told = || {
        let text = world.authority.metrics().text();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("portcullis_clock_skew_seconds "));
        line.and_then(|value| value.parse::<f64>().ok()).unwrap()
    };
    assert!(told().abs() < 1e-9, "nobody has looked yet");
    let skew = world.authority.clock_skew().await.unwrap().unwrap();
    assert!(matches!(skew, ClockSkew::Behind(_)), "{skew}");
    assert!((told() + skew.amount().as_secs_f64()).abs() < 0.01, "{}", told());
}
