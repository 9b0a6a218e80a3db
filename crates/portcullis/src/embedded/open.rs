use std::{path::Path, sync::Arc};

use portcullis_core::{
    authority::{Authority, FINGERPRINT, Ports},
    key::{KeyState, MasterKey, Vault},
    store::{Store as _, StoreError},
    token::Algorithm,
};
use portcullis_store::{Database, DatabaseOptions, PoolShare};
use secrecy::SecretString;

use super::{
    BuildError, DataDir, KeyFile, Portcullis, WrongOption,
    builder::{Builder, Key, Place, acting_origins},
    work::Work,
};
use crate::{
    api::Browser,
    layers::{Edge, EdgeConfig},
    maintenance::Maintenance,
};

impl Builder {
    /// Opens the database, making what is missing: tables, roles, master key, signing keys. Then begins the work that goes
    /// on beside requests.
    ///
    /// ```
    /// use portcullis::Portcullis;
    ///
    /// # let temp = tempfile::tempdir()?;
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
    /// # let folder = temp.path().join("data");
    /// let auth = Portcullis::builder().data_dir(folder).build().await?;
    /// # auth.shutdown().await;
    /// # Ok::<(), portcullis::BuildError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// With a text that says what to do.
    pub async fn build(mut self) -> Result<Portcullis, BuildError> {
        let edge = self.check()?;
        let folder = self.folder()?;
        let key = self.key_source(folder.as_ref())?;
        let database = self.open_database(folder.as_ref()).await?;
        let opened = self.on(&database, key, edge).await;
        if opened.is_err() {
            database.close().await;
        }
        opened
    }

    /// What is built on an open database.
    async fn on(mut self, database: &Database, key: Key, edge: EdgeConfig) -> Result<Portcullis, BuildError> {
        let pending = database.pending_migrations().await?;
        if !pending.is_empty() {
            return Err(BuildError::NotMigrated(pending));
        }
        let key = self.master_key_of(database, key).await?;
        if self.existing && self.config.secret.is_none() {
            // Which one it is to be, the configuration of the application says: a command that was run without it must
            // not put other keys in the place of those in use.
            self.config.algorithm = active_algorithm(database).await?.or(self.config.algorithm);
        }
        if self.warns_of_limits {
            tracing::warn!(
                "rate limits are off: nothing slows down password guessing; use this for load tests only"
            );
        }
        #[cfg(feature = "redis")]
        if let Some(shared) = self.shared_limits.as_ref().filter(|_| !self.existing) {
            shared.connect().await;
        }
        let ports = Ports {
            store: Arc::new(database.clone()),
            clock: Arc::clone(&self.clock),
            rng: Arc::clone(&self.rng),
            vault: Arc::new(Vault::new(&key)),
        };
        let origins = acting_origins(&self.http.cors_origins, &self.config.issuer);
        let authority = Authority::open(ports, self.config).await?;
        let browser = self
            .http
            .session_cookies
            .map(|cookies| Browser::new(&authority, cookies, &origins))
            .transpose()
            .map_err(|error| {
                BuildError::Options(vec![WrongOption {
                    option: "cors_origins",
                    message: format!("cannot be: {error}"),
                }])
            })?;
        #[cfg(not(feature = "issuer"))]
        let sign_in = crate::api::SignInParts::default();
        #[cfg(feature = "issuer")]
        let sign_in = crate::api::SignInParts {
            sign_in: self
                .http
                .sign_in
                .map(|sign_in| sign_in.on_authority(&authority))
                .transpose()
                .map_err(|error| {
                    BuildError::Options(vec![WrongOption {
                        option: "sign_in",
                        message: format!("cannot be: {error}"),
                    }])
                })?,
            redirects: self.http.sign_in_redirects,
        };
        let maintenance = Maintenance::new(Arc::clone(&authority), self.maintenance);
        maintenance.tell_metrics();
        let mut work = None;
        if !self.existing {
            self.roles.store(&authority).await?;
            let known = authority.store().roles().await?;
            if let Some(unknown) = known.unknown(&authority.config().default_roles) {
                return Err(BuildError::DefaultRole(unknown.clone()));
            }
            work = Some(Arc::new(Work::begin(
                maintenance.clone(),
                Arc::clone(&authority),
                database.clone(),
            )));
        }
        let proxies = edge.trusted_proxies.clone();
        let edge = Edge::new(edge, self.clock, &*self.rng);
        Ok(Portcullis::new(
            authority,
            database.clone(),
            edge,
            proxies,
            browser,
            sign_in,
            maintenance,
            work,
        ))
    }

