//! The table of keys as an operator reads it: as a TOML file, and as the reference in the book.

use std::fmt::Write as _;

use super::{
    KEYS, PROVIDER_KEYS,
    key::{Default, Key, Kind},
};

/// A TOML file with every key, its meaning and its default, all commented out.
pub(crate) fn example() -> String {
    let mut text = String::from(
        "# Configuration of portcullis: every key with its meaning and its default.\n\
         # Later wins: this file, .env, the environment (PORTCULLIS_SECTION__KEY), flags.\n\
         # A secret can also be given as a file: KEY_file here, PORTCULLIS_SECTION__KEY_FILE in the environment.\n",
    );
    let mut section = "";
    for key in KEYS {
        if key.section() != section {
            section = key.section();
            let _ = writeln!(text, "\n[{section}]");
        }
        text.push('\n');
        for line in wrap(key.meaning, 100) {
            let _ = writeln!(text, "# {line}");
        }
        if !matches!(key.kind, Kind::Text | Kind::Path | Kind::Bool | Kind::List) {
            let _ = writeln!(text, "# {}.", key.kind.form());
        }
        let value = match key.default {
            Default::Is(value) => value,
            Default::Unset { example } => {
                text.push_str("# Not set. For example:\n");
                example
            }
        };
        let _ = writeln!(text, "# {} = {}", key.short_name(), toml_value(key, value));
    }
    text.push_str(
        "\n# Providers by which people sign in: a section for each, named as it is to stand in URLs (a-z, 0-9, -).\n\
         # In the environment: PORTCULLIS_PROVIDERS__NAME__KEY.\n# [providers.NAME]\n",
    );
    for key in PROVIDER_KEYS {
        text.push_str("#\n");
        for line in wrap(key.meaning, 98) {
            let _ = writeln!(text, "#   {line}");
        }
        if let Default::Unset { example } = key.default {
            let _ = writeln!(text, "#   {} = {}", key.name, toml_value(key, example));
        }
    }
    text
}

/// The keys as a table in Markdown.
pub(crate) fn reference() -> String {
    let mut text = String::from("| key | environment | default | meaning |\n|---|---|---|---|\n");
    for key in KEYS {
        let default = match key.default {
            Default::Is("") => "none".to_owned(),
            Default::Is(value) => format!("`{value}`"),
            Default::Unset { .. } => "not set".to_owned(),
        };
        let file = if key.secret {
            ", or the same with `_FILE`"
        } else {
            ""
        };
        let form = match key.kind {
            Kind::Text | Kind::Path | Kind::Bool | Kind::List => String::new(),
            kind => format!(" {}.", capitalized(&kind.form())),
        };
        let _ = writeln!(
            text,
            "| `{}` | `{}`{file} | {default} | {}{form} |",
            key.name,
            key.env_name(),
            key.meaning
        );
    }
    for key in PROVIDER_KEYS {
        let file = if key.secret {
            ", or the same with `_FILE`"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "| `providers.NAME.{}` | `PORTCULLIS_PROVIDERS__NAME__{}`{file} | not set | {} |",
            key.name,
            key.name.to_uppercase(),
            key.meaning
        );
    }
    text
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn toml_value(key: &Key, value: &str) -> String {
    match key.kind {
        Kind::Bool | Kind::Integer(..) => value.to_owned(),
        Kind::List if value.is_empty() => "[]".to_owned(),
        Kind::List => format!("[\"{value}\"]"),
        _ => format!("\"{value}\""),
    }
}

/// Breaks a text at spaces into lines of at most `width` characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
