//! The disk is full, and a migration is interrupted.

use std::{
    fs::{self, Permissions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use portcullis_testkit::{
    client::Client,
    people::{self, Member, PASSWORD},
    postgres::Postgres,
    server::Process,
    stopwatch::Stopwatch,
};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use sqlx::Executor as _;
use tempfile::TempDir;

use crate::{BINARY, all_is_well, load, lost, three_nodes};

/// A disk that can be made full.
enum Disk {
    /// A small file system of its own.
    Mounted { folder: TempDir, ballast: PathBuf },
    /// Any folder; whoever writes there may not make files larger (EFBIG where a full disk says ENOSPC).
    Limited { folder: TempDir },
}

impl Disk {
    /// One of so many MiB, where this machine lets us mount it, and one without.
    #[expect(
        clippy::print_stdout,
        reason = "which of them ran is for whoever reads the log"
    )]
    fn kinds(mib: u32) -> Vec<Self> {
        let folder = || {
            let folder = tempfile::Builder::new()
                .prefix("portcullis-disk-")
                .tempdir_in("/tmp")
                .unwrap();
            fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
            folder
        };
        let (place, limited) = (folder(), Self::Limited { folder: folder() });
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m,mode=755"), "tmpfs"])
            .arg(place.path())
            .output()
            .unwrap();
        if mounted.status.success() {
            let ballast = place.path().join("ballast");
            return vec![
                Self::Mounted {
                    folder: place,
                    ballast,
                },
                limited,
            ];
        }
        println!(
            "no file system of its own, only a limit on files: {}",
            String::from_utf8_lossy(&mounted.stderr)
        );
        vec![limited]
    }

    fn path(&self) -> &Path {
        let (Self::Mounted { folder, .. } | Self::Limited { folder }) = self;
        folder.path()
    }

    /// Leaves no room; where there is no file system of its own, by `limit`.
    fn fill(&self, limit: impl FnOnce()) {
        let Self::Mounted { ballast, .. } = self else {
            return limit();
        };
        let mut file = fs::File::create(ballast).unwrap();
        let mut size = 1 << 20;
        while size > 0 {
            if file.write_all(&vec![0; size]).is_err() {
                size /= 2;
            }
        }
    }

    /// Makes room again; `lift` takes the limit away.
    fn empty(&self, lift: impl FnOnce()) {
        match self {
            Self::Mounted { ballast, .. } => fs::remove_file(ballast).unwrap(),
            Self::Limited { .. } => lift(),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Self::Mounted { folder, .. } = self {
            let _ = Command::new("umount").arg("-l").arg(folder.path()).status();
        }
    }
}

/// Sets the limit on the size of a process's files (`RLIMIT_FSIZE`).
fn limit(process: u32, current: Option<u64>) {
    let pid = Pid::from_raw(i32::try_from(process).unwrap());
    let limit = Rlimit {
        current,
        maximum: None,
    };
    prlimit(pid, Resource::Fsize, limit).unwrap();
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_of_a_sqlite_server_is_full() {
    for disk in Disk::kinds(8) {
        sqlite_server(&disk).await;
    }
}

async fn sqlite_server(disk: &Disk) {
    let data = disk.path().join("data");
    // Whoever reaches the limit gets an error rather than a signal.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", BINARY])
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&data)
        .current_dir(disk.path())
        .env_clear()
        .env("PORTCULLIS_LIMITS__ENABLED", "false");
    let server = Process::of(command).await;
    let client = Client::new(server.url());
    let ada = Member::register(&client, "ada").await;
    let files = fs::read_dir(&data).unwrap().flatten();
    let largest = files.map(|file| file.metadata().unwrap().len()).max();
    disk.fill(|| limit(server.id(), largest));
    // What fits into the files as they are still goes; then nothing more does.
    let mut users = Vec::new();
    let mut refused = 0;
    for number in 0..2000 {
        let email = format!("u{number}@example.com");
        let body = people::registration(&email, PASSWORD, "Someone");
        let answer = client.post_json("/auth/register", &body).await;
        match answer.status.as_u16() {
            201 => users.push(people::Tokens::of(&answer)),
            503 => refused += 1,
            other => panic!("{other}: {}", answer.body),
        }
        if refused == 20 {
            break;
        }
    }
    assert_eq!(refused, 20, "the disk was not full");
    // Who is logged in stays so.
    ada.me().await.expect(200);
    client.get("/healthz").await.expect(200);
    disk.empty(|| limit(server.id(), None));
    let waited = Stopwatch::start();
    while client
        .post_json(
            "/auth/register",
            &people::registration("eva@example.com", PASSWORD, "Eva"),
        )
        .await
        .status
        != 201
    {
        assert!(waited.elapsed().as_secs() < 10, "there is room again");
    }
    for tokens in &users {
        people::refresh(&client, &tokens.refresh_token).await.expect(200);
    }
    ada.client.post("/auth/logout").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_of_the_database_is_full() {
    for disk in Disk::kinds(200) {
        postgres_server(&disk).await;
    }
}

async fn postgres_server(disk: &Disk) {
    let mut database = Postgres::start_in(
        disk.path(),
        &[
            "max_wal_size = '32MB'",
            "min_wal_size = '32MB'",
            "wal_keep_size = 0",
        ],
    );
    let nodes = three_nodes(&database.url()).await;
    let ada = Member::register(&nodes.client(0), "ada").await;
    let load = load(&nodes).await;
    let mut direct = database.connect().await;
    disk.fill(|| database.forbid_writing());
    // Acts fail, or the server itself ends: it cannot write its log.
    let waited = Stopwatch::start();
    for number in 0.. {
        let email = format!("u{number}@example.com");
        let body = people::registration(&email, PASSWORD, "Someone");
        let answer = nodes.client(number % 3).post_json("/auth/register", &body).await;
        match answer.status.as_u16() {
            201 => assert!(waited.elapsed().as_secs() < 60, "there is room"),
            503 => break,
            other => panic!("{other}: {}", answer.body),
        }
        // What was reserved for the log is used up faster. It may be the last that the server does.
        let _ = direct.execute("SELECT pg_switch_wal()").await;
    }
    // Who is logged in stays so, as long as the nodes may believe what they know.
    let me = ada.me().await;
    assert!(me.status == 200 || me.status == 503, "{}", me.body);
    // The limit ends with the server.
    disk.empty(|| ());
    database.kill();
    database.resume();
    load.acts(60).await;
    let ledger = load.end().await;
    let lost = lost(&ledger, &nodes, &database).await;
    all_is_well(&ledger, &lost);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_is_interrupted() {
    let database = Postgres::start(&["fsync = off"]);
    let migrate = |more: &[&str]| {
        let mut command = Command::new(BINARY);
        command
            .arg("migrate")
            .args(more)
            .args(["--database-url", &database.url()])
            .current_dir("/tmp")
            .env_clear()
            .stdin(Stdio::null());
        command
    };
    // Somebody is making a table of that name: the migration waits in its midst.
    let mut held = database.connect().await;
    held.execute("BEGIN; CREATE TABLE portcullis_sessions (id INTEGER)")
        .await
        .unwrap();
    let mut interrupted = migrate(&[])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    let waited = Stopwatch::start();
    // Not by the one that holds it: a transaction goes on seeing what it saw first.
    let mut watching = database.connect().await;
    while sqlx::query_scalar::<_, i64>(waiting)
        .fetch_one(&mut watching)
        .await
        .unwrap()
        == 0
    {
        assert!(waited.elapsed().as_secs() < 30, "it does not wait");
    }
    interrupted.kill().unwrap();
    interrupted.wait().unwrap();
    held.execute("ROLLBACK").await.unwrap();
    // Nothing of it is there; all is pending.
    let check = migrate(&["--check"]).output().unwrap();
    assert_eq!(check.status.code(), Some(1));
    let tables: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'portcullis%' AND tablename <> 'portcullis_migrations'",
    )
    .fetch_one(&mut held)
    .await
    .unwrap();
    assert_eq!(tables, 0);
    run(&mut migrate(&[]));
    run(&mut migrate(&["--check"]));
    let nodes = three_nodes(&database.url()).await;
    Member::register(&nodes.client(1), "ada").await;
}