    /// All that is wrong with the options, at once.
    fn check(&mut self) -> Result<EdgeConfig, BuildError> {
        self.config.audience = self.audience.take().unwrap_or_else(|| self.config.issuer.clone());
        let mut wrong = std::mem::take(&mut self.wrong);
        // Whoever only opens what is there issues no tokens.
        if !self.existing {
            wrong.extend(self.config.check().iter().map(WrongOption::from));
        }
        match self.edge() {
            Ok(edge) if wrong.is_empty() => Ok(edge),
            Ok(_) => Err(BuildError::Options(wrong)),
            Err(more) => Err(BuildError::Options([wrong, more].concat())),
        }
    }

    fn folder(&self) -> Result<Option<DataDir>, BuildError> {
        let Some(path) = &self.data_dir else {
            return Ok(None);
        };
        if !self.existing {
            return Ok(Some(DataDir::create(path)?));
        }
        let found = DataDir::find(path)?;
        found.map(Some).ok_or_else(|| BuildError::NoFolder(path.clone()))
    }

    async fn open_database(&self, folder: Option<&DataDir>) -> Result<Database, BuildError> {
        let options = match &self.place {
            #[cfg(feature = "sqlite")]
            Some(Place::SqlitePool(pool)) => {
                return Ok(Database::on_sqlite(pool.clone(), &self.share()).await?);
            }
            #[cfg(feature = "postgres")]
            Some(Place::PostgresPool(pool)) => {
                return Ok(Database::on_postgres(pool.clone(), &self.share()).await?);
            }
            #[cfg(feature = "sqlite")]
            Some(Place::File(file)) => of_file(file)?,
            Some(Place::Url(url)) => of_url(url),
            None => of_file(&folder.ok_or(BuildError::NoDatabase)?.database())?,
        };
        let options = DatabaseOptions {
            max_connections: self.max_connections,
            timeout: self.database_timeout,
            queue: self.database_queue,
            notify: self.database_notify,
            migrate: self.migrate && !self.existing,
            ..options
        };
        Ok(Database::open(&options).await?)
    }

    fn share(&self) -> PoolShare {
        PoolShare {
            max_connections: self.max_connections,
            timeout: self.database_timeout,
            queue: self.database_queue,
            migrate: self.migrate && !self.existing,
        }
    }

    /// Where the master key is, or is to be.
    fn key_source(&mut self, folder: Option<&DataDir>) -> Result<Key, BuildError> {
        if let Some(key) = self.key.take() {
            return Ok(key);
        }
        match &self.place {
            None if folder.is_none() => return Err(BuildError::NoDatabase),
            Some(Place::Url(url)) => of_url(url).check()?,
            _ => {}
        }
        folder
            .map(DataDir::key_file)
            .or_else(|| self.key_file_beside())
            .map(Key::File)
            .ok_or(BuildError::NoMasterKey)
    }

    async fn master_key_of(&self, database: &Database, key: Key) -> Result<MasterKey, BuildError> {
        let file = match key {
            Key::Given(key) => return Ok(key),
            Key::File(file) => file,
        };
        if let Some(key) = file.read()? {
            return Ok(key);
        }
        if self.existing {
            return Err(BuildError::MissingMasterKey(file.path().to_owned()));
        }
        // Never a new key beside a database that knows another: what it sealed would be lost without a word.
        if database.meta(FINGERPRINT).await?.is_some() {
            return Err(BuildError::LostMasterKey(file.path().to_owned()));
        }
        Ok(file.create(&*self.rng)?)
    }

    /// `app.db.key` for `app.db`.
    fn key_file_beside(&self) -> Option<KeyFile> {
        let mut path = match self.place.as_ref()? {
            #[cfg(feature = "sqlite")]
            Place::File(file) => file.clone(),
            #[cfg(feature = "sqlite")]
            Place::SqlitePool(pool) => pool.connect_options().get_filename().to_owned(),
            #[cfg(feature = "postgres")]
            Place::PostgresPool(_) => return None,
            Place::Url(url) => of_url(url).file()?,
        }
        .into_os_string();
        path.push(".key");
        Some(KeyFile::new(path))
    }
}

/// The algorithm that signs.
async fn active_algorithm(database: &Database) -> Result<Option<Algorithm>, StoreError> {
    let keys = database.keys().await?.keys;
    let active = keys.iter().find(|key| key.state == KeyState::Active.as_str());
    Ok(active.and_then(|key| key.algorithm.parse().ok()))
}

fn of_url(url: &SecretString) -> DatabaseOptions {
    DatabaseOptions {
        url: url.clone(),
        ..DatabaseOptions::new("")
    }
}

fn of_file(file: &Path) -> Result<DatabaseOptions, BuildError> {
    let Some(path) = file.to_str() else {
        return Err(BuildError::Options(vec![WrongOption {
            option: "sqlite",
            message: format!("has a path that is not UTF-8: {}", file.display()),
        }]));
    };
    Ok(DatabaseOptions::new(format!("sqlite:{path}")))
}
