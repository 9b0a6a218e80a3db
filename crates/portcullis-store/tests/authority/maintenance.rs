//! Maintenance at set times: what is due, who does it, what it leaves.

use std::{sync::Arc, time::Duration};

use portcullis::maintenance::{Maintenance, MaintenanceError, Task};
use portcullis_core::{
    authority::{Authority, AuthorityConfig, Caller, Ports},
    clock::{Clock as _, MovableClock, Timestamp},
    key::{MasterKey, Vault},
    rng::SystemRng,
};
use portcullis_testkit::{both, database::TestDatabase};

use crate::fixture::{World, config};

const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);

/// Nodes on one database and one clock.
struct Nodes {
    clock: Arc<MovableClock>,
    each: Vec<Maintenance>,
    authorities: Vec<Arc<Authority>>,
}

impl Nodes {
    async fn new(database: &TestDatabase, count: usize, config: AuthorityConfig) -> Self {
        let clock = Arc::new(MovableClock::default());
        let master = MasterKey::generate(&SystemRng);
        let (mut each, mut authorities) = (Vec::new(), Vec::new());
        for number in 0..count {
            let ports = Ports {
                store: Arc::new(database.store()),
                clock: clock.clone(),
                rng: Arc::new(SystemRng),
                vault: Arc::new(Vault::new(&master)),
            };
            let config = AuthorityConfig {
                node: Some(format!("node{number}")),
                ..config.clone()
            };
            let authority = Authority::open(ports, config).await.unwrap();
            each.push(Maintenance::new(
                Arc::clone(&authority),
                Some("0 0 3 * * *".parse().unwrap()),
            ));
            authorities.push(authority);
        }
        Self {
            clock,
            each,
            authorities,
        }
    }

    /// All of them look at once; how many did a run.
    async fn look(&self) -> usize {
        let looks = self
            .each
            .iter()
            .cloned()
            .map(|node| tokio::spawn(async move { node.run_if_due().await.unwrap() }));
        let looks: Vec<_> = looks.collect();
        let mut did = 0;
        for look in looks {
            did += usize::from(look.await.unwrap());
        }
        did
    }

