//! Looks at what a configuration points to, without starting and without changing anything: folder, master key,
//! certificate, database.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

use portcullis::{
    embedded::DataDir,
    sign_in::{SignIn, SignInBuilder},
};
use portcullis_core::{
    authority::FINGERPRINT,
    clock::{Clock as _, SystemClock},
    key::{MasterKey, Vault},
    store::Store as _,
};
use portcullis_store::Database;

use crate::{
    config::{Problem, Settings, SharedLimitSettings, TlsSettings},
    data_dir::{self, FolderError},
    installation::{InstallationError, database_options, migrates},
    serve::{Dated, load_tls},
};

/// What was found.
#[derive(Default)]
pub(crate) struct Findings {
    /// What makes a start fail, or all clients go away.
    pub(crate) problems: Vec<Problem>,
    /// What should make the operator think.
    pub(crate) warnings: Vec<Problem>,
    /// What will be done at the next start.
    pub(crate) notes: Vec<String>,
}

/// A database that does not answer by then is not reachable.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at everything.
pub(crate) async fn examine(settings: &Settings) -> Findings {
    let (findings, database) = look(settings).await;
    if let Some(database) = database {
        database.close().await;
    }
    findings
}

/// Looks at everything, and leaves the database open for whoever looks further, if it opens.
pub(crate) async fn look(settings: &Settings) -> (Findings, Option<Database>) {
    let mut findings = Findings::default();
    if let Some(tls) = &settings.tls {
        findings.certificate(tls);
    }
    findings.providers(settings).await;
    match settings.limits.shared.as_ref().map(SharedLimitSettings::open) {
        None => {}
        Some(Err(error)) => findings.problem("limits.redis_url", error),
        Some(Ok(shared)) => {
            if let Err(why) = shared.probe().await {
                findings.warnings.push(Problem::new(
                    "limits.redis_url",
                    format!("the Redis that nodes share does not do what is asked of it: {why}. Each node counts for itself"),
                ));
            }
        }
    }
    let folder = findings.folder(settings);
    let own = match folder.as_ref().map(|folder| folder.key_file().read()) {
        Some(Ok(key)) => key,
        Some(Err(_)) if settings.master_key.is_some() => None,
        Some(Err(error)) => {
            findings.problem("data_dir", error);
            return (findings, None);
        }
        None => None,
    };
    let database = findings
        .database(
            settings,
            folder.as_ref(),
            settings.master_key.as_ref().or(own.as_ref()),
        )
        .await;
    (findings, database)
}

impl Findings {
    fn problem(&mut self, place: &str, message: impl std::fmt::Display) {
        self.problems.push(Problem::new(place, format!("{message}")));
    }

    fn certificate(&mut self, tls: &TlsSettings) {
        match load_tls(tls) {
            Err(error) => self.problem("tls", error),
            Ok(loaded) => match loaded.validity.and_then(|dates| dates.fault(SystemClock.now())) {
                None => {}
                Some(soon @ Dated::Soon(_)) => {
                    self.warnings.push(Problem::new("tls.cert", soon.to_string()));
                }
                Some(fault) => self.problem("tls.cert", fault),
            },
        }
        if fs::metadata(&tls.key).is_ok_and(|found| found.mode() & 0o007 != 0) {
            let path = tls.key.display();
            self.warnings.push(Problem::new(
                "tls.key",
                format!("{path} can be read by everybody: `chmod 640 {path}`"),
            ));
        }
    }

    /// Asks each provider what it is.
    async fn providers(&mut self, settings: &Settings) {
        if settings.providers.is_empty() {
            return;
        }
        let sign_in = SignIn::builder(settings.issuer(settings.listen));
        let sign_in = settings
            .providers
            .iter()
            .cloned()
            .fold(sign_in, SignInBuilder::provider);
        let sign_in = match sign_in.build() {
            Ok(sign_in) => sign_in,
            Err(error) => return self.problem("providers", error),
        };
        for provider in sign_in.providers() {
            let place = format!("providers.{}", provider.id());
            match sign_in.probe(provider.id()).await {
                Ok(()) => self.notes.push(format!(
                    "The provider {} sends back to {}.",
                    provider.id(),
                    sign_in.redirect_uri(provider.id())
                )),
                Err(error) => self.problem(&place, error),
            }
        }
    }

