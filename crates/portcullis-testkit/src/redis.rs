//! A Redis (or Valkey) for one test, which the test may kill, freeze or fill.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::stopwatch::Stopwatch;

/// How `./test` tells where `redis-server` is.
pub const REDIS_VARIABLE: &str = "PORTCULLIS_TEST_REDIS";

/// For how long a start may take before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(20);

/// `redis-server` on a free port, with nothing on the disk. It is killed when this is dropped; also when the test is killed.
///
/// Make and start it in the test's own thread: it ends with the thread that started it.
pub struct Redis {
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    child: Option<Child>,
}

impl Redis {
    /// Starts one.
    ///
    /// # Panics
    /// Without `redis-server`: a test of what nodes share fails rather than being skipped.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With further options, such as `--requirepass`.
    ///
    /// # Panics
    /// As [`Redis::start`].
    #[must_use]
    pub fn start_with(options: &[&str]) -> Self {
        let mut redis = Self {
            folder: TempDir::new().expect("a folder"),
            port: free_port(),
            options: options.iter().map(|&option| option.to_owned()).collect(),
            child: None,
        };
        redis.restart();
        redis
    }

    /// One that speaks TLS on a further port, with this certificate and key. Gives that port, too.
    ///
    /// # Panics
    /// As [`Redis::start`].
    #[must_use]
    pub fn start_with_tls(certificate: &str, key: &str) -> (Self, u16) {
        let folder = TempDir::new().expect("a folder");
        for (name, text) in [("cert.pem", certificate), ("key.pem", key)] {
            std::fs::write(folder.path().join(name), text).expect("it is written");
        }
        let secure = free_port();
        let options = [
            "--tls-port",
            &secure.to_string(),
            "--tls-cert-file",
            "cert.pem",
            "--tls-key-file",
            "key.pem",
            "--tls-ca-cert-file",
            "cert.pem",
            "--tls-auth-clients",
            "no",
        ]
        .map(str::to_owned);
        let mut redis = Self {
            folder,
            port: free_port(),
            options: options.to_vec(),
            child: None,
        };
        redis.restart();
        (redis, secure)
    }

    /// Starts it again on the same port, with nothing in it.
    ///
    /// # Panics
    /// As [`Redis::start`].
    pub fn restart(&mut self) {
        self.kill();
        let child = Command::new("setpriv")
            .arg("--pdeathsig=KILL")
            .arg(program())
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .args(&self.options)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setpriv of util-linux");
        self.child = Some(child);
        let begun = Stopwatch::start();
        while !self.answers() {
            let child = self.child.as_mut().expect("started");
            assert!(
                child.try_wait().expect("a child").is_none(),
                "redis-server ended: run ./test, which installs it"
            );
            assert!(begun.elapsed() < PATIENCE, "redis-server does not answer");
            std::thread::park_timeout(Duration::from_millis(25));
        }
    }

    fn answers(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
            && ["+PONG", "-NOAUTH"]
                .iter()
                .any(|good| self.command("PING").starts_with(good))
    }

    /// `redis://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        self.url_as("")
    }

    /// The same with `USER:PASSWORD@` before the host.
    #[must_use]
    pub fn url_as(&self, who: &str) -> String {
        format!("redis://{who}127.0.0.1:{}", self.port)
    }

    /// What is answered to a command, as a person types it; to several, each on a line of its own.
    ///
    /// # Panics
    /// When it is not up.
    #[must_use]
    pub fn command(&self, lines: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it is up");
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("a timeout");
        // With an end, so that all of the answer is read.
        stream
            .write_all(format!("{}\r\nQUIT\r\n", lines.trim()).as_bytes())
            .expect("it reads");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Keeps the process from running (SIGSTOP), so that it takes connections and answers nothing.
    ///
    /// # Panics
    /// When it is not up.
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets it run again.
    ///
    /// # Panics
    /// When it is not up.
    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = self.child.as_ref().expect("started").id();
        let pid = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("a pid"), signal).expect("the signal is sent");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}

#[expect(
    clippy::disallowed_methods,
    reason = "how `./test` tells the tests what it installed"
)]
fn program() -> String {
    std::env::var(REDIS_VARIABLE).unwrap_or_else(|_| {
        panic!(
            "{REDIS_VARIABLE} is not set: run ./test, which installs redis-server, or export {REDIS_VARIABLE}=$(command -v \
             redis-server)"
        )
    })
}