    fn pass(&self, by: Duration) {
        self.clock.advance(by);
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

both! {
    async fn of_many_nodes_one_does_each_run(db: TestDatabase) {
        let nodes = Nodes::new(&db, 4, config()).await;
        // The first start of all makes up for the time before it.
        assert_eq!(nodes.look().await, 1);
        assert_eq!(nodes.look().await, 0);
        for run in 2..5 {
            nodes.pass(DAY);
            assert_eq!(nodes.look().await, 1, "run {run}");
            assert_eq!(nodes.look().await, 0);
        }
        let status = nodes.each[0].status().await.unwrap();
        let standing = status.standing.unwrap();
        assert!(standing.finished && standing.node.starts_with("node") && !status.overdue);
        assert_eq!((standing.missed, standing.last_missed), (0, None));
        assert_eq!(status.next, Some(at("2026-01-04T03:00:00Z")));
        assert!(status.tasks.iter().all(|(_, run)| run.as_ref().is_some_and(|run| run.error.is_none())));
    }

    async fn a_run_that_nobody_could_begin_is_made_up_for_once_and_the_rest_is_counted(db: TestDatabase) {
        let nodes = Nodes::new(&db, 2, config()).await;
        nodes.look().await;
        // Nobody was up for five days.
        nodes.pass(5 * DAY + 7 * MINUTE);
        assert!(nodes.each[1].status().await.unwrap().overdue);
        assert_eq!(nodes.look().await, 1);
        assert_eq!(nodes.look().await, 0);
        let standing = nodes.each[0].status().await.unwrap().standing.unwrap();
        assert_eq!(standing.missed, 4);
        assert_eq!(standing.last_missed, Some(at("2026-01-04T03:00:00Z")));
    }

    async fn what_a_dead_node_began_another_one_does(db: TestDatabase) {
        let nodes = Nodes::new(&db, 2, config()).await;
        nodes.look().await;
        nodes.pass(DAY);
        // It took the lease and noted what it begins, and was killed.
        let dead = &nodes.authorities[0];
        let (store, now) = (dead.store(), nodes.clock.now());
        assert!(store.take_lease("maintenance", "dead", now, now + 2 * MINUTE).await.unwrap());
        let mut standing = dead.maintenance_standing().await.unwrap().unwrap();
        standing.due = "2026-01-01T03:00:00Z".parse().unwrap();
        standing.finished = false;
        dead.set_maintenance_standing(&standing).await.unwrap();
        assert_eq!(nodes.look().await, 0, "it may be alive");
        assert!(matches!(
            nodes.each[1].run(&Caller::operator(), &Task::ALL).await,
            Err(MaintenanceError::Busy)
        ));
        nodes.pass(2 * MINUTE);
        assert_eq!(nodes.look().await, 1);
        let standing = nodes.each[0].status().await.unwrap().standing.unwrap();
        assert!(standing.finished);
        assert_eq!(standing.missed, 0);
    }

    async fn a_record_of_a_clock_that_was_wrong_stops_nothing(db: TestDatabase) {
        let nodes = Nodes::new(&db, 1, config()).await;
        nodes.look().await;
        let mut standing = nodes.authorities[0].maintenance_standing().await.unwrap().unwrap();
        standing.due = "2036-01-01T03:00:00Z".parse().unwrap();
        nodes.authorities[0].set_maintenance_standing(&standing).await.unwrap();
        nodes.pass(DAY);
        assert_eq!(nodes.look().await, 1);
        assert_eq!(nodes.look().await, 0);
    }

    async fn what_is_over_goes_an_hour_late_and_nothing_else(db: TestDatabase) {
        let world = World::new(&db, AuthorityConfig { audit_retention: Some(3 * DAY), ..config() }).await;
        let (_, pair) = world.register("ada@example.com").await;
        let session = world.principal(&pair).await.session;
        let maintenance = Maintenance::new(Arc::clone(&world.authority), None);
        let removed = async |task: Task| {
            maintenance.run(&Caller::system(), &[task]).await.unwrap()[0].1.removed
        };
        world.clock.advance(7 * DAY + 59 * MINUTE);
        assert_eq!(removed(Task::Sessions).await, 0, "the clock of this node may be early");
        world.clock.advance(MINUTE);
        assert_eq!(removed(Task::Sessions).await, 1);
        assert!(world.authority.store().session(session).await.unwrap().is_none());
        assert!(removed(Task::Audit).await >= 1);
        assert_eq!(removed(Task::Audit).await, 0);
        let last = world.authority.last_run(Task::Sessions).await.unwrap().unwrap();
        assert_eq!((last.removed, last.error), (1, None));
        let removed = r#"portcullis_maintenance_removed_total{task="sessions"} 1"#;
        assert!(world.authority.metrics().text().contains(removed));
        // Of runs without work nothing is told.
        let events = world.events("maintenance.ran").await;
        assert_eq!(events.len(), 2);
        assert!(events.iter().any(|event| event.detail["removed"]["sessions"] == 1));
    }

    async fn a_task_that_fails_says_when_it_was_last_done(db: TestDatabase) {
        let nodes = Nodes::new(&db, 1, config()).await;
        let node = &nodes.authorities[0];
        let maintain = async || node.maintain(&Caller::system(), Task::Sessions).await.unwrap();
        let good = maintain().await.good_at();
        assert_eq!(good, Some(nodes.clock.now()));
        nodes.pass(DAY);
        db.tamper("ALTER TABLE portcullis_sessions RENAME TO portcullis_elsewhere").await;
        // However often.
        for _ in 0..2 {
            let failed = maintain().await;
            assert!(failed.error.is_some());
            assert_eq!(failed.good_at(), good);
        }
        db.tamper("ALTER TABLE portcullis_elsewhere RENAME TO portcullis_sessions").await;
        assert_eq!(maintain().await.good_at(), Some(nodes.clock.now()));
        let text = node.metrics().text();
        for line in [
            r#"portcullis_maintenance_runs_total{task="sessions",result="failed"} 2"#,
            r#"portcullis_maintenance_runs_total{task="sessions",result="done"} 2"#,
            r#"portcullis_maintenance_runs_total{task="keys",result="done"} 0"#,
            r#"portcullis_maintenance_removed_total{task="sessions"} 0"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    async fn an_old_key_rotates_once_though_several_try_and_no_live_token_breaks(db: TestDatabase) {
        let nodes = Nodes::new(&db, 3, config()).await;
        let authority = &nodes.authorities[0];
        let kids = async |state: &str| -> Vec<String> {
            let keys = authority.list_keys().await.unwrap();
            keys.into_iter().filter(|key| key.state == state).map(|key| key.kid).collect()
        };
        let (first, next) = (kids("active").await, kids("next").await);
        nodes.pass(89 * DAY + 1439 * MINUTE);
        authority.maintain(&Caller::system(), Task::Keys).await.unwrap();
        assert_eq!(kids("active").await, first);

        nodes.pass(MINUTE);
        // Past the lease on purpose: each by itself.
        let tries: Vec<_> = nodes
            .authorities
            .iter()
            .cloned()
            .map(|node| tokio::spawn(async move { node.maintain(&Caller::system(), Task::Keys).await.unwrap() }))
            .collect();
        let mut rotated = 0;
        for tried in tries {
            let run = tried.await.unwrap();
            assert_eq!(run.error, None);
            rotated += usize::from(run.note.as_deref() == Some("rotated"));
        }
        assert_eq!(rotated, 1);
        assert_eq!(kids("active").await, next);
        assert_eq!(kids("retiring").await, first);
        assert_eq!(kids("next").await.len(), 1);

        // Gone once nothing that it signed can be valid.
        nodes.pass(DAY);
        let run = nodes.authorities[1].maintain(&Caller::system(), Task::Keys).await.unwrap();
        assert_eq!(run.removed, 1);
        assert!(kids("retiring").await.is_empty());
    }
}
