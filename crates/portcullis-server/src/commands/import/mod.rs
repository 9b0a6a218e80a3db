//! `portcullis import`: users of other systems, with the hashes of their passwords.

mod refusals;
mod rehearsal;

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use portcullis_core::{
    access::RoleName,
    audit::{ActContext, Actor},
    clock::{Clock as _, SystemClock},
    id::AuditId,
    password::FirebaseParams,
    rng::SystemRng,
    roster::{ImportUser, Record, Refused, RosterFormat, RosterReader, RosterUser},
    store::Store as _,
};
use portcullis_store::{Database, Imported};
use serde_json::json;

use self::{refusals::Refusals, rehearsal::Rehearsal};
use super::{Failure, data, options::DataOptions};
use crate::{
    installation::InstallationError,
    output::{self, Progress, Rate},
};

/// Add users from a file of CSV or JSON lines, with the hashes of their passwords
///
/// The columns of CSV, and the members of JSON, are email, and as you have them: id, name, roles, status, `created_at`,
/// `password_hash`. Hashes are PHC strings (Argon2, scrypt, PBKDF2), bcrypt, and those of Django, passlib and Firebase; one that
/// would take too long to check is refused. A login replaces a hash that is weaker than ours.
///
/// Users are added in batches, also beside running servers. Lines that are refused are told on stderr, with number and reason,
/// and the rest is imported. A role that may administer is given to nobody whom the file alone gives it. Who is there already
/// stays as they are, always. An import that was interrupted is run again, with
/// `--on-duplicate skip`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// The file; `-` is stdin
    file: PathBuf,
    /// csv or jsonl [default: by the end of the file's name]
    #[arg(long)]
    format: Option<RosterFormat>,
    /// Role of those who have none stated; can be given several times [default: user]
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<RoleName>,
    /// Let the file give out this role, though it may administer; can be given several times
    #[arg(long = "allow-role", value_name = "ROLE")]
    allowed_roles: Vec<RoleName>,
    /// What to do with a line whose email is there already
    #[arg(long, value_enum, default_value_t)]
    on_duplicate: OnDuplicate,
    /// Say what would happen; add nobody
    #[arg(long)]
    dry_run: bool,
    /// Password hash parameters of a Firebase project, as its console shows them; lines of JSON are its users then
    #[arg(long, value_name = "FILE")]
    firebase: Option<PathBuf>,
    /// Write the refused lines, with their reasons, as CSV into this file rather than to stderr
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print the numbers as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataOptions,
}

/// What to do with a line whose email is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum OnDuplicate {
    /// Refuse it, and go on
    #[default]
    Refuse,
    /// Pass over it, and go on
    Skip,
}

const EXAMPLES: &str = "\
Examples:
  portcullis import users.csv --dry-run
  portcullis import users.jsonl --role user --role customer --report refused.csv
  manage.py dumpdata auth.user | jq -c '.[].fields | {email, name: .username, password_hash: .password}' |
    portcullis import - --format jsonl
  jq -c '.users[]' firebase.json | portcullis import - --format jsonl --firebase hash-parameters.txt

Exit codes: 0 all lines were imported or passed over, 1 some were refused or it failed, 2 wrong usage.";

/// The scope of those who may change others.
const ADMIN: &str = "admin";

/// Users in one transaction.
const BATCH: usize = 1_000;

/// What came of it.
#[derive(Default)]
struct Numbers {
    added: u64,
    /// Of those who were added.
    administrators: u64,
    skipped: u64,
    refused: u64,
}

