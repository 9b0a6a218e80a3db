//! PostgreSQL servers of a test's own: to be killed, promoted, filled up, or spoken to by TLS.

use std::{
    collections::HashSet,
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions};
use tempfile::TempDir;

use crate::stopwatch::Stopwatch;

/// For how long a start or a promotion may take before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(60);
const USER: &str = "portcullis";

/// A server in a folder of its own. It is killed, and all is gone, when this is dropped; also when the test is killed. One that
/// was [kept](Postgres::kept_in) stays.
///
/// Make and start it in the test's own thread: it ends with the thread that started it.
pub struct Postgres {
    folder: Folder,
    port: u16,
    settings: Vec<String>,
    running: Option<Child>,
}

/// Where its data are.
enum Folder {
    /// Gone with it.
    Own(TempDir),
    /// They stay.
    Kept(PathBuf),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Own(folder) => folder.path(),
            Self::Kept(folder) => folder,
        }
    }
}

impl Postgres {
    /// An empty one, with lines for `postgresql.conf`. Everybody on this machine may do everything, replicate too.
    #[must_use]
    pub fn start(settings: &[&str]) -> Self {
        Self::start_in(Path::new("/tmp"), settings)
    }

    /// The same below another folder, which everybody may enter.
    #[must_use]
    pub fn start_in(place: &Path, settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("portcullis-postgres-")
            .tempdir_in(place)
            .expect("a folder");
        let mut server = Self::prepare(Folder::Own(folder), settings);
        server.initialize();
        server.resume();
        server
    }

