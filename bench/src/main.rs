//! What Portcullis costs, measured: ratios from one run on one machine.
//!
//! ```sh
//! cargo run --release -p portcullis-bench -- flood
//! ```
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program for whoever measures: it prints, and what fails ends it"
)]

mod argon2;
mod copy;
mod flood;
mod me;
mod nodes;
mod probe;
mod scale;
mod server;

use std::time::Duration;

use clap::{Parser, Subcommand};

/// Measures Portcullis on this machine.
#[derive(Parser)]
#[command(name = "portcullis-bench")]
struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Subcommand)]
enum Benchmark {
    /// One hash by our kernel and by the portable code that others use, in turns: medians and their ratio.
    Argon2 {
        /// Hashes of each.
        #[arg(long, default_value_t = 100)]
        rounds: usize,
        /// Memory of a hash in KiB.
        #[arg(long, default_value_t = 19_456)]
        memory_kib: u32,
        /// Passes over the memory.
        #[arg(long, default_value_t = 2)]
        passes: u32,
    },
    /// `GET /me` against a bare axum route that answers the same bytes: answers a second of one core, and their ratio.
    Me {
        /// Connections that ask at a time.
        #[arg(long, default_value_t = 32)]
        connections: usize,
        /// Rounds to measure, after one to warm up.
        #[arg(long, default_value_t = 7)]
        rounds: usize,
        /// Seconds of each.
        #[arg(long, default_value_t = 2)]
        seconds: u64,
    },
    /// The bare route, for `me`.
    #[command(hide = true)]
    Bare {
        /// What it answers.
        body: String,
    },
    /// `GET /me` while nothing else happens and while thousands try to log in: p50, p99 and their ratios.
    Flood {
        /// Logins under way at a time.
        #[arg(long, default_value_t = 2000)]
        logins: usize,
        /// Seconds to measure, each of idle and flood.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// `portcullis copy` from SQLite to PostgreSQL and back: rows a second, and that all digests are the same.
    Copy {
        /// Users, each with a role, a session and three audit events.
        #[arg(long, default_value_t = 100_000)]
        users: u32,
    },
    /// Three nodes on one PostgreSQL: from an acknowledged logout to its refusal on the others, with and without
    /// notifications; a rolling restart; a failover.
    Nodes {
        /// Logouts, each of idle and under load.
        #[arg(long, default_value_t = 1000)]
        tries: usize,
    },
    /// `GET /me`, lookup of a login, refresh and list of users with a million users and ten million denied entries: against
    /// the same with a thousand. Start and memory, too.
    Scale(scale::Scale),
}

fn main() {
    let Arguments { benchmark } = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    match benchmark {
        Benchmark::Argon2 {
            rounds,
            memory_kib,
            passes,
        } => argon2::run(rounds.max(1), memory_kib, passes),
        Benchmark::Me {
            connections,
            rounds,
            seconds,
        } => runtime.block_on(me::run(connections, rounds, Duration::from_secs(seconds))),
        Benchmark::Bare { body } => runtime.block_on(me::bare(body)),
        Benchmark::Flood { logins, seconds } => {
            runtime.block_on(flood::run(logins, Duration::from_secs(seconds)));
        }
        Benchmark::Copy { users } => runtime.block_on(copy::run(users)),
        Benchmark::Nodes { tries } => runtime.block_on(nodes::run(tries)),
        Benchmark::Scale(scale) => runtime.block_on(scale.run()),
    }
}
