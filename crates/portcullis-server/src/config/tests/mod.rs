mod layers;
mod providers;
mod rules;
mod table;

use std::{ffi::OsString, fs, path::Path, time::Duration};

use portcullis_core::{limit::Quota, password::Blocklist, token::Algorithm};
use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

const SECRET: &str = "k3Jv9qLx2mZ8wRt5yHn7bGf4dSa6pUe1";

/// A configuration in the making.
struct Given {
    pub(super) sources: Sources,
    _folder: tempfile::TempDir,
}

impl Given {
    pub(super) fn nothing() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sources = Sources {
            working_dir: folder.path().to_owned(),
            ..Sources::default()
        };
        Self {
            sources,
            _folder: folder,
        }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.sources.working_dir
    }

    pub(super) fn toml(self, text: &str) -> Self {
        fs::write(self.dir().join("portcullis.toml"), text).unwrap();
        self
    }

    pub(super) fn dot_env(self, text: &str) -> Self {
        fs::write(self.dir().join(".env"), text).unwrap();
        self
    }

    pub(super) fn env(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.into(), value.into()));
        self
    }

    pub(super) fn flag(mut self, key: &'static str, flag: &'static str, value: &str) -> Self {
        self.sources.flags.push((key, flag, value.to_owned()));
        self
    }

    pub(super) fn dev(mut self) -> Self {
        self.sources.dev = true;
        self
    }

    pub(super) fn load(&self) -> Config {
        Config::load(&self.sources)
    }

    pub(super) fn settings(&self) -> Settings {
        let config = self.load();
        assert_eq!(config.problems(), []);
        config
            .for_serving()
            .unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// The problems as lines.
    pub(super) fn problems(&self) -> Vec<String> {
        self.load().problems().iter().map(ToString::to_string).collect()
    }

    /// The one problem.
    pub(super) fn problem(&self) -> String {
        let problems = self.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.into_iter().next().unwrap()
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        self.load().warnings.iter().map(ToString::to_string).collect()
    }
}
