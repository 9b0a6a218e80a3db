use portcullis_core::{
    clock::Timestamp,
    revocation::{Change, ChangeKind},
};

use crate::act::Corrupt;

/// A kind of change in columns.
pub(super) struct StoredKind {
    pub(super) kind: &'static str,
    pub(super) subject: String,
    pub(super) epoch: Option<i64>,
    pub(super) session_epoch: Option<i64>,
}

impl StoredKind {
    pub(super) fn of(kind: &ChangeKind) -> Self {
        let (kind, subject, epoch, session_epoch) = match kind {
            ChangeKind::SessionEnded { session } => ("session_ended", session.to_string(), None, None),
            ChangeKind::UserEpochs {
                user,
                token_epoch,
                session_epoch,
            } => (
                "user_epochs",
                user.to_string(),
                Some(*token_epoch),
                Some(*session_epoch),
            ),
            ChangeKind::RoleEdited { role, roles_epoch } => {
                ("role_edited", role.to_string(), Some(*roles_epoch), None)
            }
            ChangeKind::KeyRevoked { kid } => ("key_revoked", kid.clone(), None, None),
            ChangeKind::KeysChanged => ("keys_changed", String::new(), None, None),
            ChangeKind::ProfileChanged { user } => ("profile_changed", user.to_string(), None, None),
        };
        Self {
            kind,
            subject,
            epoch,
            session_epoch,
        }
    }
}

/// A row of the feed.
#[derive(sqlx::FromRow)]
pub(super) struct ChangeRow {
    lane: i64,
    pub(super) n: i64,
    pub(super) tag: i64,
    kind: String,
    subject: String,
    epoch: Option<i64>,
    session_epoch: Option<i64>,
    happened_at: i64,
    deny_until: i64,
}

impl ChangeRow {
    pub(super) fn change(&self) -> Result<Change, Corrupt> {
        Columns {
            lane: self.lane,
            n: self.n,
            tag: self.tag,
            kind: &self.kind,
            subject: &self.subject,
            epoch: self.epoch,
            session_epoch: self.session_epoch,
            happened_at: self.happened_at,
            deny_until: self.deny_until,
        }
        .change()
    }
}

/// The change that a line of [`line!`] tells.
pub(super) fn change_of(lane: i64, text: &str) -> Result<Change, Corrupt> {
    let columns = Columns::of(lane, text);
    columns
        .ok_or_else(|| Corrupt(format!("a change of lane {lane} cannot be read: `{text}`")))?
        .change()
}

/// Columns of a change as the words of a line; nothing where there is none. The subject is last: it may be any text of one
/// line.
macro_rules! line {
    () => {
        "format('%s %s %s %s %s %s %s %s', n, tag, kind, epoch, session_epoch, happened_at, deny_until, subject)"
    };
}
pub(super) use line;

struct Columns<'r> {
    lane: i64,
    n: i64,
    tag: i64,
    kind: &'r str,
    subject: &'r str,
    epoch: Option<i64>,
    session_epoch: Option<i64>,
    happened_at: i64,
    deny_until: i64,
}

impl<'r> Columns<'r> {
    fn of(lane: i64, text: &'r str) -> Option<Self> {
        let mut words = text.splitn(8, ' ');
        Some(Self {
            lane,
            n: words.next()?.parse().ok()?,
            tag: words.next()?.parse().ok()?,
            kind: words.next()?,
            epoch: optional(words.next()?)?,
            session_epoch: optional(words.next()?)?,
            happened_at: words.next()?.parse().ok()?,
            deny_until: words.next()?.parse().ok()?,
            subject: words.next()?,
        })
    }

    fn change(&self) -> Result<Change, Corrupt> {
        // A change that is not understood must not be passed over: it takes something away.
        let kind = self.parse().ok_or_else(|| {
            Corrupt(format!(
                "change {} of lane {} has the kind `{}`, which this version of Portcullis does not know or cannot \
                 read: run the newest version on every node",
                self.n, self.lane, self.kind
            ))
        })?;
        Ok(Change {
            lane: u8::try_from(self.lane).map_err(|_| Corrupt::new("the lane of a change"))?,
            n: self.n,
            tag: self.tag,
            kind,
            at: Timestamp::from_millis(self.happened_at),
            until: Timestamp::from_millis(self.deny_until),
        })
    }

    fn parse(&self) -> Option<ChangeKind> {
        Some(match self.kind {
            "session_ended" => ChangeKind::SessionEnded {
                session: self.subject.parse().ok()?,
            },
            "user_epochs" => ChangeKind::UserEpochs {
                user: self.subject.parse().ok()?,
                token_epoch: self.epoch?,
                session_epoch: self.session_epoch?,
            },
            "role_edited" => ChangeKind::RoleEdited {
                role: self.subject.parse().ok()?,
                roles_epoch: self.epoch?,
            },
            "key_revoked" => ChangeKind::KeyRevoked {
                kid: self.subject.to_owned(),
            },
            "keys_changed" => ChangeKind::KeysChanged,
            "profile_changed" => ChangeKind::ProfileChanged {
                user: self.subject.parse().ok()?,
            },
            _ => return None,
        })
    }
}

/// A number or nothing; none when it is something else.
#[expect(
    clippy::option_option,
    reason = "whether it can be read, and whether it is there"
)]
fn optional(word: &str) -> Option<Option<i64>> {
    if word.is_empty() {
        return Some(None);
    }
    word.parse().ok().map(Some)
}
