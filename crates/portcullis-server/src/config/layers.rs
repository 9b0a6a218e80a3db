//! Collects what each layer gives: file, `.env`, environment, flags. The later wins.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    fs::{self, File, Metadata},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{
    KEYS,
    dotenv::{self, BadLine},
    key::{Key, PREFIX},
    problem::Problem,
    providers,
};

/// Everything from which a configuration is made. Gathered once, at start; tests make their own.
#[derive(Default)]
pub(crate) struct Sources {
    /// Where `portcullis.toml` and `.env` are looked for.
    pub(crate) working_dir: PathBuf,
    /// `--config`.
    pub(crate) config_file: Option<PathBuf>,
    /// The environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Flags: the key that each sets, its name, its value.
    pub(crate) flags: Vec<(&'static str, &'static str, String)>,
    /// `--dev`.
    pub(crate) dev: bool,
}

/// Where a value comes from, named as the operator wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    File { file: PathBuf, name: String },
    DotEnv(String),
    Environment(String),
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, name } => write!(f, "{name} in {}", file.display()),
            Self::DotEnv(name) => write!(f, "{name} in .env"),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A value as it was written. Has no `Debug`: it may be a secret.
#[derive(Clone)]
pub(crate) enum Written {
    One(String),
    Many(Vec<String>),
}

/// A value and its origin.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) written: Written,
    pub(crate) origin: Origin,
}

/// What all layers together give.
#[derive(Default)]
pub(crate) struct Layers {
    pub(crate) given: BTreeMap<&'static str, Given>,
    /// The sections `[providers.NAME]`.
    pub(super) providers: BTreeMap<String, providers::Values>,
    pub(crate) problems: Vec<Problem>,
}

impl Layers {
    /// Reads all layers, the weakest first.
    pub(crate) fn gather(sources: &Sources) -> Self {
        let mut layers = Self::default();
        layers.file(sources);
        layers.dot_env(sources);
        layers.environment(sources);
        for (key, flag, value) in &sources.flags {
            if let Some(key) = KEYS.iter().find(|k| k.name == *key) {
                layers.put(key, Written::One(value.clone()), Origin::Flag(flag));
            }
        }
        layers
    }

    fn put(&mut self, key: &'static Key, written: Written, origin: Origin) {
        self.given.insert(key.name, Given { written, origin });
    }

