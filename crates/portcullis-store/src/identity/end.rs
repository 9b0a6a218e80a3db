use async_trait::async_trait;
use portcullis_core::{
    audit::{ActContext, kind},
    id::{SessionId, UserId},
    revocation::ChangeKind,
    session::EndReason,
    store::{ProviderSessions, StoreError},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    act::{Act, Failure, Tx},
    audit,
    dialect::storable,
    sql::{fetch_all, fetch_optional},
};

/// [`Store::end_provider_sessions`](portcullis_core::store::Store::end_provider_sessions)
pub(crate) struct EndProviderSessions {
    pub(crate) context: ActContext,
    pub(crate) which: ProviderSessions,
}

#[async_trait]
impl Act for EndProviderSessions {
    type Output = u64;
    type Error = StoreError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<u64, Failure<StoreError>> {
        let ProviderSessions {
            issuer,
            subject,
            session,
        } = &self.which;
        let named = [Some(issuer), subject.as_ref(), session.as_ref()];
        if named.into_iter().flatten().any(|text| !storable(text)) {
            return Ok(0);
        }
        let sessions = match (subject, session) {
            (Some(subject), None) => fetch_all!(
                tx.sql(),
                (Uuid,),
                "SELECT o.session_id FROM portcullis_session_origins o
                 JOIN portcullis_identities i ON i.id = o.identity_id
                 WHERE i.issuer = $1 AND i.subject = $2",
                issuer.as_str(),
                subject.as_str()
            )?,
            (subject, Some(session)) => fetch_all!(
                tx.sql(),
                (Uuid,),
                "SELECT o.session_id FROM portcullis_session_origins o
                 JOIN portcullis_identities i ON i.id = o.identity_id
                 WHERE o.provider_session = $3 AND i.issuer = $1 AND ($4 = 1 OR i.subject = $2)",
                issuer.as_str(),
                subject.as_deref().unwrap_or_default(),
                session.as_str(),
                i64::from(subject.is_none())
            )?,
            (None, None) => return Ok(0),
        };
        let (ended, user) = end_sessions(tx, &self.context, &sessions, EndReason::Provider).await?;
        if ended > 0 {
            let detail = json!({
                "sessions": ended,
                "reason": EndReason::Provider.as_str(),
                "issuer": issuer,
            });
            let event = self.context.event(kind::SESSION_ENDED, user, detail);
            audit::insert(tx.sql(), &event).await?;
        }
        Ok(ended)
    }
}

/// Ends those of the sessions that were not ended yet; gives how many, and whose one of them was. One that merely expired is
/// ended too: an access token of it may still be valid.
pub(super) async fn end_sessions(
    tx: &mut Tx<'_>,
    context: &ActContext,
    sessions: &[(Uuid,)],
    reason: EndReason,
) -> Result<(u64, Option<UserId>), sqlx::Error> {
    let (mut ended, mut whose) = (0, None);
    for (session,) in sessions {
        let user = fetch_optional!(
            tx.sql(),
            (Uuid,),
            "UPDATE portcullis_sessions SET ended_at = $2, end_reason = $3
             WHERE id = $1 AND ended_at IS NULL RETURNING user_id",
            *session,
            context.now.millis(),
            reason.as_str(),
        )?;
        let Some((user,)) = user else { continue };
        ended += 1;
        whose = Some(UserId::from_uuid(user));
        let session = SessionId::from_uuid(*session);
        tx.announce(
            context,
            session.uuid().as_bytes(),
            ChangeKind::SessionEnded { session },
        );
    }
    Ok((ended, whose))
}
