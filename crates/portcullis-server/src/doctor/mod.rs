//! Looks at a whole installation as an operator would at night: what is wrong, and what to do about it. It only looks.

mod database;
mod disk;
mod fetch;
mod issuer;
mod keys;
mod people;
mod proxies;
mod upkeep;

#[cfg(test)]
mod tests;

use std::time::Duration;

use portcullis_core::clock::{Clock, SystemClock};
use portcullis_store::Database;
use serde::Serialize;

pub(crate) use self::fetch::authorities;
use crate::{
    check,
    config::{Config, Problem, RS256_IS_OLD, Settings},
    data_dir,
};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at: one word.
    pub(crate) check: &'static str,
    pub(crate) level: Level,
    /// What was found.
    pub(crate) found: String,
    /// What to do about it.
    pub(crate) remedy: Option<String>,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// Good to know.
    Note,
    /// Could be better.
    Advice,
    /// Something is wrong, or will soon be.
    Action,
}

impl Level {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Advice => "advice",
            Self::Action => "ACTION",
        }
    }
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self::of(check, Level::Ok, found, None)
    }

    fn note(check: &'static str, found: impl Into<String>) -> Self {
        Self::of(check, Level::Note, found, None)
    }

    fn advice(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::of(check, Level::Advice, found, Some(remedy.into()))
    }

    fn action(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::of(check, Level::Action, found, Some(remedy.into()))
    }

    fn of(check: &'static str, level: Level, found: impl Into<String>, remedy: Option<String>) -> Self {
        Self {
            check,
            level,
            found: found.into(),
            remedy,
        }
    }
}

/// Looks at everything; what cannot be looked at is a finding of its own. `nodes` is how many are to share the database.
pub(crate) async fn examine(config: &Config, nodes: u32) -> Vec<Finding> {
    let settings = config.settings();
    let mut findings = Vec::new();
    let problems = config.problems();
    if problems.is_empty() && config.warnings.is_empty() {
        findings.push(Finding::ok("configuration", "nothing to say against it"));
    }
    findings.extend(problems.iter().map(configured));
    findings.extend(config.warnings.iter().map(configured));
    if settings.dev {
        findings.push(Finding::note(
            "configuration",
            "--dev: an administrator whose password everyone knows",
        ));
    }
    if settings.token.access_ttl > Duration::from_secs(3600) {
        findings.push(Finding::advice(
            "configuration",
            format!(
                "access tokens live for {}: services that verify them offline believe a stolen one for so long",
                crate::config::show_duration(settings.token.access_ttl)
            ),
            "set token.access_ttl to 1h or less; clients refresh",
        ));
    }
    findings.extend(proxies::judge(settings));
    // Before anything opens the database, which makes files.
    findings.extend(disk::examine(settings));

    let (found, database) = check::look(settings).await;
    findings.extend(found.problems.iter().chain(&found.warnings).map(pointed_to));
    findings.extend(found.notes.into_iter().map(|note| Finding::note("start", note)));
    let limits = &settings.limits;
    let shared = limits.shared.is_some();
    if shared && !findings.iter().any(|finding| finding.check == "limits") {
        findings.push(Finding::ok("limits", "nodes share them: the Redis answers"));
    } else if !shared && nodes > 1 {
        findings.push(Finding::advice(
            "limits",
            format!("each of {nodes} nodes counts for itself: together they allow {nodes} times as much"),
            "give limits.redis_url, or divide the limits by the number of nodes",
        ));
    }
    if let Some(database) = database {
        findings.extend(on_database(&database, settings, nodes).await);
        database.close().await;
    }
    findings
}

async fn on_database(database: &Database, settings: &Settings, nodes: u32) -> Vec<Finding> {
    let mut findings = Vec::new();
    match database.condition(&SystemClock).await {
        Ok(condition) => findings.extend(database::judge(&condition, settings, nodes)),
        Err(error) => findings.push(Finding::action(
            "database",
            error.to_string(),
            "make it answer: every login and refresh needs it",
        )),
    }
    let pending = database.pending_migrations().await;
    match &pending {
        Ok(pending) if pending.is_empty() => {
            let newest = Database::migrations().last().copied().unwrap_or_default();
            findings.push(Finding::ok("migrations", format!("{newest}, the newest")));
        }
        // Said already by what looked before, with what to do.
        Ok(_) | Err(_) => return findings,
    }
    let now = SystemClock.now();
    let keys = keys::examine(database, settings, now).await;
    findings.extend(keys.findings);
    findings.extend(upkeep::examine(database, settings, now).await);
    findings.extend(people::examine(database).await);
    let served = data_dir::server_of(&settings.data_dir);
    findings.extend(issuer::examine(settings, keys.published.as_deref(), served).await);
    findings
}

fn configured(problem: &Problem) -> Finding {
    let level = if problem.message == RS256_IS_OLD {
        Level::Advice
    } else {
        Level::Action
    };
    Finding::of(
        "configuration",
        level,
        problem.to_string(),
        Some(format!(
            "change {}: `portcullis config --example` tells what can be given",
            problem.place
        )),
    )
}

/// What the configuration points to.
fn pointed_to(problem: &Problem) -> Finding {
    let (check, remedy) = match problem.place.as_str() {
        "data_dir" => ("folder", "see to the folder that data_dir names"),
        "master_key" => ("key", "restore the master key with which the database was made"),
        "tls" | "tls.cert" | "tls.key" => ("certificate", "see to the files that tls.cert and tls.key name"),
        "limits.redis_url" => ("limits", "see to the Redis that limits.redis_url names"),
        _ => ("database", "see to the database that database.url names"),
    };
    // Most texts say it themselves, behind a colon.
    let remedy = match problem.message.split_once(": ") {
        Some((_, remedy)) if remedy.len() > 12 => remedy,
        _ => remedy,
    };
    Finding::action(check, problem.message.clone(), remedy)
}