    fn problem(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::new(place, message));
    }

    fn file(&mut self, sources: &Sources) {
        let (path, asked_for) = match &sources.config_file {
            Some(path) => (path.clone(), true),
            None => match sources
                .environment
                .iter()
                .find(|(name, _)| name == CONFIG_VARIABLE)
            {
                Some((_, path)) => (PathBuf::from(path), true),
                None => (PathBuf::from("portcullis.toml"), false),
            },
        };
        let place = sources.working_dir.join(&path);
        let text = match if asked_for {
            fs::read_to_string(&place)
        } else {
            nearby(&place)
        } {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !asked_for => return,
            Err(error) => {
                return self.problem(path.display().to_string(), format!("cannot be read: {error}"));
            }
        };
        match text.parse::<toml::Table>() {
            Ok(mut table) => {
                if let Some(sections) = table.remove("providers") {
                    self.provider_sections(&path, sections);
                }
                self.table(&path, "", table);
            }
            // Only the position and the reason: the error's own text quotes the line, which may hold a secret.
            Err(error) => {
                let line = error
                    .span()
                    .map_or(1, |span| text[..span.start].lines().count().max(1));
                let reason = error.message().lines().next().unwrap_or("not TOML").to_owned();
                self.problem(
                    format!("{}, line {line}", path.display()),
                    format!("is not TOML: {reason}"),
                );
            }
        }
    }

    fn table(&mut self, file: &Path, prefix: &str, table: toml::Table) {
        let mut section = BTreeMap::new();
        for (name, value) in table {
            let name = if prefix.is_empty() {
                name
            } else {
                format!("{prefix}.{name}")
            };
            match value {
                toml::Value::Table(inner) if is_section(&name) || !(inner.is_empty() || is_key(&name)) => {
                    self.table(file, &name, inner);
                }
                value => {
                    if let Some(text) = self.text_of(file, &name, value) {
                        section.insert(name, text);
                    }
                }
            }
        }
        let origin = |name: &str| Origin::File {
            file: file.to_owned(),
            name: name.to_owned(),
        };
        self.layer(section, |key| key.name.to_owned(), Key::file_name, origin);
    }

    fn provider_sections(&mut self, file: &Path, sections: toml::Value) {
        let toml::Value::Table(sections) = sections else {
            return self.problem(
                format!("providers in {}", file.display()),
                "is a section for each provider: [providers.NAME]",
            );
        };
        for (id, section) in sections {
            let toml::Value::Table(section) = section else {
                self.problem(
                    format!("providers.{id} in {}", file.display()),
                    "is a section: [providers.NAME]",
                );
                continue;
            };
            for (name, value) in section {
                let full = format!("providers.{id}.{name}");
                let origin = Origin::File {
                    file: file.to_owned(),
                    name: full.clone(),
                };
                match one_or_many(value) {
                    Some(written) => self.put_provider(&id, &name, written, origin),
                    None => self.problem(
                        origin.to_string(),
                        "must be a text, a number, true or false, or an array of these",
                    ),
                }
            }
        }
    }

    fn put_provider(&mut self, id: &str, name: &str, written: Written, origin: Origin) {
        let (key, is_file) = match providers::known(name) {
            Ok(known) => known,
            Err(message) => return self.problem(origin.to_string(), message),
        };
        let written = match (is_file, written) {
            (false, written) => written,
            (true, Written::Many(_)) => {
                return self.problem(origin.to_string(), "must be the path of one file");
            }
            (true, Written::One(path)) => match fs::read_to_string(&path) {
                Ok(text) => Written::One(text.trim_end_matches(['\n', '\r']).to_owned()),
                Err(error) => {
                    return self.problem(origin.to_string(), format!("{path} cannot be read: {error}"));
                }
            },
        };
        let given = Given { written, origin };
        self.providers
            .entry(id.to_owned())
            .or_default()
            .insert(key.name, given);
    }

    /// Takes out what belongs to providers.
    fn provider_variables(
        &mut self,
        variables: &mut BTreeMap<String, Written>,
        origin: impl Fn(&str) -> Origin,
    ) {
        let names: Vec<String> = variables
            .keys()
            .filter(|name| providers::of_environment(name).is_some())
            .cloned()
            .collect();
        for name in names {
            if let (Some(written), Some((id, key))) =
                (variables.remove(&name), providers::of_environment(&name))
            {
                self.put_provider(&id, &key, written, origin(&name));
            }
        }
    }

    fn text_of(&mut self, file: &Path, name: &str, value: toml::Value) -> Option<Written> {
        let written = one_or_many(value);
        if written.is_none() {
            let message = if is_key(name) {
                "must be a text, a number, true or false, or an array of these".to_owned()
            } else {
                unknown(name, &toml_names())
            };
            self.problem(format!("{name} in {}", file.display()), message);
        }
        written
    }

    fn dot_env(&mut self, sources: &Sources) {
        let text = match nearby(&sources.working_dir.join(".env")) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return self.problem(".env", format!("cannot be read: {error}")),
        };
        let mut variables = BTreeMap::new();
        for line in dotenv::parse(&text) {
            match line {
                Ok((name, value)) if name.starts_with(PREFIX) => {
                    variables.insert(name, Written::One(value));
                }
                Ok(_) => {}
                Err(BadLine(line)) => self.problem(format!(".env, line {line}"), "is not NAME=value"),
            }
        }
        let origin = |name: &str| Origin::DotEnv(name.to_owned());
        self.provider_variables(&mut variables, origin);
        self.layer(variables, Key::env_name, Key::env_file_name, origin);
    }

    fn environment(&mut self, sources: &Sources) {
        let mut variables = BTreeMap::new();
        for (name, value) in &sources.environment {
            let Some(name) = name
                .to_str()
                .filter(|name| name.starts_with(PREFIX) && *name != CONFIG_VARIABLE)
            else {
                continue;
            };
            match value.to_str() {
                Some(value) => {
                    variables.insert(name.to_owned(), Written::One(value.to_owned()));
                }
                None => self.problem(name, "is not UTF-8"),
            }
        }
        let origin = |name: &str| Origin::Environment(name.to_owned());
        self.provider_variables(&mut variables, origin);
        self.layer(variables, Key::env_name, Key::env_file_name, origin);
    }

    /// Takes one layer in, whose keys have the names that `name` gives, and whose files of secrets have the names
    /// that `file_name` gives.
    fn layer(
        &mut self,
        mut values: BTreeMap<String, Written>,
        name: fn(&Key) -> String,
        file_name: fn(&Key) -> Option<String>,
        origin: impl Fn(&str) -> Origin,
    ) {
        for key in KEYS {
            let own = name(key);
            let plain = values.remove(&own);
            let file = file_name(key).and_then(|name| values.remove(&name).map(|value| (name, value)));
            match (plain, file) {
                (Some(_), Some((file, _))) => {
                    self.problem(
                        origin(&file).to_string(),
                        format!("is given together with {own}: keep one of them"),
                    );
                }
                (Some(value), None) => self.put(key, value, origin(&own)),
                (None, Some((file, value))) => self.secret_file(key, &value, origin(&file)),
                (None, None) => {}
            }
        }
        if values.is_empty() {
            return;
        }
        let known: Vec<String> = KEYS
            .iter()
            .flat_map(|key| [Some(name(key)), file_name(key)])
            .flatten()
            .collect();
        for unknown_name in values.keys() {
            let message = unknown(unknown_name, &known);
            self.problem(origin(unknown_name).to_string(), message);
        }
    }

    fn secret_file(&mut self, key: &'static Key, path: &Written, origin: Origin) {
        let Written::One(path) = path else {
            return self.problem(origin.to_string(), "must be the path of one file");
        };
        match fs::read_to_string(path) {
            Ok(text) => {
                let written = if matches!(key.kind, super::key::Kind::List) {
                    Written::Many(
                        text.lines()
                            .map(str::to_owned)
                            .filter(|line| !line.is_empty())
                            .collect(),
                    )
                } else {
                    Written::One(text.trim_end_matches(['\n', '\r']).to_owned())
                };
                self.put(key, written, origin);
            }
            Err(error) => self.problem(origin.to_string(), format!("{path} cannot be read: {error}")),
        }
    }
}