impl Import {
    pub(super) fn run(self) -> Result<(), Failure> {
        let format = format(self.format, &self.file)?;
        let firebase = self.firebase.as_deref().map(firebase).transpose()?;
        let (input, bar) = open(&self.file)?;
        let mut reader = RosterReader::new(BufReader::with_capacity(256 * 1024, input), format, firebase)?;
        let refusals = Refusals::open(self.report.as_deref())?;
        let roles = if self.roles.is_empty() {
            vec![
                "user"
                    .parse()
                    .map_err(|error| Failure::Usage(format!("{error}")))?,
            ]
        } else {
            self.roles
        };
        let started = SystemClock.monotonic();
        let mut running = Running {
            rehearsal: self.dry_run.then(Rehearsal::default),
            skip: self.on_duplicate == OnDuplicate::Skip,
            there: Vec::new(),
            administer: Vec::new(),
            allowed: self.allowed_roles,
            bar,
            refusals,
            numbers: Numbers::default(),
        };
        let done = data::on_database(self.data, async |database| {
            let graph = database.roles().await.map_err(InstallationError::from)?;
            running.there = graph.roles().map(|role| role.name.clone()).collect();
            running.administer = graph.holders(ADMIN);
            for role in &running.allowed {
                if !running.there.contains(role) {
                    return Err(Failure::Usage(format!(
                        "--allow-role {role}: there is no such role"
                    )));
                }
            }
            loop {
                let batch = running.read(&mut reader, &roles)?;
                if batch.is_empty() {
                    return Ok(());
                }
                running.add(database, batch).await?;
            }
        });
        let Running {
            bar,
            refusals,
            numbers,
            ..
        } = running;
        drop(bar);
        let closed = refusals.close();
        if let Err(error) = done {
            numbers.interrupted();
            return Err(error);
        }
        closed?;
        tell(
            &numbers,
            &Rate::of("users", started, numbers.added),
            self.dry_run,
            self.json,
        )
    }
}

impl Numbers {
    fn interrupted(&self) {
        if self.added > 0 {
            output::note(format_args!(
                "{} users were imported before it failed; run it again with --on-duplicate skip for the rest.",
                self.added
            ));
        }
    }
}

fn tell(numbers: &Numbers, rate: &Rate, dry_run: bool, json: bool) -> Result<(), Failure> {
    let Numbers {
        added,
        administrators,
        skipped,
        refused,
    } = numbers;
    if json {
        output::json(&json!({
            "dry_run": dry_run,
            "imported": added,
            "administrators": administrators,
            "skipped": skipped,
            "refused": refused,
            "seconds": rate.seconds(),
        }))?;
    } else if dry_run {
        output::line(format_args!(
            "Would import {added} users; {skipped} are there already, {refused} lines are refused."
        ))?;
    } else {
        output::line(format_args!(
            "Imported {rate}; {skipped} were there already, {refused} lines were refused."
        ))?;
    }
    if *administrators > 0 && !json {
        output::line(format_args!("Of those, {administrators} may administer."))?;
    }
    if *refused > 0 { Err(Failure::Said) } else { Ok(()) }
}

pub(super) fn format(asked: Option<RosterFormat>, file: &Path) -> Result<RosterFormat, Failure> {
    let by_name = || match file.extension()?.to_str()? {
        "csv" => Some(RosterFormat::Csv),
        "jsonl" | "ndjson" => Some(RosterFormat::JsonLines),
        _ => None,
    };
    asked.or_else(by_name).ok_or_else(|| {
        Failure::Usage("the name of the file does not tell its format: say --format csv or jsonl".to_owned())
    })
}

/// More than any parameters have.
const LONGEST_PARAMETERS: u64 = 16 * 1024;

fn firebase(path: &Path) -> Result<FirebaseParams, Failure> {
    let failed = |source| Failure::Read {
        place: path.display().to_string(),
        source,
    };
    let mut text = zeroize::Zeroizing::new(String::new());
    File::open(path)
        .map_err(failed)?
        .take(LONGEST_PARAMETERS)
        .read_to_string(&mut text)
        .map_err(failed)?;
    FirebaseParams::parse(&text).map_err(|error| Failure::Usage(error.to_string()))
}

