//! Configuration: defaults, then the TOML file, then `.env`, then the environment, then flags. [`KEYS`] is the one
//! table of what there is.

mod dotenv;
mod environment;
mod example;
mod key;
mod layers;
mod problem;
mod providers;
mod resolve;
mod rules;
mod settings;
mod shared_limits;
mod table;
mod value;

#[cfg(test)]
mod tests;

pub(crate) use self::{
    environment::{colour_wanted, variables},
    example::{example, reference},
    layers::Sources,
    problem::{Problem, Problems},
    providers::PROVIDER_KEYS,
    rules::{RS256_IS_OLD, is_loopback},
    settings::{
        CookieSettings, HttpSettings, Limit, LogSettings, MetricsSettings, Settings, TelemetrySettings,
        TlsSettings,
    },
    shared_limits::{SharedLimitSettings, SharedLimitsProblem},
    table::KEYS,
    value::{duration, show_duration},
};
use self::{
    key::Default,
    layers::{Layers, Written},
    resolve::Resolver,
};

/// A configuration as it was found: settings and all that is wrong with them.
pub(crate) struct Config {
    /// The settings; where something is wrong, the default stands in.
    settings: Settings,
    /// What makes them unfit.
    problems: Vec<Problem>,
    /// What makes them unfit to serve.
    serving: Vec<Problem>,
    /// What should make the operator think.
    pub(crate) warnings: Vec<Problem>,
    layers: Layers,
}

fn shown(secret: bool, written: &Written) -> String {
    match written {
        _ if secret => "********".to_owned(),
        Written::One(text) => text.clone(),
        Written::Many(texts) => texts.join(", "),
    }
}

/// One key as `check` shows it.
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) origin: String,
}

impl Config {
    /// Reads and judges everything. Never fails: `check` wants all problems.
    pub(crate) fn load(sources: &Sources) -> Self {
        let mut from = Resolver::new(Layers::gather(sources));
        let mut settings = Settings::resolve(&mut from, sources.dev);
        settings.providers = from.providers();
        rules::together(&settings, &mut from);
        let serving = rules::serving(&settings, &from);
        let warnings = rules::warnings(&settings, &from);
        let mut layers = from.finish();
        let problems = std::mem::take(&mut layers.problems);
        Self {
            settings,
            problems,
            serving,
            warnings,
            layers,
        }
    }

    /// The settings for a command that only uses the data.
    ///
    /// # Errors
    /// All that is wrong with the values.
    pub(crate) fn for_data(self) -> Result<Settings, Problems> {
        if self.problems.is_empty() {
            Ok(self.settings)
        } else {
            Err(Problems(self.problems))
        }
    }

    /// The settings for a server.
    ///
    /// # Errors
    /// All that is wrong with the values, and what forbids to listen.
    pub(crate) fn for_serving(self) -> Result<Settings, Problems> {
        let problems = self.problems();
        if problems.is_empty() {
            Ok(self.settings)
        } else {
            Err(Problems(problems))
        }
    }

    /// All that is wrong.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        self.problems.iter().chain(&self.serving).cloned().collect()
    }

    /// The settings, whatever is wrong with them: for a check that goes on to look for more.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Each key with its value, secrets masked, and where that comes from.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        let keys = KEYS.iter().map(|key| match self.layers.given.get(key.name) {
            Some(given) => Shown {
                name: key.name.to_owned(),
                value: shown(key.secret, &given.written),
                origin: given.origin.to_string(),
            },
            None => Shown {
                name: key.name.to_owned(),
                value: match key.default {
                    Default::Is(text) => text.to_owned(),
                    Default::Unset { .. } => self.stands_in(key.name),
                },
                origin: "default".to_owned(),
            },
        });
        let providers = self.layers.providers.iter().flat_map(|(id, values)| {
            PROVIDER_KEYS.iter().filter_map(move |key| {
                let given = values.get(key.name)?;
                Some(Shown {
                    name: format!("providers.{id}.{}", key.name),
                    value: shown(key.secret, &given.written),
                    origin: given.origin.to_string(),
                })
            })
        });
        keys.chain(providers).collect()
    }

    /// What is used where a key without default is not given.
    fn stands_in(&self, name: &str) -> String {
        let settings = &self.settings;
        match name {
            "token.issuer" => settings.issuer(settings.listen),
            "token.audience" => settings.audience(settings.listen),
            "token.algorithm" => settings.token.algorithm.to_string(),
            "master_key" => settings.data_dir.join("master.key").display().to_string(),
            "database.url" => settings.data_dir.join("portcullis.db").display().to_string(),
            _ => String::new(),
        }
    }
}