    /// One whose data stay in this folder, which everybody may enter, and are found there again. It is stopped in order when
    /// this is dropped.
    #[must_use]
    pub fn kept_in(folder: &Path, settings: &[&str]) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        let mut server = Self::prepare(Folder::Kept(folder.to_owned()), settings);
        if !server.data().join("postgresql.conf").exists() {
            server.initialize();
        }
        server.resume();
        server
    }

    fn initialize(&self) {
        let data = self.data();
        self.run(
            "initdb",
            &[
                "-D",
                text(&data),
                "-U",
                USER,
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--auth=trust",
                "--no-sync",
            ],
        );
    }

    /// One that follows `primary` under the name `standby`, and takes no writes until it is promoted.
    #[must_use]
    pub fn standby_of(primary: &Self, settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("portcullis-postgres-")
            .tempdir_in("/tmp")
            .expect("a folder");
        let mut server = Self::prepare(Folder::Own(folder), settings);
        let source = format!(
            "host=127.0.0.1 port={} user={USER} application_name=standby",
            primary.port
        );
        let data = server.data();
        server.run(
            "pg_basebackup",
            &[
                "-D",
                text(&data),
                "-d",
                &source,
                "-R",
                "-X",
                "stream",
                "-c",
                "fast",
                "--no-sync",
            ],
        );
        server.resume();
        server
    }

    fn prepare(folder: Folder, settings: &[&str]) -> Self {
        if rustix::process::getuid().is_root() {
            let (user, group) = owner();
            chown(folder.path(), Some(user), Some(group)).expect("root may");
        }
        Self {
            folder,
            port: 0,
            settings: settings.iter().map(|line| (*line).to_owned()).collect(),
            running: None,
        }
    }

    /// Starts it, or starts it again, on the port that it had.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn resume(&mut self) {
        assert!(self.running.is_none(), "it runs");
        let waited = Stopwatch::start();
        loop {
            if self.port == 0 {
                self.port = free_port();
            }
            self.configure();
            let data = self.data();
            let mut command = self.command("postgres", &["-D", text(&data)]);
            let log = fs::File::options()
                .create(true)
                .append(true)
                .open(self.log())
                .expect("a log");
            let errors = log.try_clone().expect("a log");
            command.stdin(Stdio::null()).stdout(log).stderr(errors);
            let mut child = command.spawn().expect("PostgreSQL starts");
            loop {
                if child.try_wait().expect("a child").is_some() {
                    // The port is taken, or what was killed is not quite gone.
                    break;
                }
                if self.ready() {
                    self.running = Some(child);
                    return;
                }
                assert!(
                    waited.elapsed() < PATIENCE,
                    "PostgreSQL does not start: {}",
                    self.told()
                );
                pause();
            }
            assert!(
                waited.elapsed() < PATIENCE,
                "PostgreSQL does not start: {}",
                self.told()
            );
            pause();
        }
    }

    /// Starts it again with more lines in `postgresql.conf`.
    pub fn reconfigure(&mut self, settings: &[&str]) {
        self.stop();
        self.settings
            .extend(settings.iter().map(|line| (*line).to_owned()));
        self.resume();
    }

    fn configure(&self) {
        let mut lines = vec![
            "listen_addresses = '127.0.0.1'".to_owned(),
            format!("port = {}", self.port),
            "unix_socket_directories = ''".to_owned(),
            "max_connections = 200".to_owned(),
            "wal_keep_size = '1GB'".to_owned(),
            // One whose cable was pulled is given up.
            "wal_sender_timeout = '5s'".to_owned(),
        ];
        lines.extend(self.settings.iter().cloned());
        self.write("postgresql.conf", &lines.join("\n"));
    }

    /// Writes a file into the data folder, readable for the server alone.
    pub fn write(&self, name: &str, content: &str) {
        let path = self.data().join(name);
        fs::write(&path, content).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
        if rustix::process::getuid().is_root() {
            let (user, group) = owner();
            chown(&path, Some(user), Some(group)).expect("root may");
        }
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The end of its log.
    #[must_use]
    pub fn told(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// `HOST:PORT`
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The URL of its one database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{USER}@{}/postgres", self.address())
    }

    /// The URL of several servers that are one database.
    #[must_use]
    pub fn url_of(servers: &[&Self]) -> String {
        let hosts: Vec<_> = servers.iter().map(|server| server.address()).collect();
        format!(
            "postgres://{USER}@{}/postgres?target_session_attrs=read-write",
            hosts.join(",")
        )
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.running.as_ref().expect("it runs").id()
    }

    /// kill -9. What belongs to it notices and ends, too.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends it in order (fast: who is connected is cut off).
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.running.take() {
            let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process")).expect("a process");
            kill_process(pid, Signal::INT).expect("ours");
            child.wait().expect("it ends");
        }
    }

    /// Makes a standby a primary, and waits until it is.
    pub async fn promote(&self) {
        let mut connection = self.connect().await;
        let promoted: bool = sqlx::query_scalar("SELECT pg_promote(true, 60)")
            .fetch_one(&mut connection)
            .await
            .expect("promoted");
        assert!(promoted, "not promoted: {}", self.told());
    }

    /// Makes those of its processes say nothing more whom `whose` picks from `pg_stat_activity`; their connections stay open.
    /// Until what this gives is dropped.
    ///
    /// # Panics
    /// When it picks none.
    pub async fn silence(&self, whose: &str) -> Silence {
        let query = format!("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND {whose}");
        let processes: Vec<i32> = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
            .fetch_all(&mut self.connect().await)
            .await
            .expect("its processes");
        assert!(!processes.is_empty(), "nobody is {whose}");
        let silence = Silence(processes.into_iter().filter_map(Pid::from_raw).collect());
        silence.send(Signal::STOP);
        silence
    }

    /// Runs SQL.
    pub async fn sql(&self, sql: &'static str) {
        let mut connection = self.connect().await;
        connection.execute(sql).await.expect("the SQL runs");
        connection.close().await.expect("closes");
    }

    /// Emails of all users.
    pub async fn emails(&self) -> HashSet<String> {
        let emails: Vec<String> = sqlx::query_scalar("SELECT email FROM portcullis_users")
            .fetch_all(&mut self.connect().await)
            .await
            .expect("users");
        emails.into_iter().collect()
    }

    /// A connection of its own.
    pub async fn connect(&self) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(USER)
            .database("postgres");
        PgConnection::connect_with(&options)
            .await
            .expect("the server answers")
    }

    fn ready(&self) -> bool {
        let port = self.port.to_string();
        let asked = Command::new(bin().join("pg_isready"))
            .args(["-q", "-h", "127.0.0.1", "-p", &port])
            .status();
        asked.is_ok_and(|status| status.success())
    }

    /// From now on none of its processes may write to a file, nor those that follow (`RLIMIT_FSIZE`). It takes that for a full
    /// disk.
    ///
    /// # Panics
    /// When it does not run.
    pub fn forbid_writing(&self) {
        let server = self.id();
        let mut processes: Vec<_> = children(server);
        processes.push(server);
        for process in processes {
            let pid = process.to_string();
            // Also for root it takes the same user, or a right that containers rarely have.
            let limited = self
                .lent("prlimit", &["--pid", &pid, "--fsize=0:unlimited"])
                .output()
                .expect("it starts");
            // A connection may have ended meanwhile.
            assert!(
                limited.status.success() || process != server,
                "prlimit: {}",
                String::from_utf8_lossy(&limited.stderr)
            );
        }
    }

    /// Runs a program of PostgreSQL to its end.
    fn run(&self, program: &str, arguments: &[&str]) {
        let ran = self.command(program, arguments).output().expect("it starts");
        assert!(
            ran.status.success(),
            "{program}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        self.lent(text(&bin().join(program)), arguments)
    }

    /// The server refuses to run as root, so root lends it the user that the package made.
    fn lent(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        if rustix::process::getuid().is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
        }
        command
            .arg("--pdeathsig=KILL")
            .arg(program)
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("LC_ALL", "C.UTF-8")
            .env("PATH", "/usr/bin:/bin");
        command
    }
}

/// Processes of a server that say nothing, as after a power failure. Dropped, they go on.
pub struct Silence(Vec<Pid>);

impl Silence {
    fn send(&self, signal: Signal) {
        for process in &self.0 {
            // It may have ended.
            let _ = kill_process(*process, signal);
        }
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        self.send(Signal::CONT);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        match self.folder {
            Folder::Own(_) => self.kill(),
            Folder::Kept(_) => self.stop(),
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Where PostgreSQL's programs are: the newest that is there.
fn bin() -> PathBuf {
    let mut found: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL: run ./test, which installs it")
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort_by_key(|bin| {
        let version = bin
            .parent()
            .and_then(Path::file_name)
            .and_then(|name| name.to_str());
        version.and_then(|name| name.parse::<u32>().ok())
    });
    found.pop().expect("PostgreSQL: run ./test, which installs it")
}

/// The processes that this one started.
fn children(parent: u32) -> Vec<u32> {
    let line = format!("PPid:\t{parent}");
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status"));
        status.is_ok_and(|status| status.lines().any(|found| found == line))
    };
    numbers.filter(is_child).collect()
}

fn owner() -> (u32, u32) {
    let id = |flag| {
        let output = Command::new("id")
            .args([flag, "postgres"])
            .output()
            .expect("the user of the package");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        text.parse().expect("a number")
    };
    (id("-u"), id("-g"))
}

/// A port on which nobody listens at present.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[expect(
    clippy::disallowed_methods,
    reason = "another program is waited for: there is no event of ours"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}
