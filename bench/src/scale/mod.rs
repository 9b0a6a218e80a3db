//! The cost of a request on an installation of any size: two servers on one engine, one small, one large, asked in turns.

mod ask;
mod place;
mod seed;

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use portcullis_testkit::{database::Engine, stopwatch::Stopwatch};

use self::{
    ask::{Asked, KINDS, Member},
    place::{Place, Running},
};
use crate::{probe::Times, server};

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
        let mut worst = 0.0_f64;
        for engine in engines {
            println!(
                "{engine:?}: {} users and {} denied entries beside {} users and none",
                self.users, self.denied, self.few
            );
            let small = Place::new(engine, &binary, self.few, 0).await;
            let large = Place::new(engine, &binary, self.users, self.denied).await;
            worst = worst.max(self.compare(&small, &large).await);
            println!();
        }
        if let Some(limit) = self.limit {
            assert!(
                worst <= limit,
                "a median of the large installation is {worst:.2} times that of the small one"
            );
        }
    }

    /// Gives the greatest ratio.
    async fn compare(&self, small: &Place, large: &Place) -> f64 {
        let (small_server, large_server) = (small.start().await, large.start().await);
        report_starts(self, &small_server, &large_server);
        let mut few = Asked::new(small, &small_server, self.few).await;
        let mut many = Asked::new(large, &large_server, self.users).await;
        println!(
            "{:<28} {:>12} {:>12} {:>8} {:>12} {:>12}",
            "", "p50 small", "p50 large", "ratio", "p99 small", "p99 large"
        );
        let mut worst = 0.0_f64;
        for kind in KINDS {
            let (mut slow, mut fast) = (Vec::new(), Vec::new());
            let slice = Duration::from_millis(self.slice);
            // Once for the caches.
            few.ask(*kind, slice, &mut Vec::new()).await;
            many.ask(*kind, slice, &mut Vec::new()).await;
            for _ in 0..self.rounds {
                few.ask(*kind, slice, &mut fast).await;
                many.ask(*kind, slice, &mut slow).await;
            }
            let (fast, slow) = (Times::of(fast), Times::of(slow));
            let ratio = slow.percentile(50).as_secs_f64() / fast.percentile(50).as_secs_f64().max(1e-9);
            worst = worst.max(ratio);
            println!(
                "{:<28} {:>12} {:>12} {:>7.2}x {:>12} {:>12}",
                kind.name(),
                format!("{:.1?}", fast.percentile(50)),
                format!("{:.1?}", slow.percentile(50)),
                ratio,
                format!("{:.1?}", fast.percentile(99)),
                format!("{:.1?}", slow.percentile(99)),
            );
        }
        worst
    }
}

fn report_starts(scale: &Scale, small: &Running, large: &Running) {
    println!(
        "start to the first 200 of /readyz: {:.0?} small, {:.2?} large",
        small.started_in, large.started_in
    );
    let more = large.anonymous_kib.saturating_sub(small.anonymous_kib);
    println!(
        "allocated (RssAnon) then: {} MiB small, {} MiB large{}",
        small.anonymous_kib / 1024,
        large.anonymous_kib / 1024,
        if scale.denied > 0 {
            format!(
                ": {} bytes for each denied entry",
                more * 1024 / u64::from(scale.denied)
            )
        } else {
            String::new()
        }
    );
}

/// Says how long something took.
pub(crate) fn took(what: &str, watch: Stopwatch) {
    println!("{what}: {:.1} s", watch.elapsed().as_secs_f64());
}

/// Members on whose behalf is asked.
pub(crate) const MEMBERS: u32 = 8;

/// The email of a user.
pub(crate) fn email(number: u32) -> String {
    format!("user{number:07}@example.com")
}

pub(crate) type Members = Vec<Member>;
