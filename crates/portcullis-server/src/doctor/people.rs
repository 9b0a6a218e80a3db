use portcullis_core::{
    clock::{Clock as _, SystemClock},
    store::{AuditFilter, Store as _},
};
use portcullis_store::Database;
use std::time::Duration;

use super::Finding;
use crate::installation::has_administrator;

/// Who is in the database, as far as it tells of something wrong.
pub(super) async fn examine(database: &Database) -> Vec<Finding> {
    let mut findings = Vec::new();
    match has_administrator(database).await {
        Ok(true) => findings.push(Finding::ok("people", "there is an administrator")),
        Ok(false) => findings.push(Finding::advice(
            "people",
            "there is no administrator",
            "`portcullis user add --role admin EMAIL`",
        )),
        Err(error) => findings.push(unanswered(&error)),
    }
    match database.hash_kinds().await {
        Ok(kinds) => {
            let other: Vec<String> = kinds
                .iter()
                .filter(|(kind, _)| !kind.contains("argon2id"))
                .map(|(kind, users)| format!("{users} of {kind}"))
                .collect();
            if !other.is_empty() {
                findings.push(Finding::note(
                    "people",
                    format!(
                        "passwords are hashed by other means than Argon2id: {}. Each is hashed anew when its owner logs in",
                        other.join(", ")
                    ),
                ));
            }
        }
        Err(error) => findings.push(unanswered(&error)),
    }
    let newest = AuditFilter {
        limit: 1,
        ..AuditFilter::default()
    };
    match database.audit(&newest).await {
        Ok(events) => {
            let ahead = events.first().map(|event| event.at.since(SystemClock.now()));
            if let Some(ahead) = ahead.filter(|ahead| *ahead > Duration::from_secs(60)) {
                findings.push(Finding::action(
                    "clock",
                    format!(
                        "the newest event in the audit log lies {} s ahead: the clock of this machine is late, or that \
                         of a node was early",
                        ahead.as_secs()
                    ),
                    "set the clocks of all nodes (NTP)",
                ));
            }
        }
        Err(error) => findings.push(unanswered(&error)),
    }
    findings
}

fn unanswered(error: &portcullis_core::store::StoreError) -> Finding {
    Finding::action("people", error.to_string(), "make the database answer")
}
