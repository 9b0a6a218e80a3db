//! What a configuration key is: everything else about it is derived from its row in [`KEYS`](super::KEYS).

use std::time::Duration;

/// One configuration key.
#[derive(Debug)]
pub(crate) struct Key {
    /// Name in the TOML file, `token.access_ttl`.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Value when nobody gives one, as one would write it in the environment.
    pub(crate) default: Default,
    /// Whether the value must never be shown. A secret can also be given as a file, by the name with `_file`.
    pub(crate) secret: bool,
    /// One or two sentences for the operator.
    pub(crate) meaning: &'static str,
}

/// The value of a key that is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Default {
    /// This one.
    Is(&'static str),
    /// None; the example shows what one would look like.
    Unset {
        /// What an operator would write.
        example: &'static str,
    },
}

/// What a key holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Any text that is not empty.
    Text,
    /// A path, relative to the working directory.
    Path,
    /// `true` or `false`.
    Bool,
    /// An address and a port to listen on.
    Listen,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number in this range.
    Integer(u64, u64),
    /// A length of time in this range.
    Duration(Duration, Duration),
    /// A length of time, or `forever`.
    Retention,
    /// A number of bytes in this range.
    Size(u64, u64),
    /// So many in so much time.
    Quota,
    /// Texts: an array in TOML, separated by commas in the environment.
    List,
}

impl Kind {
    /// How to write a value, for the reference.
    pub(crate) fn form(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Path => "path".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Listen => "ADDRESS:PORT".to_owned(),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::Integer(least, most) => format!("{least} to {most}"),
            Self::Duration(least, most) => {
                format!(
                    "{} to {}",
                    super::value::show_duration(least),
                    super::value::show_duration(most)
                )
            }
            Self::Retention => "a duration such as 90d, or forever".to_owned(),
            Self::Size(least, most) => format!("{least} to {most} bytes, such as 64KiB"),
            Self::Quota => "COUNT/TIME such as 5/minute or 30/10m".to_owned(),
            Self::List => "list".to_owned(),
        }
    }
}

/// What all names in the environment begin with.
pub(crate) const PREFIX: &str = "PORTCULLIS_";

impl Key {
    /// One without a default, and not secret.
    pub(crate) const fn unset(
        name: &'static str,
        kind: Kind,
        example: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            default: Default::Unset { example },
            secret: false,
            meaning,
        }
    }

    /// Name in the environment, `PORTCULLIS_TOKEN__ACCESS_TTL`.
    pub(crate) fn env_name(&self) -> String {
        format!("{PREFIX}{}", self.name.replace('.', "__").to_uppercase())
    }

    /// Name under which a file with the secret is given.
    pub(crate) fn file_name(&self) -> Option<String> {
        self.secret.then(|| format!("{}_file", self.name))
    }

    /// Name in the environment under which a file with the secret is given.
    pub(crate) fn env_file_name(&self) -> Option<String> {
        self.secret.then(|| format!("{}_FILE", self.env_name()))
    }

    /// The section, `token`; empty for keys at the top.
    pub(crate) fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// The name within its section.
    pub(crate) fn short_name(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, short)| short)
    }
}
