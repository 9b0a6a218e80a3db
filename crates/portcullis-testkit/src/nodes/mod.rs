//! Several servers on one PostgreSQL, and a load on them that remembers what was acknowledged.

mod ledger;
mod load;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub use self::{
    ledger::{Ledger, Lost},
    load::Load,
};
use crate::{
    client::Client,
    postgres::free_port,
    server::{ISSUER, Process},
    stopwatch::Stopwatch,
};

/// Servers that share a database and a master key, each on an address that it keeps.
pub struct Nodes {
    binary: PathBuf,
    url: String,
    env: Vec<(String, String)>,
    folder: TempDir,
    ports: Vec<u16>,
    running: Vec<Option<Process>>,
}

impl Nodes {
    /// So many, on the database at `url`. With rate limits off and patience with passwords, unless `env` says otherwise.
    pub async fn start(binary: &Path, url: &str, count: usize, env: &[(&str, &str)]) -> Self {
        let mut nodes = Self {
            binary: binary.to_owned(),
            url: url.to_owned(),
            env: env
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            folder: tempfile::Builder::new()
                .prefix("portcullis-nodes-")
                .tempdir()
                .expect("a folder"),
            ports: (0..count).map(|_| free_port()).collect(),
            running: (0..count).map(|_| None).collect(),
        };
        for node in 0..count {
            nodes.resume(node).await;
        }
        nodes
    }

    /// Starts one that does not run, at the address that it had.
    pub async fn resume(&mut self, node: usize) {
        let listen = format!("127.0.0.1:{}", self.ports[node]);
        let mut command = Command::new(&self.binary);
        command
            .args(["serve", "--migrate", "--listen", &listen])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PORTCULLIS_DATABASE__URL", &self.url)
            .env("PORTCULLIS_MASTER_KEY", "5a".repeat(32))
            .env("PORTCULLIS_TOKEN__ISSUER", ISSUER)
            .env("PORTCULLIS_LIMITS__ENABLED", "false")
            .env("PORTCULLIS_PASSWORD__DEADLINE", "20s")
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        self.running[node] = Some(Process::of(command).await);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ports.len()
    }

    /// Nobody in particular, at one of them.
    #[must_use]
    pub fn client(&self, node: usize) -> Client {
        Client::new(&format!("http://127.0.0.1:{}", self.ports[node]))
    }

    /// Nobody in particular, at each.
    #[must_use]
    pub fn clients(&self) -> Vec<Client> {
        (0..self.count()).map(|node| self.client(node)).collect()
    }

    /// The process of one.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn process(&self, node: usize) -> &Process {
        self.running[node].as_ref().expect("it runs")
    }

    /// kill -9.
    pub fn kill(&mut self, node: usize) {
        self.running[node] = None;
    }

    /// Sends a signal: to stop it in its tracks, or to go on.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, node: usize, signal: Signal) {
        let pid = i32::try_from(self.process(node).id())
            .ok()
            .and_then(Pid::from_raw);
        kill_process(pid.expect("a process"), signal).expect("it is sent");
    }

    /// Ends it as an operator does (SIGTERM), and starts it again. It must end with 0.
    pub async fn restart(&mut self, node: usize) {
        let process = self.running[node].take().expect("it runs");
        let (code, log) = process.terminate().await;
        assert_eq!(code, Some(0), "{log}");
        self.resume(node).await;
    }
}

/// How long it takes until the token is refused at each of `clients`, from now on. 503 refuses, too.
///
/// # Panics
/// When it is accepted for longer than `patience`.
pub async fn refused_after(clients: &[Client], token: &str, patience: Duration) -> Vec<Duration> {
    let acknowledged = Stopwatch::start();
    let asked = clients.iter().map(|client| {
        let client = client.bearer(token);
        async move {
            while client.get("/me").await.status == 200 {
                assert!(
                    acknowledged.elapsed() < patience,
                    "{} still takes the token after {:?}",
                    client.base(),
                    acknowledged.elapsed()
                );
            }
            acknowledged.elapsed()
        }
    });
    let tasks: Vec<_> = asked.map(tokio::spawn).collect();
    let mut times = Vec::new();
    for task in tasks {
        times.push(task.await.expect("asked"));
    }
    times
}
