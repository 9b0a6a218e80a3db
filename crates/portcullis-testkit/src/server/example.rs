//! A program of `examples/`.

use std::process::Command;

use tempfile::TempDir;

use super::Process;
use crate::client::Client;

/// An example that runs in an empty folder of its own, on a free port. Its one argument is the address to listen on.
pub struct Example {
    /// Its process.
    pub process: Process,
    binary: String,
    env: Vec<(String, String)>,
    folder: TempDir,
}

impl Example {
    /// Starts `env!("CARGO_BIN_EXE_..")`.
    pub async fn start(binary: &str) -> Self {
        Self::start_with(binary, &[]).await
    }

    /// The same with an environment: all that it gets.
    pub async fn start_with(binary: &str, env: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("portcullis-example-")
            .tempdir()
            .expect("a folder");
        let env = env
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect::<Vec<_>>();
        Self {
            process: Process::of(command(binary, &env, &folder)).await,
            binary: binary.to_owned(),
            env,
            folder,
        }
    }

    /// Kills it, and starts it again where it left its files. It listens somewhere else then.
    pub async fn restart(&mut self) {
        self.process.kill();
        self.process = Process::of(command(&self.binary, &self.env, &self.folder)).await;
    }

    /// Nobody in particular.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.process.url())
    }
}

fn command(binary: &str, env: &[(String, String)], folder: &TempDir) -> Command {
    let mut command = Command::new(binary);
    command
        .arg("127.0.0.1:0")
        .current_dir(folder.path())
        .env_clear()
        .envs(env.iter().map(|(key, value)| (key, value)));
    command
}
