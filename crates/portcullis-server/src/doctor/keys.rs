use std::time::Duration;

use portcullis_core::{
    clock::Timestamp,
    key::KeyState,
    store::{Store as _, StoredKey},
};
use portcullis_store::Database;

use super::Finding;
use crate::config::{Settings, show_duration};

const CHECK: &str = "keys";
const DAY: Duration = Duration::from_secs(86_400);
/// A key that is never rotated by itself should make place for the next after so long.
const OLD: Duration = Duration::from_secs(400 * 86_400);
/// For how long maintenance may be late.
const LATE: Duration = Duration::from_secs(7 * 86_400);

/// What was found.
pub(super) struct Keys {
    pub(super) findings: Vec<Finding>,
    /// Names of all keys that the JWKS must have; none when it cannot be told.
    pub(super) published: Option<Vec<String>>,
}

pub(super) async fn examine(database: &Database, settings: &Settings, now: Timestamp) -> Keys {
    if settings.token.secret.is_some() {
        let earlier = settings.token.previous_secrets.len();
        return Keys {
            findings: vec![Finding::ok(
                CHECK,
                format!("a shared secret, and {earlier} earlier ones: no key is published"),
            )],
            published: Some(Vec::new()),
        };
    }
    match database.keys().await {
        Err(error) => Keys {
            findings: vec![Finding::action(
                CHECK,
                error.to_string(),
                "make the database answer",
            )],
            published: None,
        },
        Ok(set) => Keys {
            findings: judge(&set.keys, settings.rotate_keys_after, now),
            published: Some(
                set.keys
                    .into_iter()
                    .filter(|key| !is_over(key, now))
                    .map(|key| key.kid)
                    .collect(),
            ),
        },
    }
}

fn is_over(key: &StoredKey, now: Timestamp) -> bool {
    key.state == KeyState::Retiring.as_str() && key.retire_at.is_none_or(|at| at <= now)
}

/// What to say of the keys in the store.
pub(super) fn judge(keys: &[StoredKey], rotate_after: Option<Duration>, now: Timestamp) -> Vec<Finding> {
    let in_state = |state: KeyState| keys.iter().filter(move |key| key.state == state.as_str());
    let Some(active) = in_state(KeyState::Active).next() else {
        return vec![if keys.is_empty() {
            Finding::note(CHECK, "none yet: the first start makes them")
        } else {
            Finding::action(CHECK, "no key signs", "restore the database from a backup")
        }];
    };
    let mut findings = Vec::new();
    let age = now.since(active.activated_at.unwrap_or(active.created_at));
    let retiring = in_state(KeyState::Retiring)
        .filter(|key| !is_over(key, now))
        .count();
    let text = format!(
        "{} {} has signed for {}; {retiring} retiring",
        active.algorithm,
        active.kid,
        days(age)
    );
    let old = rotate_after.map_or(OLD, |after| after + LATE);
    if age > old {
        findings.push(Finding::advice(
            CHECK,
            text,
            "`portcullis key rotate`: no live token breaks",
        ));
    } else {
        findings.push(Finding::ok(CHECK, text));
    }
    if active
        .activated_at
        .is_some_and(|at| at > now + Duration::from_secs(60))
    {
        findings.push(Finding::action(
            CHECK,
            "the key that signs was activated in the future: a clock was wrong then, or is now",
            "set the clocks of all nodes (NTP)",
        ));
    }
    if in_state(KeyState::Next).next().is_none() {
        findings.push(Finding::advice(
            CHECK,
            "no key waits for its turn: after a rotation, services that keep the JWKS do not know the new one yet",
            "`portcullis key rotate` twice, or `portcullis key import`",
        ));
    }
    let over = keys
        .iter()
        .filter(|key| is_over(key, now) && key.retire_at.is_none_or(|at| now.since(at) > 3 * DAY))
        .count();
    if over > 0 {
        findings.push(Finding::advice(
            CHECK,
            format!("{over} keys are over and still there: no server has done its daily work for three days"),
            "let a server run on this database",
        ));
    }
    findings
}

fn days(age: Duration) -> String {
    match age.as_secs() / 86_400 {
        0 => show_duration(Duration::from_secs(age.as_secs() / 60 * 60)),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
