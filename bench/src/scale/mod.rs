//! The cost of a request on an installation of any size: two servers on one engine, one small, one large, asked in turns.

mod ask;
mod compare;
mod place;
mod seed;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use portcullis_testkit::{database::Engine, stopwatch::Stopwatch};

use self::{compare::compare, place::Ground};
use crate::server;

/// How large.
#[derive(Args)]
pub(crate) struct Scale {
    /// Users of the large installation, each with a session
    #[arg(long, default_value_t = 1_000_000)]
    users: u32,
    /// Sessions of the large installation that ended while their tokens live
    #[arg(long, default_value_t = 10_000_000)]
    denied: u32,
    /// Users of the small installation, where nobody is denied
    #[arg(long, default_value_t = 1_000)]
    few: u32,
    /// Rounds; in each, each kind of request is asked of both for a while
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// Milliseconds for which a kind of request is asked of one in a round
    #[arg(long, default_value_t = 150)]
    slice: u64,
    /// One engine only
    #[arg(long, value_enum)]
    engine: Option<EngineName>,
    /// Keep the installations in this folder, or take those that are there: some 3 GB for each engine at full size. A user
    /// that PostgreSQL may run as must be able to enter it
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Only make the installations that `--data` lacks
    #[arg(long, requires = "data")]
    prepare: bool,
    /// End with a failure when a median is more than so many times that of the small installation
    #[arg(long)]
    limit: Option<f64>,
    /// A server that is built already, to try this benchmark out
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum EngineName {
    Sqlite,
    Postgres,
}

impl Scale {
    pub(crate) async fn run(self) {
        let given = |path: &PathBuf| path.canonicalize().expect("the server is there");
        let binary = self.server.as_ref().map_or_else(server::binary, given);
        let engines = match self.engine {
            None => vec![Engine::Sqlite, Engine::Postgres],
            Some(EngineName::Sqlite) => vec![Engine::Sqlite],
            Some(EngineName::Postgres) => vec![Engine::Postgres],
        };
        let mut over = Vec::new();
        for engine in engines {
            println!(
                "{engine:?}: {} users and {} denied entries beside {} users and none",
                self.users, self.denied, self.few
            );
            let ground = Ground::new(engine, &binary, self.data.as_deref());
            let small = ground.place(self.few, 0).await;
            let large = ground.place(self.users, self.denied).await;
            if self.prepare {
                continue;
            }
            for verdict in compare(&self, &small, &large).await {
                if verdict.kind.is_held() && self.limit.is_some_and(|limit| verdict.ratio > limit) {
                    over.push(format!(
                        "{engine:?} {}: {:.2} times{}",
                        verdict.kind.name(),
                        verdict.ratio,
                        if verdict.noisy {
                            ", but too noisy to tell: measure again on a quiet machine"
                        } else {
                            ""
                        }
                    ));
                }
            }
            println!();
        }
        assert!(over.is_empty(), "over the limit: {}", over.join("; "));
    }
}

/// Says how long something took.
fn took(what: &str, watch: Stopwatch) {
    println!("{what}: {:.1} s", watch.elapsed().as_secs_f64());
}

/// Members on whose behalf is asked.
const MEMBERS: u32 = 64;

/// Which user a member is: they are spread over all of them.
fn number_of(member: u32, users: u32) -> u32 {
    member * (users / MEMBERS).max(1)
}

/// The email of a user.
fn email(number: u32) -> String {
    format!("user{number:07}@example.com")
}
