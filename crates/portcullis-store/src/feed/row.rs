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
    pub(super) lane: i64,
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
    pub(super) fn change(self) -> Result<Change, Corrupt> {
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
        Some(match self.kind.as_str() {
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
                kid: self.subject.clone(),
            },
            "keys_changed" => ChangeKind::KeysChanged,
            "profile_changed" => ChangeKind::ProfileChanged {
                user: self.subject.parse().ok()?,
            },
            _ => return None,
        })
    }
}
