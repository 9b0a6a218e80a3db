use std::{
    borrow::Cow,
    io::{self, Write},
};

use serde::Serialize;

use super::{COLUMNS, NO_ROLES, RosterFormat, RosterUser};
use crate::{access::RoleName, clock::Timestamp, password::StoredHash};

/// Writes a roster that [`RosterReader`](super::RosterReader) reads.
///
/// Text is written as it is. A name may begin with `=`, which a spreadsheet takes for a formula: whoever opens a roster in one
/// must import it as text.
pub struct RosterWriter<W: Write> {
    to: W,
    format: RosterFormat,
    with_hashes: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    email: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<&'a str>>,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hash: Option<&'a str>,
}

impl<W: Write> RosterWriter<W> {
    /// Begins one; hashes of passwords are written only when asked for.
    ///
    /// # Errors
    /// When nothing can be written.
    pub fn new(mut to: W, format: RosterFormat, with_hashes: bool) -> io::Result<Self> {
        if format == RosterFormat::Csv {
            let columns = if with_hashes {
                &COLUMNS[..]
            } else {
                &COLUMNS[..COLUMNS.len() - 1]
            };
            writeln!(to, "{}", columns.join(","))?;
        }
        Ok(Self {
            to,
            format,
            with_hashes,
        })
    }

    /// Adds a user.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, user: &RosterUser) -> io::Result<()> {
        let roles: Option<Vec<&str>> = user
            .roles
            .as_ref()
            .map(|names| names.iter().map(RoleName::as_str).collect());
        let line = Line {
            id: user.id.map(|id| id.to_string()),
            email: user.email.as_str(),
            name: user.name.as_str(),
            roles,
            status: user.status.as_str(),
            created_at: user.created_at.map(exact),
            password_hash: user
                .password
                .as_ref()
                .filter(|_| self.with_hashes)
                .map(StoredHash::expose),
        };
        match self.format {
            RosterFormat::JsonLines => {
                serde_json::to_writer(&mut self.to, &line)?;
                self.to.write_all(b"\n")
            }
            RosterFormat::Csv => self.csv(&line),
        }
    }

    fn csv(&mut self, line: &Line<'_>) -> io::Result<()> {
        let roles = line.roles.as_ref().map(|names| match names.as_slice() {
            [] => NO_ROLES.to_owned(),
            names => names.join(" "),
        });
        let fields = [
            line.id.as_deref(),
            Some(line.email),
            Some(line.name),
            roles.as_deref(),
            Some(line.status),
            line.created_at.as_deref(),
        ];
        for (at, field) in fields.into_iter().enumerate() {
            if at > 0 {
                self.to.write_all(b",")?;
            }
            self.to.write_all(quoted(field.unwrap_or_default()).as_bytes())?;
        }
        if self.with_hashes {
            self.to.write_all(b",")?;
            self.to
                .write_all(quoted(line.password_hash.unwrap_or_default()).as_bytes())?;
        }
        self.to.write_all(b"\n")
    }

    /// All was written.
    ///
    /// # Errors
    /// When the last of it cannot be.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.flush()?;
        Ok(self.to)
    }
}

/// With milliseconds where there are some: what is read must be what was written.
fn exact(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.strip_suffix('Z'), at.millis().rem_euclid(1000)) {
        (Some(seconds), millis) if millis > 0 => format!("{seconds}.{millis:03}Z"),
        _ => text,
    }
}

/// RFC 4180, section 2.
fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains(['"', ',', '\r', '\n']) {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(text)
    }
}
