//! Random schedules of acts, stalled commits, readers, restarts and restored backups, against the real index and
//! follower: no token is accepted later than the bound after its revocation was acknowledged.

mod database;
mod dice;
mod token;
mod world;

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use self::{
    database::Database,
    dice::Dice,
    token::{Token, voids},
    world::{Acknowledged, History, Numbering, World},
};
use super::{Follower, FollowerConfig, Index, LANES};
use crate::clock::{Clock, MovableClock};

const SEEDS: u64 = 300;
const STEPS: usize = 500;
const NODES: usize = 3;
const USERS: usize = 4;
const SESSIONS: usize = 12;
const ROLES: [&str; 3] = ["admin", "editor", "viewer"];
const TTL: Duration = Duration::from_secs(60);
const CONFIG: FollowerConfig = FollowerConfig {
    lease: Duration::from_secs(5),
    poll: Duration::from_millis(500),
    wait: Duration::from_millis(500),
};

struct Simulation {
    database: Database,
    clock: Arc<MovableClock>,
    tokens: Vec<Token>,
    /// Of 100 steps, how many are reads.
    reads: usize,
    /// How often a token was accepted and refused: a run in which one of them is 0 shows nothing.
    accepted: usize,
    refused: usize,
    restored: usize,
}

impl Simulation {
    fn new(seed: u64, numbering: Numbering) -> Self {
        let clock = Arc::new(MovableClock::default());
        let history = History {
            lanes: Default::default(),
            heads: [0; LANES],
            token_epochs: [0; USERS],
            session_epochs: [0; USERS],
            roles_epoch: 0,
            sessions: std::array::from_fn(|slot| slot),
        };
        let mut dice = Dice(seed);
        let reads = 3 + dice.below(50);
        let latency = [100, 500, 3000][dice.below(3)];
        let database = Database(Arc::new(Mutex::new(World {
            dice,
            clock: Arc::clone(&clock),
            numbering,
            backup: history.clone(),
            history,
            open: Vec::new(),
            unanswered: Vec::new(),
            acknowledged: Vec::new(),
            nodes: Vec::new(),
            sequence: 0,
            newest_session: SESSIONS,
            tokens: 0,
            latency,
            down: false,
        })));
        let simulation = Self {
            database,
            clock,
            tokens: Vec::new(),
            reads,
            accepted: 0,
            refused: 0,
            restored: 0,
        };
        let nodes = (0..NODES).map(|_| simulation.start()).collect();
        simulation.database.world().nodes = nodes;
        simulation
    }

    fn start(&self) -> Arc<Follower<Database>> {
        Arc::new(Follower::new(
            Arc::new(self.database.clone()),
            Arc::new(Index::new()),
            Arc::clone(&self.clock) as Arc<dyn Clock>,
            CONFIG,
        ))
    }

    fn node(&self, n: usize) -> Arc<Follower<Database>> {
        Arc::clone(&self.database.world().nodes[n])
    }

    async fn step(&mut self) {
        let (act, node) = {
            let mut world = self.database.world();
            world.pass(300);
            (world.dice.below(100), world.dice.below(NODES))
        };
        match act {
            _ if self.database.world().dice.percent(self.reads) => {
                // Fails when the database is down; then the lease must tell.
                let _ = self.node(node).read().await;
            }
            0..25 => self.database.world().begin(),
            25..55 => self.database.world().progress(),
            55..75 => self.database.world().answer(),
            75..88 => {
                let token = self.database.world().issue();
                self.tokens.push(token);
            }
            88..90 => {
                self.node(node).purge_step().await;
            }
            90 => {
                let started = self.start();
                let mut world = self.database.world();
                world.unanswered.retain(|done| done.node != node);
                world.nodes[node] = started;
            }
            91 => {
                let mut world = self.database.world();
                world.down = !world.down && world.dice.percent(50);
            }
            92 => self.database.world().purge(),
            93..98 => {
                let mut world = self.database.world();
                world.backup = world.history.clone();
            }
            98 => {
                self.restored += 1;
                self.database.world().restore();
            }
            _ => self.database.world().pass(10_000),
        }
    }

    /// The nodes hold the world and the world the nodes: lets go.
    fn end(&self) {
        self.database.world().nodes.clear();
    }

    fn check(&mut self) -> Result<(), String> {
        let (now, wall) = (self.clock.monotonic(), self.clock.now());
        self.tokens.retain(|token| token.principal.expires_at > wall);
        let world = self.database.world();
        for (n, node) in world.nodes.iter().enumerate() {
            let fresh = node.staleness() < CONFIG.lease;
            for token in &self.tokens {
                if !fresh || node.index().check(&token.principal, "kid").is_err() {
                    self.refused += 1;
                    continue;
                }
                self.accepted += 1;
                let late = world.acknowledged.iter().find(|Acknowledged { done, at }| {
                    (done.node == n || now >= *at + CONFIG.lease) && voids(done, token)
                });
                if let Some(Acknowledged { done, at }) = late {
                    let mut text = String::new();
                    let _ = write!(
                        text,
                        "node {n} accepts {token:?} {:?} after {done:?} was acknowledged",
                        now.saturating_sub(*at)
                    );
                    return Err(text);
                }
            }
        }
        Ok(())
    }
}

/// Runs one schedule; gives how often tokens were accepted and refused and how often a backup was restored.
async fn simulate(seed: u64, numbering: Numbering) -> Result<[usize; 3], String> {
    let mut simulation = Simulation::new(seed, numbering);
    for _ in 0..STEPS {
        simulation.step().await;
        if let Err(violation) = simulation.check() {
            simulation.end();
            return Err(violation);
        }
    }
    simulation.end();
    Ok([simulation.accepted, simulation.refused, simulation.restored])
}

#[tokio::test(start_paused = true)]
async fn no_token_outlives_its_revocation_by_more_than_the_lease() {
    let mut seen = [0; 3];
    for seed in 0..SEEDS {
        match simulate(seed, Numbering::Lanes).await {
            Ok(counts) => {
                for (sum, count) in seen.iter_mut().zip(counts) {
                    *sum += count;
                }
            }
            Err(violation) => panic!("seed {seed}: {violation}"),
        }
    }
    let [accepted, refused, restored] = seen;
    assert!(
        accepted > 100_000 && refused > 100_000 && restored > 100,
        "accepted {accepted}, refused {refused}, restored {restored}: the schedules do not show much"
    );
}

/// The property is not idle: with one plain sequence, numbers become visible out of order, a reader passes one that
/// is still to come, and the revocation is never heard of.
#[tokio::test(start_paused = true)]
async fn one_sequence_in_place_of_lanes_lets_tokens_through() {
    let mut violated = 0;
    for seed in 0..SEEDS / 3 {
        violated += usize::from(simulate(seed, Numbering::Sequence).await.is_err());
    }
    assert!(violated > 0, "a sequence with holes passed every schedule");
}