/// The input, and a bar that moves with the bytes of a file, or with the users of a pipe.
fn open(path: &Path) -> Result<(Box<dyn Read>, Bar), Failure> {
    if path == Path::new("-") {
        let bar = Progress::new("Importing", "users", None);
        return Ok((Box::new(io::stdin()), Bar::Users(bar)));
    }
    let failed = |source| Failure::Read {
        place: path.display().to_string(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let bar = Progress::new("Importing", "bytes", Some(length));
    Ok((Box::new(bar.reading(file)), Bar::Bytes(bar)))
}

enum Bar {
    Bytes(Progress),
    Users(Progress),
}

impl Bar {
    fn advance(&self, users: u64) {
        if let Self::Users(bar) = self {
            bar.advance(users);
        }
    }

    fn note(&self, note: std::fmt::Arguments<'_>) {
        let (Self::Bytes(bar) | Self::Users(bar)) = self;
        bar.note(note);
    }
}

/// An import under way.
struct Running {
    /// Nobody is added.
    rehearsal: Option<Rehearsal>,
    skip: bool,
    /// The roles that there are.
    there: Vec<RoleName>,
    /// Those of them that may administer, and those that the file may give out nevertheless.
    administer: Vec<RoleName>,
    allowed: Vec<RoleName>,
    bar: Bar,
    refusals: Refusals,
    numbers: Numbers,
}

impl Running {
    fn refuse(&mut self, line: u64, reason: &Refused) -> Result<(), Failure> {
        self.numbers.refused += 1;
        Ok(self.refusals.add(line, reason, &self.bar)?)
    }

    /// The users of the next batch, with their lines. Those that are refused are told.
    fn read(
        &mut self,
        reader: &mut RosterReader<impl io::BufRead>,
        roles: &[RoleName],
    ) -> Result<Vec<(u64, ImportUser)>, Failure> {
        let now = SystemClock.now();
        let mut batch = Vec::with_capacity(BATCH);
        while batch.len() < BATCH
            && let Some(Record { line, user }) = reader.next()?
        {
            let user = user.and_then(|user| match self.not_allowed(&user) {
                Some(role) => Err(Refused::Administers(role)),
                None => Ok(user),
            });
            match user {
                Ok(user) => batch.push((line, user.to_import(roles, now, &SystemRng))),
                Err(reason) => self.refuse(line, &reason)?,
            }
        }
        Ok(batch)
    }

    /// A role that the file gives without being allowed to. Those of `--role` are the operator's own word.
    fn not_allowed(&self, user: &RosterUser) -> Option<RoleName> {
        let mut stated = user.roles.iter().flatten();
        stated
            .find(|role| self.administer.contains(role) && !self.allowed.contains(role))
            .cloned()
    }

    async fn add(&mut self, database: &Database, batch: Vec<(u64, ImportUser)>) -> Result<(), Failure> {
        self.bar.advance(batch.len() as u64);
        let now = SystemClock.now();
        // Nothing is announced, so there is nothing to be kept until a time.
        let context = ActContext {
            now,
            deny_until: now,
            audit_id: AuditId::generate(now, &SystemRng),
            tag: 0,
            actor: Actor::Operator,
            address: None,
            request_id: None,
        };
        let (lines, users): (Vec<u64>, Vec<ImportUser>) = batch.into_iter().unzip();
        let may_administer = |user: &ImportUser| user.roles.iter().any(|role| self.administer.contains(role));
        let administer: Vec<bool> = users.iter().map(may_administer).collect();
        let rehearsed = self.rehearsal.as_mut().map(|rehearsal| rehearsal.marks(&users));
        let mut outcomes = database
            .import_users(&context, users, rehearsed.is_some())
            .await
            .map_err(InstallationError::from)?;
        if let (Some(rehearsal), Some(marks)) = (&mut self.rehearsal, rehearsed) {
            rehearsal.correct(&marks, &mut outcomes);
        }
        for ((line, outcome), administers) in lines.into_iter().zip(outcomes).zip(administer) {
            match outcome {
                Imported::Added => {
                    self.numbers.added += 1;
                    self.numbers.administrators += u64::from(administers);
                }
                Imported::EmailTaken if self.skip => self.numbers.skipped += 1,
                Imported::EmailTaken => self.refuse(line, &Refused::EmailTaken)?,
                Imported::IdTaken => self.refuse(line, &Refused::IdTaken)?,
                Imported::UnknownRole(role) => self.refuse(line, &unknown(role, &self.there))?,
            }
        }
        Ok(())
    }
}

/// That a role does not exist, and which was meant.
fn unknown(role: RoleName, there: &[RoleName]) -> Refused {
    let nearest = there
        .iter()
        .map(|known| (strsim::jaro_winkler(role.as_str(), known.as_str()), known))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    Refused::UnknownRole {
        like: nearest.map(|(_, known)| (role, known.clone())),
        there: there.to_vec(),
    }
}
