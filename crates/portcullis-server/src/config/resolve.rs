//! Reads single values out of the layers. A wrong value is noted and replaced by the default, so that one run finds
//! all that is wrong.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use portcullis_core::limit::Quota;
use secrecy::SecretString;

use super::{
    KEYS,
    key::{Default, Key, Kind},
    layers::{Layers, Origin, Written},
    problem::Problem,
    value,
};

/// Reads the values of keys by name.
pub(crate) struct Resolver {
    layers: Layers,
    /// Names that were asked for: a test compares them with the table.
    pub(crate) asked: std::collections::BTreeSet<&'static str>,
}

impl Resolver {
    pub(crate) fn new(layers: Layers) -> Self {
        Self {
            layers,
            asked: std::collections::BTreeSet::new(),
        }
    }

    /// The providers, of sections of their own.
    pub(crate) fn providers(&mut self) -> Vec<portcullis::sign_in::Provider> {
        super::providers::resolve(&mut self.layers)
    }

    /// Ends the reading: the layers, with all problems.
    pub(crate) fn finish(self) -> Layers {
        self.layers
    }

    fn key(&mut self, name: &'static str) -> &'static Key {
        self.asked.insert(name);
        #[expect(
            clippy::expect_used,
            reason = "a test reads every key of the table by these names"
        )]
        KEYS.iter()
            .find(|key| key.name == name)
            .expect("a key of the table")
    }

    /// The value as written, or the default. Where it is wrong, `read` says why.
    fn read<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(Kind, &str) -> Result<T, String>,
    ) -> Option<T> {
        let key = self.key(name);
        let problem = match self.layers.given.get(name) {
            Some(given) => match &given.written {
                Written::Many(_) => Problem::new(given.origin.to_string(), "takes one value, not a list"),
                Written::One(text) if text.is_empty() => Problem::new(
                    given.origin.to_string(),
                    "is empty: give it a value or take it away",
                ),
                Written::One(text) => match read(key.kind, text) {
                    Ok(value) => return Some(value),
                    Err(message) => Problem::new(given.origin.to_string(), message),
                },
            },
            None => return default_of(key).and_then(|text| read(key.kind, text).ok()),
        };
        self.layers.problems.push(problem);
        default_of(key).and_then(|text| read(key.kind, text).ok())
    }

    /// A value that has a default in the table.
    #[expect(
        clippy::expect_used,
        reason = "a test resolves the empty configuration: each default reads"
    )]
    fn defaulted<T>(&mut self, name: &'static str, read: impl FnMut(Kind, &str) -> Result<T, String>) -> T {
        self.read(name, read).expect("a default that reads")
    }

    pub(crate) fn text(&mut self, name: &'static str) -> String {
        self.defaulted(name, |_, text| Ok(text.to_owned()))
    }

    pub(crate) fn optional_text(&mut self, name: &'static str) -> Option<String> {
        self.read(name, |_, text| Ok(text.to_owned()))
    }

    pub(crate) fn path(&mut self, name: &'static str) -> PathBuf {
        self.defaulted(name, |_, text| Ok(PathBuf::from(text)))
    }

    pub(crate) fn optional_path(&mut self, name: &'static str) -> Option<PathBuf> {
        self.read(name, |_, text| Ok(PathBuf::from(text)))
    }

    pub(crate) fn secret(&mut self, name: &'static str) -> Option<SecretString> {
        self.read(name, |_, text| Ok(SecretString::from(text.to_owned())))
    }

    pub(crate) fn secrets(&mut self, name: &'static str) -> Vec<SecretString> {
        self.list(name).into_iter().map(SecretString::from).collect()
    }

    pub(crate) fn flag(&mut self, name: &'static str) -> bool {
        self.defaulted(name, |_, text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(format!("`{other}` is neither true nor false")),
        })
    }

    /// One of the words of the key.
    pub(crate) fn word(&mut self, name: &'static str) -> Option<&'static str> {
        self.read(name, |kind, text| {
            let Kind::Word(words) = kind else {
                return Err("is not one of a list of words".to_owned());
            };
            words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(text))
                .copied()
                .ok_or_else(|| format!("`{text}` is not one of {}", words.join(", ")))
        })
    }

    pub(crate) fn listen(&mut self, name: &'static str) -> SocketAddr {
        self.defaulted(name, socket_address)
    }

    pub(crate) fn optional_listen(&mut self, name: &'static str) -> Option<SocketAddr> {
        self.read(name, socket_address)
    }

    fn number_in(name: Kind, number: u64) -> Result<u64, String> {
        let (least, most) = match name {
            Kind::Integer(least, most) | Kind::Size(least, most) => (least, most),
            _ => (0, u64::MAX),
        };
        if (least..=most).contains(&number) {
            Ok(number)
        } else {
            Err(format!("{number} is out of range: {least} to {most}"))
        }
    }

    pub(crate) fn optional_integer(&mut self, name: &'static str) -> Option<u32> {
        self.read(name, |kind, text| {
            let number = text
                .trim()
                .parse()
                .map_err(|_| format!("`{text}` is not a whole number"))?;
            u32::try_from(Self::number_in(kind, number)?).map_err(|_| format!("{number} is too large"))
        })
    }

    #[expect(
        clippy::expect_used,
        reason = "a test resolves the empty configuration: each default reads"
    )]
    pub(crate) fn integer(&mut self, name: &'static str) -> u32 {
        self.optional_integer(name).expect("a default that reads")
    }

    pub(crate) fn size(&mut self, name: &'static str) -> usize {
        self.defaulted(name, |kind, text| {
            let number = value::size(text).map_err(|error| error.to_string())?;
            usize::try_from(Self::number_in(kind, number)?).map_err(|_| format!("{number} is too large"))
        })
    }

    pub(crate) fn duration(&mut self, name: &'static str) -> Duration {
        self.defaulted(name, |kind, text| {
            let time = value::duration(text).map_err(|error| error.to_string())?;
            match kind {
                Kind::Duration(least, most) if time < least || time > most => {
                    let (least, most) = (value::show_duration(least), value::show_duration(most));
                    Err(format!("{text} is out of range: {least} to {most}"))
                }
                _ => Ok(time),
            }
        })
    }

    /// How long something is kept; none is forever.
    pub(crate) fn retention(&mut self, name: &'static str) -> Option<Duration> {
        self.defaulted(name, |_, text| match text {
            "forever" => Ok(None),
            text => match value::duration(text) {
                Ok(time) if time < Duration::from_secs(86_400) => Err(format!("{text} is less than a day")),
                Ok(time) => Ok(Some(time)),
                Err(error) => Err(format!("{error}, or forever")),
            },
        })
    }

    pub(crate) fn quota(&mut self, name: &'static str) -> Quota {
        self.defaulted(name, |_, text| {
            text.parse()
                .map_err(|error| format!("`{text}`: {error}; limits.enabled = false switches all limits off"))
        })
    }

    pub(crate) fn list(&mut self, name: &'static str) -> Vec<String> {
        let key = self.key(name);
        let trimmed = |text: &str| text.trim().to_owned();
        match self.layers.given.get(name).map(|given| &given.written) {
            Some(Written::Many(texts)) if key.secret => texts.clone(),
            Some(Written::Many(texts)) => texts.iter().map(|text| trimmed(text)).collect(),
            Some(Written::One(text)) => text
                .split(',')
                .map(trimmed)
                .filter(|text| !text.is_empty())
                .collect(),
            None => Vec::new(),
        }
    }

    /// Notes a problem with the value of a key, at the place where it was written.
    pub(crate) fn refuse(&mut self, name: &'static str, message: impl Into<String>) {
        let place = self.place(name);
        self.layers.problems.push(Problem::new(place, message));
    }

    /// Where the value of a key was written; its name where it was not.
    pub(crate) fn place(&self, name: &'static str) -> String {
        self.layers
            .given
            .get(name)
            .map_or_else(|| name.to_owned(), |given| given.origin.to_string())
    }

    /// Where the value of a key was written.
    pub(crate) fn origin(&self, name: &'static str) -> Option<&Origin> {
        self.layers.given.get(name).map(|given| &given.origin)
    }
}

fn default_of(key: &Key) -> Option<&'static str> {
    match key.default {
        Default::Is(text) => Some(text),
        Default::Unset { .. } => None,
    }
}

fn socket_address(_: Kind, text: &str) -> Result<SocketAddr, String> {
    let wrong = || format!("`{text}` is not ADDRESS:PORT: write 127.0.0.1:8000, [::1]:8000 or 0.0.0.0:8000");
    match text.strip_prefix("localhost:") {
        Some(port) => port
            .parse()
            .map(|port| (Ipv4Addr::LOCALHOST, port).into())
            .map_err(|_| wrong()),
        None => text.parse().map_err(|_| wrong()),
    }
}
