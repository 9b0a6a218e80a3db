use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use portcullis_testkit::{
    client::Client,
    database::{Engine, TestDatabase},
    server::Process,
    stopwatch::Stopwatch,
};
use serde_json::Value;

use super::{seed, took};

/// For how long a start may take: that of millions of denied entries on a busy machine is a matter of a minute.
const PATIENCE: Duration = Duration::from_secs(600);

/// An installation.
pub(super) struct Place {
    binary: PathBuf,
    pub(super) database: TestDatabase,
    folder: tempfile::TempDir,
}

/// Its server.
pub(super) struct Running {
    pub(super) process: Process,
    /// Until it was ready.
    pub(super) started_in: Duration,
    /// What it had allocated then.
    pub(super) anonymous_kib: u64,
}

impl Place {
    pub(super) async fn new(engine: Engine, binary: &Path, users: u32, denied: u32) -> Self {
        let place = Self {
            binary: binary.to_owned(),
            database: TestDatabase::empty(engine).await,
            folder: tempfile::tempdir().expect("a folder"),
        };
        let migrated = place.command(&["migrate"]).status().expect("it starts");
        assert!(migrated.success(), "the schema is not there");
        place.import(users);
        let watch = Stopwatch::start();
        for statement in seed::statements(engine, denied) {
            place.database.tamper(statement.leak()).await;
        }
        took(&format!("sessions, and {denied} ended ones"), watch);
        place
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PORTCULLIS_DATABASE__URL", self.database.url())
            .env(
                "PORTCULLIS_MASTER_KEY",
                "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            )
            .env("PORTCULLIS_TOKEN__ISSUER", "https://auth.example.test")
            .env("PORTCULLIS_LIMITS__ENABLED", "false");
        command
    }

    /// By `portcullis import`, watched.
    fn import(&self, users: u32) {
        let file = self.folder.path().join("users.csv");
        seed::roster(&mut BufWriter::new(File::create(&file).expect("a file")), users).expect("written");
        let mut import = self
            .command(&["import", "users.csv", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut most = 0;
        while import.try_wait().expect("a child").is_none() {
            most = most.max(high_water_kib(import.id()));
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let said = import.wait_with_output().expect("an end");
        assert!(said.status.success(), "the import failed");
        let said: Value = serde_json::from_slice(&said.stdout).expect("JSON");
        let seconds = said["seconds"].as_f64().expect("seconds");
        println!(
            "import of {} users: {seconds:.1} s, {:.0} users/s, at most {} MiB resident",
            said["imported"],
            f64::from(users) / seconds.max(1e-9),
            most / 1024
        );
        std::fs::remove_file(file).expect("removed");
    }

    /// Starts the server, and waits until it is ready.
    pub(super) async fn start(&self) -> Running {
        let watch = Stopwatch::start();
        let process = Process::within(PATIENCE, self.command(&["serve", "--listen", "127.0.0.1:0"])).await;
        let client = Client::new(process.url());
        while client.get("/readyz").await.status.as_u16() != 200 {}
        Running {
            started_in: watch.elapsed(),
            anonymous_kib: process.anonymous_kib(),
            process,
        }
    }
}

/// The most memory that a process had resident (`VmHWM`), 0 when it is gone.
fn high_water_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .trim()
                .strip_suffix(" kB")?
                .trim()
                .parse()
                .ok()
        })
        .unwrap_or(0)
}
