use async_trait::async_trait;
use portcullis_core::{
    audit::{Actor, kind},
    revocation::ChangeKind,
    session::{EndReason, RefreshAct, RefreshDecision, Refusal, StoredSession},
    store::{RefreshOutcome, StoreError},
    user::{Standing, UserStatus},
};
use serde_json::json;

use super::row::{SessionRow, session_columns};
use crate::{
    act::{Act, Failure, Tx},
    audit,
    sql::{execute, fetch_optional},
    user::{StandingRow, standing_columns, too_fast},
};

/// How often to decide again because someone else moved the session in between.
const ROUNDS: usize = 16;

/// [`Store::refresh`](portcullis_core::store::Store::refresh)
pub(crate) struct Refresh {
    pub(crate) act: RefreshAct,
}

#[derive(sqlx::FromRow)]
struct SessionAndUser {
    #[sqlx(flatten)]
    session: SessionRow,
    #[sqlx(flatten)]
    user: StandingRow,
}

#[async_trait]
impl Act for Refresh {
    /// Changes of an ended session are not in here yet.
    type Output = RefreshOutcome;
    type Error = StoreError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<RefreshOutcome, Failure<StoreError>> {
        for _ in 0..ROUNDS {
            let Some((mut session, standing)) = self.read(tx).await? else {
                return Ok(RefreshOutcome::Refused(Refusal::Unknown));
            };
            let epoch = (standing.user.status == UserStatus::Active).then_some(standing.session_epoch);
            match self.act.decide(&session, epoch) {
                RefreshDecision::Rotate => {
                    if !self.rotate(tx, &mut session).await? {
                        continue;
                    }
                }
                RefreshDecision::Repeat => {}
                RefreshDecision::Refuse(refusal) => return Ok(RefreshOutcome::Refused(refusal)),
                RefreshDecision::End(reason) => {
                    if !self.end(tx, &session, reason).await? {
                        continue;
                    }
                    return Ok(RefreshOutcome::Ended {
                        reason,
                        changes: Vec::new(),
                    });
                }
            }
            return Ok(RefreshOutcome::Granted {
                session: Box::new(session),
                standing: Box::new(standing),
            });
        }
        Err(Failure::Database(sqlx::Error::Protocol(
            "the session moves faster than it can be read".to_owned(),
        )))
    }
}

impl Refresh {
    /// Session and user in one statement: what the new token states is of one moment.
    async fn read(&self, tx: &mut Tx<'_>) -> Result<Option<(StoredSession, Standing)>, Failure<StoreError>> {
        for _ in 0..ROUNDS {
            let row = fetch_optional!(
                tx.sql(),
                SessionAndUser,
                concat!(
                    "SELECT ",
                    session_columns!(),
                    ", ",
                    standing_columns!(),
                    " FROM portcullis_sessions s JOIN portcullis_users u ON u.id = s.user_id WHERE s.id = $1"
                ),
                self.act.presented.session.uuid()
            )?;
            let Some(row) = row else { return Ok(None) };
            let roles = tx.role_view();
            if let Some(graph) = roles.at(tx.sql(), row.user.roles_epoch).await? {
                return Ok(Some((row.session.session()?, row.user.standing(&graph)?)));
            }
        }
        Err(too_fast())
    }

    async fn rotate(&self, tx: &mut Tx<'_>, session: &mut StoredSession) -> Result<bool, sqlx::Error> {
        let now = self.act.context.now;
        let idle_expires_at = (now + self.act.rules.idle).min(session.expires_at);
        let moved = execute!(
            tx.sql(),
            "UPDATE portcullis_sessions
             SET counter = counter + 1, rotated_before_at = rotated_at, rotated_at = $3, last_used_at = $3,
                 idle_expires_at = $4
             WHERE id = $1 AND counter = $2 AND ended_at IS NULL",
            session.id.uuid(),
            self.act.presented.counter,
            now.millis(),
            idle_expires_at.millis(),
        )?;
        if moved == 1 {
            session.counter += 1;
            session.rotated_before_at = session.rotated_at;
            session.rotated_at = Some(now);
            session.idle_expires_at = idle_expires_at;
        }
        Ok(moved == 1)
    }

    async fn end(
        &self,
        tx: &mut Tx<'_>,
        session: &StoredSession,
        reason: EndReason,
    ) -> Result<bool, sqlx::Error> {
        let context = &self.act.context;
        // As it was decided upon: a counter that moved asks for another decision.
        let ended = execute!(
            tx.sql(),
            "UPDATE portcullis_sessions SET ended_at = $3, end_reason = $4
             WHERE id = $1 AND counter = $2 AND ended_at IS NULL",
            session.id.uuid(),
            session.counter,
            context.now.millis(),
            reason.as_str(),
        )?;
        if ended == 0 {
            return Ok(false);
        }
        tx.announce(
            context,
            session.id.uuid().as_bytes(),
            ChangeKind::SessionEnded { session: session.id },
        );
        let kind = match reason {
            EndReason::Rewound => kind::REFRESH_REWOUND,
            _ => kind::REFRESH_REUSED,
        };
        let detail = json!({
            "session": session.id,
            "presented": self.act.presented.counter,
            "current": session.counter,
        });
        let mut event = context.event(kind, Some(session.user), detail);
        event.actor = Actor::User(session.user);
        audit::insert(tx.sql(), &event).await?;
        Ok(true)
    }
}
