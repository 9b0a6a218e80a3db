//! A running Portcullis on a database of its own.

mod database;
mod example;
mod local;
mod process;

use std::path::{Path, PathBuf};

pub use self::{
    database::Database,
    example::Example,
    local::{Local, configuration},
    process::{CommandOutput, Process},
};
pub use crate::database::Engine;
use crate::{
    client::Client,
    people::{self, Member},
};

/// Email of the administrator that [`App::admin`] logs in.
pub const ADMIN_EMAIL: &str = "root@example.org";

/// The issuer of all applications under test: it must outlive a restart on another port.
pub const ISSUER: &str = "https://auth.example.test";

/// How to start.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The database.
    pub engine: Engine,
    /// Environment of the process.
    pub env: Vec<(String, String)>,
    /// Flags of `serve`.
    pub flags: Vec<String>,
}

impl Setup {
    /// On `engine`, with rate limits off ([`Setup::limited`]) and patience where tests share the machine
    /// ([`Setup::impatient`]): a test asks for what it is about.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            env: Vec::new(),
            flags: Vec::new(),
        }
        .env("PORTCULLIS_LIMITS__ENABLED", "false")
        .env("PORTCULLIS_PASSWORD__DEADLINE", "20s")
        .env("PORTCULLIS_TOKEN__ISSUER", ISSUER)
    }

    /// With the default rate limits.
    #[must_use]
    pub fn limited(self) -> Self {
        self.env("PORTCULLIS_LIMITS__ENABLED", "true")
    }

    /// With the default deadline of passwords.
    #[must_use]
    pub fn impatient(mut self) -> Self {
        self.env
            .retain(|(name, _)| !name.starts_with("PORTCULLIS_PASSWORD__"));
        self
    }

    /// With a setting.
    #[must_use]
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.retain(|(name, _)| name != key);
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    /// With a flag of `serve`.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// Starts the server `binary`.
    pub async fn start(self, binary: &Path) -> App {
        self.start_program(binary, binary).await
    }

    /// Starts an application that embeds Portcullis. Commands are those of the server `binary`, on the same data.
    pub async fn start_application(self, application: &Path, binary: &Path) -> App {
        self.start_program(application, binary).await
    }

    async fn start_program(self, program: &Path, binary: &Path) -> App {
        let database = Database::create(self.engine).await;
        let arguments = if program == binary {
            process::serve(&self, &database)
        } else {
            self.flags.clone()
        };
        let process = Process::start(program, &arguments, &self, &database).await;
        App {
            setup: self,
            database,
            process,
            program: program.to_owned(),
            arguments,
            binary: binary.to_owned(),
        }
    }
}

/// The application under test.
pub struct App {
    setup: Setup,
    /// Its process.
    pub process: Process,
    /// Its database.
    pub database: Database,
    /// What is under test, and how it is started.
    program: PathBuf,
    arguments: Vec<String>,
    /// The server, for its commands.
    binary: PathBuf,
}

impl App {
    /// Nobody in particular.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.process.url())
    }

    /// Someone who registers now, as `label@example.com`.
    pub async fn register(&self, label: &str) -> Member {
        Member::register(&self.client(), label).await
    }

    /// An administrator, made at the command line and logged in.
    pub async fn admin(&self) -> Member {
        self.add_admin(ADMIN_EMAIL).await;
        Member::login(&self.client(), ADMIN_EMAIL, people::PASSWORD).await
    }

    /// Adds an administrator at the command line.
    pub async fn add_admin(&self, email: &str) {
        self.command(
            &["user", "add", email, "--role", "admin", "--name", "Root"],
            &format!("{}\n", people::PASSWORD),
        )
        .await
        .success();
    }

    /// Runs `portcullis ARGUMENTS` on the same data folder and database.
    pub async fn command(&self, arguments: &[&str], stdin: &str) -> CommandOutput {
        process::command(&self.binary, &self.setup, &self.database, arguments, stdin).await
    }

    /// Starts again after [`Process::kill`] or [`Process::terminate`], on the same data.
    pub async fn restart(&mut self) {
        self.process.kill();
        self.process = Process::start(&self.program, &self.arguments, &self.setup, &self.database).await;
    }
}
