use std::{
    borrow::Cow,
    io::{self, BufRead},
};

use serde::Deserialize;

use super::{
    COLUMNS, NO_ROLES, RosterFormat, RosterUser,
    csv::{self, Csv},
    lines::{self, Lines},
    user::{Fields, Refused, time},
};
use crate::{clock::Timestamp, password::FirebaseParams};

/// A column that only Firebase has.
const SALT: &str = "password_salt";

/// Reads a roster, record by record.
///
/// ```
/// use portcullis_core::roster::{RosterFormat, RosterReader};
///
/// let text = "email,name,password_hash\nada@example.com,Ada,!\nno email,,\n";
/// let mut roster = RosterReader::new(text.as_bytes(), RosterFormat::Csv, None)?;
/// let ada = roster.next()?.unwrap();
/// assert_eq!((ada.line, ada.user.unwrap().email.as_str()), (2, "ada@example.com"));
/// let refused = roster.next()?.unwrap();
/// assert_eq!(refused.user.err().unwrap().to_string(), "an email address has no spaces, control or invisible characters");
/// assert!(roster.next()?.is_none());
/// # Ok::<(), portcullis_core::roster::RosterError>(())
/// ```
pub struct RosterReader<R: BufRead> {
    source: Source<R>,
    firebase: Option<FirebaseParams>,
}

enum Source<R: BufRead> {
    /// With the place of each column in [`COLUMNS`], the salt behind them.
    Csv(Box<Csv<R>>, Vec<usize>),
    Lines(Lines<R>),
}

/// A record of a roster.
pub struct Record {
    /// On which line it begins, from 1.
    pub line: u64,
    /// What it says, or why it is not taken.
    pub user: Result<RosterUser, Refused>,
}

/// Why a roster cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RosterError {
    /// There is nothing.
    #[error("the roster is empty")]
    Empty,
    /// The header has a column that is not known, or one twice.
    #[error(
        "column {number} of the header is unknown, or there twice: the first line names the columns, email and any of id, \
         name, roles, status, created_at, password_hash (and password_salt, of Firebase)"
    )]
    Column {
        /// Which one, from 1.
        number: usize,
    },
    /// The header has no email.
    #[error("the header has no column email")]
    NoEmail,
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl<R: BufRead> RosterReader<R> {
    /// Begins to read. With the parameters of a Firebase project, hashes are those of its accounts, and lines of JSON are
    /// its users as it exports them.
    ///
    /// # Errors
    /// When the header is not one of a roster.
    pub fn new(from: R, format: RosterFormat, firebase: Option<FirebaseParams>) -> Result<Self, RosterError> {
        let source = match format {
            RosterFormat::Csv => {
                let mut csv = Csv::new(from);
                let columns = header(&mut csv, firebase.is_some())?;
                Source::Csv(Box::new(csv), columns)
            }
            RosterFormat::JsonLines => Source::Lines(Lines::new(from)),
        };
        Ok(Self { source, firebase })
    }

    /// The next record; none at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would go on after an error"
    )]
    pub fn next(&mut self) -> Result<Option<Record>, RosterError> {
        let firebase = self.firebase.as_ref();
        let (line, user) = match &mut self.source {
            Source::Csv(csv, columns) => match csv.read()? {
                (_, csv::Found::End) => return Ok(None),
                (line, csv::Found::TooLong) => (line, Err(Refused::TooLong)),
                (line, csv::Found::Record) => (line, of_csv(csv, columns, firebase)),
            },
            Source::Lines(lines) => match lines.read()? {
                (_, lines::Found::End) => return Ok(None),
                (line, lines::Found::TooLong) => (line, Err(Refused::TooLong)),
                (line, lines::Found::Line) => (line, of_json(lines.line(), firebase)),
            },
        };
        Ok(Some(Record { line, user }))
    }
}

