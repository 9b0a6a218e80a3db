use std::{
    fs::{self, File, Permissions},
    io::BufWriter,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use portcullis_testkit::{
    client::Client,
    database::{Engine, TestDatabase},
    postgres::Postgres,
    server::Process,
    stopwatch::Stopwatch,
};
use serde_json::Value;

use super::{seed, took};

/// For how long a start may take, with millions of denied entries on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where installations are: gone at the end, or kept in a folder of the one who measures.
pub(super) struct Ground {
    binary: PathBuf,
    kept: Option<PathBuf>,
    /// Gone at the end.
    own: tempfile::TempDir,
    /// One server for all of them.
    postgres: Option<Postgres>,
}

/// An installation.
pub(super) struct Place {
    binary: PathBuf,
    pub(super) database: TestDatabase,
    folder: PathBuf,
}

/// Its server.
pub(super) struct Running {
    pub(super) process: Process,
    /// Until it was ready.
    pub(super) started_in: Duration,
    /// What it had allocated then.
    pub(super) anonymous_kib: u64,
}

impl Ground {
    /// With a server for PostgreSQL, set up as an operator would who has a million users.
    pub(super) fn new(engine: Engine, binary: &Path, kept: Option<&Path>) -> Self {
        // Open to the user that PostgreSQL runs as.
        let own = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("a folder");
        let kept = kept.map(|kept| {
            fs::create_dir_all(kept).expect("a folder");
            kept.canonicalize().expect("a folder")
        });
        let ground = Self {
            binary: binary.to_owned(),
            kept,
            own,
            postgres: None,
        };
        let postgres = (engine == Engine::Postgres).then(|| {
            let settings = [
                "shared_buffers = '512MB'",
                // The disk of who measures is small.
                "max_wal_size = '512MB'",
            ];
            Postgres::kept_in(&ground.folder().join("postgres"), &settings)
        });
        Self { postgres, ..ground }
    }

    fn folder(&self) -> &Path {
        self.kept.as_deref().unwrap_or_else(|| self.own.path())
    }

    /// An installation with so many users and denied entries: the one that is there, or a new one.
    pub(super) async fn place(&self, users: u32, denied: u32) -> Place {
        let engine = if self.postgres.is_none() {
            "sqlite"
        } else {
            "postgres"
        };
        let folder = self.folder().join(format!("{engine}_{users}_{denied}"));
        let ready = folder.join("ready");
        let database = match &self.postgres {
            None => TestDatabase::file_at(&folder.join("portcullis.db")),
            Some(postgres) => TestDatabase::kept_in(&postgres.url(), &format!("scale_{users}_{denied}")),
        };
        let place = Place {
            binary: self.binary.clone(),
            database,
            folder,
        };
        if fs::read_to_string(&ready).is_ok_and(|version| version == seed::VERSION) {
            println!("{engine}: {users} users and {denied} denied entries are there already");
            place.migrate();
        } else {
            place.make(users, denied).await;
            fs::write(ready, seed::VERSION).expect("written");
        }
        place
    }
}

impl Place {
    async fn make(&self, users: u32, denied: u32) {
        let _ = fs::remove_dir_all(&self.folder);
        fs::create_dir_all(&self.folder).expect("a folder");
        if self.database.engine() == Engine::Postgres {
            self.database.make_anew().await;
        }
        self.migrate();
        self.import(users);
        let watch = Stopwatch::start();
        for statement in seed::statements(self.database.engine(), denied) {
            self.database.tamper(statement.leak()).await;
        }
        took(&format!("sessions, and {denied} ended ones"), watch);
    }

    fn migrate(&self) {
        let migrated = self
            .command(&["migrate"])
            .stdout(Stdio::null())
            .status()
            .expect("it starts");
        assert!(migrated.success(), "the schema is not there");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(&self.folder)
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
        let file = self.folder.join("users.csv");
        seed::roster(&mut BufWriter::new(File::create(&file).expect("a file")), users).expect("written");
        let mut import = self
            .command(&["import", "users.csv", "--json", "--allow-role", "admin"])
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
        fs::remove_file(file).expect("removed");
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
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
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
