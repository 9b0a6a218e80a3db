use clap::Args;
use portcullis::api::AuditResponse;
use portcullis_core::{
    audit::AuditEvent,
    clock::{Clock as _, SystemClock, Timestamp},
    id::UserId,
    store::AuditFilter,
};
use serde_json::Value;

use super::{Failure, data, options::DataOptions};
use crate::{config::duration, installation::Installation, output};

/// Read the audit log, newest first
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Audit {
    /// Only events of this kind; `login.` takes all that begin so
    #[arg(long)]
    kind: Option<String>,
    /// Only what this user did
    #[arg(long, value_name = "ID")]
    actor: Option<UserId>,
    /// Only what was done to this user
    #[arg(long, value_name = "ID")]
    subject: Option<UserId>,
    /// Only since this time: 2026-01-31T12:00:00Z, or so long ago: 24h
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Only before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// How many events at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis audit --since 24h --kind login.
  portcullis audit --subject 01890a5d-ac96-774b-bcce-b302099a8057 --json";

/// How many are read at a time.
const PAGE: u32 = 200;

fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(ago) = duration(text) {
        return Ok(SystemClock.now() - ago);
    }
    text.parse().map_err(|_| {
        format!("`{text}` is neither a time such as 2026-01-31T12:00:00Z nor one ago such as 24h")
    })
}

impl Audit {
    pub(super) fn run(self) -> Result<(), Failure> {
        let filter = AuditFilter {
            kind: self.kind,
            actor: self.actor,
            subject: self.subject,
            since: self.since,
            until: self.until,
            before: None,
            limit: 0,
        };
        data::on(self.data, async |installation| {
            let events = read(installation, filter, self.limit).await?;
            if self.json {
                let events: Vec<_> = events.into_iter().map(AuditResponse::from).collect();
                return Ok(output::json(&events)?);
            }
            let rows = events.into_iter().map(|event| {
                [
                    event.at.to_string(),
                    event.kind.clone(),
                    event.actor.stored(),
                    event
                        .subject
                        .map_or_else(String::new, |subject| subject.to_string()),
                    event
                        .address
                        .map_or_else(String::new, |address| address.to_string()),
                    detail(&event.detail),
                ]
            });
            Ok(output::table(
                ["WHEN", "WHAT", "WHO", "WHOM", "FROM", "DETAIL"],
                rows,
            )?)
        })
    }
}

async fn read(
    installation: &Installation,
    mut filter: AuditFilter,
    most: u32,
) -> Result<Vec<AuditEvent>, Failure> {
    let mut events = Vec::new();
    let mut left = most;
    while left > 0 {
        filter.limit = left.min(PAGE);
        let page = installation.authority.audit(&filter).await?;
        let Some(last) = page.last() else { break };
        filter.before = Some(last.id);
        left = left.saturating_sub(u32::try_from(page.len()).unwrap_or(u32::MAX));
        events.extend(page);
    }
    Ok(events)
}

fn detail(detail: &Value) -> String {
    match detail {
        Value::Null => String::new(),
        Value::Object(members) if members.is_empty() => String::new(),
        detail => detail.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_an_instant_or_so_long_ago() {
        assert_eq!(
            time("2023-11-14T22:13:20Z"),
            Ok(Timestamp::from_unix_seconds(1_700_000_000))
        );
        let then = time("24h").unwrap();
        let day = SystemClock.now().since(then).as_secs();
        assert!((86_400..86_460).contains(&day), "{day}");
        assert!(time("yesterday").is_err());
    }
}