/// Reads a file that nobody asked for, because it lies in the working folder: it says where users are stored and by which secret
/// tokens are signed, so it must not be one that a stranger has put there.
fn nearby(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let folder = fs::metadata(
        path.parent()
            .filter(|folder| *folder != Path::new(""))
            .unwrap_or(Path::new(".")),
    )?;
    let own = rustix::process::geteuid().as_raw();
    let writable_by_all = |place: &Metadata| place.mode() & 0o002 != 0;
    let about = file.metadata()?;
    let owner = about.uid();
    let is_known = [own, 0].contains(&owner) || (owner == folder.uid() && !writable_by_all(&folder));
    if !is_known {
        return Err(io::Error::other(format!(
            "it belongs to another user (uid {owner}) and is not taken: give it to the user of this program with `chown`, or \
             work in a folder of your own"
        )));
    }
    if writable_by_all(&about) {
        return Err(io::Error::other(
            "everybody can write it, so it is not taken: `chmod o-w` it, and look at what it says",
        ));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// Names the configuration file, where no flag can be given.
pub(crate) const CONFIG_VARIABLE: &str = "PORTCULLIS_CONFIG";

fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.section() == name)
}

fn is_key(name: &str) -> bool {
    KEYS.iter()
        .any(|key| key.name == name || key.file_name().as_deref() == Some(name))
}

fn toml_names() -> Vec<String> {
    KEYS.iter()
        .flat_map(|key| [Some(key.name.to_owned()), key.file_name()])
        .flatten()
        .collect()
}

fn one_or_many(value: toml::Value) -> Option<Written> {
    let one = |value: toml::Value| match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    };
    match value {
        toml::Value::Array(values) => values
            .into_iter()
            .map(one)
            .collect::<Option<_>>()
            .map(Written::Many),
        value => one(value).map(Written::One),
    }
}

/// Says that there is no such key, and which known name is nearest.
pub(super) fn unknown(name: &str, known: &[String]) -> String {
    let nearest = known
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest {
        Some((_, known)) => format!("there is no such key; did you mean {known}?"),
        None => "there is no such key; `portcullis config --example` lists all".to_owned(),
    }
}
