//! Flags that several commands share: where the configuration and the data are.

use std::path::PathBuf;

use clap::Args;

use crate::config::{self, Config, Sources};

/// Where the data is.
#[derive(Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct DataOptions {
    /// Configuration file; without it portcullis.toml in the working directory, if there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the master key and the SQLite database [default: portcullis-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Database, `sqlite://PATH` or `postgres://HOST/NAME`; give one with a password as `PORTCULLIS_DATABASE__URL`
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

/// How to listen.
#[derive(Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ListenOptions {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// For trying it: an administrator admin@example.com with the password admin-password, lenient passwords,
    /// CORS for localhost:3000, loopback only
    #[arg(long)]
    dev: bool,
    /// Certificate chain (PEM); with --tls-key it switches TLS on. Read again on SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<String>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<String>,
    /// Take plain HTTP from other machines: passwords are then readable on the way
    #[arg(long)]
    insecure_http: bool,
    /// Apply pending migrations to a PostgreSQL database before serving; otherwise such a start is refused
    #[arg(long)]
    migrate: bool,
}

impl DataOptions {
    /// The configuration of a command that only uses the data.
    pub(crate) fn load(self) -> Config {
        Config::load(&self.sources())
    }

    fn sources(self) -> Sources {
        Sources {
            working_dir: PathBuf::new(),
            config_file: self.config,
            environment: config::variables(),
            flags: given([
                ("data_dir", "--data-dir", self.data_dir),
                ("database.url", "--database-url", self.database_url),
            ]),
            dev: false,
        }
    }
}

impl ListenOptions {
    /// The configuration of a server.
    pub(crate) fn load(self, data: DataOptions) -> Config {
        let mut sources = data.sources();
        sources.dev = self.dev;
        sources.flags.extend(given([
            ("listen", "--listen", self.listen),
            ("tls.cert", "--tls-cert", self.tls_cert),
            ("tls.key", "--tls-key", self.tls_key),
            (
                "http.insecure",
                "--insecure-http",
                self.insecure_http.then(|| "true".to_owned()),
            ),
            (
                "database.migrate",
                "--migrate",
                self.migrate.then(|| "true".to_owned()),
            ),
        ]));
        Config::load(&sources)
    }
}

fn given<const N: usize>(
    flags: [(&'static str, &'static str, Option<String>); N],
) -> Vec<(&'static str, &'static str, String)> {
    flags
        .into_iter()
        .filter_map(|(key, flag, value)| Some((key, flag, value?)))
        .collect()
}
