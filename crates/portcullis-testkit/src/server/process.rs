//! The real binary in a process of its own.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::oneshot;

use super::{Database, Setup};

/// For how long a start, a command or an end may take before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// `portcullis serve`, or another program that says when it is ready.
pub struct Process {
    child: Child,
    url: String,
    log: Arc<Mutex<String>>,
    readers: Vec<std::thread::JoinHandle<()>>,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct CommandOutput {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl CommandOutput {
    /// Fails unless it exited with 0.
    #[track_caller]
    pub fn success(self) -> Self {
        assert_eq!(
            self.code,
            Some(0),
            "stdout: {}\nstderr: {}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.stdout))
    }
}

fn prepare(binary: &Path, setup: &Setup, database: &Database) -> Command {
    let mut command = Command::new(binary);
    // Nothing of the environment of whoever runs the tests must configure the application under test.
    command
        .env_clear()
        .envs(setup.env.iter().map(|(key, value)| (key, value)));
    command.env("PORTCULLIS_DATA_DIR", database.data_dir());
    if let Some(url) = database.url() {
        command.env("PORTCULLIS_DATABASE__URL", url);
    }
    command.current_dir(database.data_dir().parent().expect("a parent"));
    command
}

pub(super) async fn command(
    binary: &Path,
    setup: &Setup,
    database: &Database,
    arguments: &[&str],
    stdin: &str,
) -> CommandOutput {
    let mut command = prepare(binary, setup, database);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let stdin = stdin.to_owned();
    let run = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().expect("the binary starts");
        // A command that does not read its input may be gone already.
        let _ = child.stdin.take().expect("piped").write_all(stdin.as_bytes());
        child.wait_with_output().expect("an end")
    });
    let output = tokio::time::timeout(PATIENCE, run)
        .await
        .expect("the command ends")
        .expect("no panic");
    CommandOutput {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The arguments of a server on a free port.
pub(super) fn serve(setup: &Setup, database: &Database) -> Vec<String> {
    let mut arguments: Vec<String> = ["serve", "--listen", "127.0.0.1:0"].map(str::to_owned).to_vec();
    // A file is brought up to date without being asked.
    if database.url().is_some() {
        arguments.push("--migrate".to_owned());
    }
    arguments.extend_from_slice(&setup.flags);
    arguments
}

impl Process {
    pub(super) async fn start(
        program: &Path,
        arguments: &[String],
        setup: &Setup,
        database: &Database,
    ) -> Self {
        let mut command = prepare(program, setup, database);
        command.args(arguments);
        Self::of(command).await
    }

    /// Starts a program, and waits until it has said where it listens.
    pub async fn of(command: Command) -> Self {
        Self::until(command, listening).await
    }

    /// The same, for a start that may take as long as `patience`.
    pub async fn within(patience: Duration, command: Command) -> Self {
        Self::wait(command, listening, patience).await
    }

    /// Starts a program, and waits for a line in which `ready` finds where it listens.
    pub async fn until(command: Command, ready: fn(&str) -> Option<String>) -> Self {
        Self::wait(command, ready, PATIENCE).await
    }

    async fn wait(mut command: Command, ready: fn(&str) -> Option<String>, patience: Duration) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");

        let log = Arc::new(Mutex::new(String::new()));
        let (found, listening) = oneshot::channel();
        let found = Arc::new(Mutex::new(Some(found)));
        let readers = vec![
            watch(child.stderr.take().expect("piped"), &log, &found, ready),
            watch(child.stdout.take().expect("piped"), &log, &found, ready),
        ];
        drop(found);
        let Ok(Ok(url)) = tokio::time::timeout(patience, listening).await else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the server does not listen; it said:\n{}", log.lock().unwrap());
        };
        Self {
            child,
            url,
            log,
            readers,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All that it has printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory now, in KiB (`VmRSS`).
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        self.status_kib("VmRSS")
    }

    /// Resident memory that is mapped from no file, in KiB (`RssAnon`): what was allocated.
    #[must_use]
    pub fn anonymous_kib(&self) -> u64 {
        self.status_kib("RssAnon")
    }

    /// Processor time used so far, in clock ticks (`utime` of proc(5)): moves when a password is being hashed.
    #[must_use]
    pub fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        let (_, after_name) = stat.rsplit_once(") ").expect("a name");
        after_name
            .split(' ')
            .nth(11)
            .and_then(|ticks| ticks.parse().ok())
            .expect("utime")
    }

    fn status_kib(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        status
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
            .and_then(|value| value.trim().strip_suffix(" kB")?.trim().parse().ok())
            .unwrap_or_else(|| panic!("no {key}"))
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }

    /// SIGTERM; gives the exit code.
    pub async fn terminate(mut self) -> (Option<i32>, String) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .expect("a pid");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("the signal is sent");
        let wait = tokio::task::spawn_blocking(move || {
            let code = self.child.wait().expect("an end").code();
            for reader in self.readers.drain(..) {
                let _ = reader.join();
            }
            (code, self.log())
        });
        tokio::time::timeout(PATIENCE, wait)
            .await
            .expect("it ends")
            .expect("no panic")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprint_log(&self.log());
        }
    }
}

#[expect(clippy::print_stderr, reason = "shown with the failed test")]
fn eprint_log(log: &str) {
    eprintln!("--- the server said:\n{log}");
}

/// Collects what `stream` says, and finds the line that tells where the server listens.
fn watch(
    stream: impl std::io::Read + Send + 'static,
    log: &Arc<Mutex<String>>,
    found: &Arc<Mutex<Option<oneshot::Sender<String>>>>,
    ready: fn(&str) -> Option<String>,
) -> std::thread::JoinHandle<()> {
    let (log, found) = (Arc::clone(log), Arc::clone(found));
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).into_owned();
            if let Some(url) = ready(&text)
                && let Some(found) = found.lock().unwrap().take()
            {
                // Nobody waits any more when the start took too long.
                let _ = found.send(url);
            }
            log.lock().unwrap().push_str(&text);
            line.clear();
        }
    })
}

/// The server says it in its log, examples in plain words.
fn listening(line: &str) -> Option<String> {
    if let Some(url) = line.strip_prefix("Listening on ") {
        return Some(url.trim().to_owned());
    }
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").unwrap_or(&line);
    (fields["message"] == "listening").then(|| fields["url"].as_str().map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::listening;

    #[test]
    fn finds_the_url_nested_and_flat() {
        let nested = r#"{"level":"INFO","fields":{"message":"listening","url":"http://127.0.0.1:1"}}"#;
        let flat = r#"{"level":"INFO","message":"listening","url":"http://127.0.0.1:1"}"#;
        assert_eq!(listening(nested).as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(listening(flat).as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(listening(r#"{"message":"ready","url":"x"}"#), None);
        assert_eq!(listening("listening"), None);
        let plain = "Listening on http://127.0.0.1:1\n";
        assert_eq!(listening(plain).as_deref(), Some("http://127.0.0.1:1"));
    }
}