    fn folder(&mut self, settings: &Settings) -> Option<DataDir> {
        if !settings.needs_folder() {
            return None;
        }
        match data_dir::existing(&settings.data_dir) {
            Ok(folder) => {
                if let Some(warning) = folder.warning() {
                    self.warnings.push(Problem::new("data_dir", warning));
                }
                Some(folder)
            }
            Err(FolderError::Missing(path)) => {
                self.notes
                    .push(format!("The data folder {} will be made.", path.display()));
                None
            }
            Err(error) => {
                self.problem("data_dir", error);
                None
            }
        }
    }

    async fn database(
        &mut self,
        settings: &Settings,
        folder: Option<&DataDir>,
        key: Option<&MasterKey>,
    ) -> Option<Database> {
        let mut options = match (&settings.database.url, folder) {
            (None, None) => return None,
            _ => database_options(settings, folder),
        };
        if let Some(path) = options.file() {
            let will = match file_kind(&path) {
                FileKind::Missing => "made",
                // Opening it would change it.
                FileKind::OtherJournal => "given a write-ahead log",
                FileKind::Usual => "",
            };
            if !will.is_empty() {
                self.notes
                    .push(format!("The database {} will be {will}.", path.display()));
                return None;
            }
        }
        let migrates = migrates(settings, &options);
        options.migrate = false;
        options.timeout = PATIENCE;
        let open = Database::open(&options);
        match tokio::time::timeout(2 * PATIENCE, open).await {
            Err(_) => self.problem("database.url", "the database does not answer"),
            Ok(Err(error)) => self.problem("database.url", error),
            Ok(Ok(database)) => {
                self.contents(&database, settings, key, migrates).await;
                return Some(database);
            }
        }
        None
    }

    async fn contents(
        &mut self,
        database: &Database,
        settings: &Settings,
        key: Option<&MasterKey>,
        migrates: bool,
    ) {
        match database.pending_migrations().await {
            Ok(pending) if pending.is_empty() => {}
            Ok(pending) => {
                if migrates {
                    self.notes
                        .push(format!("The database will be migrated: {}.", pending.join(", ")));
                } else {
                    self.problem(
                        "database.url",
                        InstallationError::PendingMigrations(pending.clone()),
                    );
                }
                if pending.iter().any(|name| name.starts_with("0001")) {
                    return;
                }
            }
            Err(error) => return self.problem("database.url", error),
        }
        match (database.meta(FINGERPRINT).await, key) {
            (Err(error), _) => self.problem("database.url", error),
            (Ok(None), _) => {}
            (Ok(Some(_)), None) => self.problem(
                "master_key",
                format!(
                    "the database was made with a master key, and there is none: restore {}, or set \
                     PORTCULLIS_MASTER_KEY",
                    settings.data_dir.join("master.key").display()
                ),
            ),
            (Ok(Some(fingerprint)), Some(key)) => {
                if Vault::new(key).fingerprint() != fingerprint {
                    self.problem(
                        "master_key",
                        "is not the one with which the database was made: restore that one",
                    );
                }
            }
        }
    }
}

/// What is in the place of a SQLite file.
enum FileKind {
    /// Nothing, or a file without a byte.
    Missing,
    /// A database that was made by something else: it keeps its journal in another way.
    OtherJournal,
    /// What opening leaves as it is, or refuses.
    Usual,
}

/// Reads the header (<https://www.sqlite.org/fileformat2.html#the_database_header>).
fn file_kind(path: &Path) -> FileKind {
    let mut header = [0; 20];
    match File::open(path).and_then(|mut file| file.read_exact(&mut header)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => FileKind::Missing,
        Err(_) if fs::metadata(path).is_ok_and(|found| found.len() == 0) => FileKind::Missing,
        Ok(()) if header.starts_with(b"SQLite format 3\0") && header[18..20] != [2, 2] => {
            FileKind::OtherJournal
        }
        _ => FileKind::Usual,
    }
}