fn header<R: BufRead>(csv: &mut Csv<R>, firebase: bool) -> Result<Vec<usize>, RosterError> {
    match csv.read()?.1 {
        csv::Found::End => return Err(RosterError::Empty),
        csv::Found::TooLong => return Err(RosterError::Column { number: 1 }),
        csv::Found::Record => {}
    }
    let mut columns = Vec::new();
    for (at, name) in csv.fields().enumerate() {
        let name = name.trim_ascii().to_ascii_lowercase();
        let known = COLUMNS.iter().position(|column| column.as_bytes() == name);
        let salt = (firebase && name == SALT.as_bytes()).then_some(COLUMNS.len());
        match known.or(salt) {
            Some(column) if !columns.contains(&column) => columns.push(column),
            _ => return Err(RosterError::Column { number: at + 1 }),
        }
    }
    // The second of the columns.
    if columns.contains(&1) {
        Ok(columns)
    } else {
        Err(RosterError::NoEmail)
    }
}

fn of_csv<R: BufRead>(
    csv: &Csv<R>,
    columns: &[usize],
    firebase: Option<&FirebaseParams>,
) -> Result<RosterUser, Refused> {
    if csv.number_of_fields() != columns.len() {
        return Err(Refused::Fields {
            found: csv.number_of_fields(),
            header: columns.len(),
        });
    }
    let mut texts = [None; COLUMNS.len() + 1];
    for (column, field) in columns.iter().zip(csv.fields()) {
        let text = std::str::from_utf8(field).map_err(|_| Refused::Encoding)?.trim();
        if !text.is_empty() {
            texts[*column] = Some(text);
        }
    }
    let [
        id,
        email,
        name,
        roles,
        status,
        created_at,
        password_hash,
        password_salt,
    ] = texts;
    Fields {
        id,
        email,
        name,
        roles: roles.map(|names| match names {
            NO_ROLES => Vec::new(),
            names => names.split_ascii_whitespace().collect(),
        }),
        status,
        created_at: created_at.map(time).transpose()?,
        password_hash,
        password_salt,
    }
    .user(firebase)
}

/// A line of JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    email: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    roles: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    created_at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    password_hash: Option<Cow<'a, str>>,
}

/// A user as `firebase auth:export` writes them; the rest is not for us.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirebaseUser<'a> {
    #[serde(borrow, default)]
    email: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    display_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    password_hash: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    salt: Option<Cow<'a, str>>,
    /// Milliseconds since 1970.
    #[serde(borrow, default)]
    created_at: Option<Cow<'a, str>>,
    #[serde(default)]
    disabled: bool,
}

fn of_json(line: &[u8], firebase: Option<&FirebaseParams>) -> Result<RosterUser, Refused> {
    let text = std::str::from_utf8(line).map_err(|_| Refused::Encoding)?;
    match firebase {
        Some(params) => of_firebase(text, params),
        None => of_line(text),
    }
}

fn filled<'a>(text: Option<&'a Cow<'_, str>>) -> Option<&'a str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn of_line(text: &str) -> Result<RosterUser, Refused> {
    // What the parser says repeats what it found.
    let line: Line<'_> = serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            Refused::Members
        } else {
            Refused::Json
        }
    })?;
    Fields {
        id: filled(line.id.as_ref()),
        email: filled(line.email.as_ref()),
        name: filled(line.name.as_ref()),
        roles: line
            .roles
            .as_ref()
            .map(|names| names.iter().map(|name| &**name).collect()),
        status: filled(line.status.as_ref()),
        created_at: filled(line.created_at.as_ref()).map(time).transpose()?,
        password_hash: filled(line.password_hash.as_ref()),
        password_salt: None,
    }
    .user(None)
}

fn of_firebase(text: &str, params: &FirebaseParams) -> Result<RosterUser, Refused> {
    let user: FirebaseUser<'_> = serde_json::from_str(text).map_err(|_| Refused::Firebase)?;
    let created_at = match filled(user.created_at.as_ref()) {
        Some(millis) => Some(Timestamp::from_millis(
            millis.parse().map_err(|_| Refused::Firebase)?,
        )),
        None => None,
    };
    Fields {
        email: filled(user.email.as_ref()),
        name: filled(user.display_name.as_ref()),
        status: user.disabled.then_some("disabled"),
        created_at,
        password_hash: filled(user.password_hash.as_ref()),
        password_salt: filled(user.salt.as_ref()),
        ..Fields::default()
    }
    .user(Some(params))
}
