use std::{cmp::Reverse, time::Duration};

use serde::Serialize;
use serde_json::{Value, json};

use super::{Authority, Caller, TryLater, limits::Account};
use crate::{
    access::{Principal, RoleName, Scope},
    audit::{Actor, AuditEvent, kind},
    clock::Timestamp,
    id::{AuditId, TokenId, UserId},
    identity::Identity,
    session::SessionRecord,
    store::AuditFilter,
    user::{Email, User},
};

/// How long ago the login of whoever asks for an archive may be.
const RECENT: Duration = Duration::from_secs(10 * 60);
/// So many events, and so many sessions, are in one archive at most.
const MOST: u32 = 5_000;
/// `typ` of an archive, so that nothing takes it for another kind of token (RFC 8725, section 3.11).
const TYPE: &str = "portcullis-account+jwt";
/// `aud` of an archive: it is for nobody who takes access tokens.
const AUDIENCE: &str = "portcullis-account-archive";

/// All that is stored about one account, signed like an access token, in the compact form of a JWS (RFC 7515).
#[derive(Clone, Debug)]
pub struct AccountArchive {
    /// The JWS.
    pub jws: String,
    /// About whom.
    pub user: UserId,
}

/// Why there is no archive.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The login is too long ago: whoever took the device, or a token, does not take the whole history with it.
    #[error("log in again: the login may be {} s old", max_age.as_secs())]
    LoginTooOld {
        /// How old it may be.
        max_age: Duration,
    },
    /// The account was deleted this moment.
    #[error("there is no such account")]
    Gone,
    /// Not now.
    #[error(transparent)]
    TryLater(#[from] TryLater),
}

#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    aud: &'static str,
    sub: UserId,
    iat: i64,
    jti: TokenId,
    account: AccountPart<'a>,
    /// Accounts at providers by which the user signs in; without any, the archive says nothing of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    identities: Vec<IdentityPart<'a>>,
    sessions: Vec<SessionPart<'a>>,
    events: Vec<EventPart<'a>>,
    /// Whether there is nothing more.
    complete: bool,
    /// Ask for what is older than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<AuditId>,
}

#[derive(Serialize)]
struct AccountPart<'a> {
    id: UserId,
    email: &'a str,
    name: &'a str,
    roles: &'a [RoleName],
    scopes: &'a [Scope],
    status: &'a str,
    created_at: String,
}

#[derive(Serialize)]
struct IdentityPart<'a> {
    provider: &'a str,
    issuer: &'a str,
    subject: &'a str,
    email: Option<&'a str>,
    linked_at: String,
    used_at: String,
}

#[derive(Serialize)]
struct SessionPart<'a> {
    id: String,
    current: bool,
    created_at: String,
    last_used_at: String,
    expires_at: String,
    ended_at: Option<String>,
    end_reason: Option<&'a str>,
    address: Option<String>,
    agent: Option<&'a str>,
    scopes: Option<&'a [Scope]>,
}

#[derive(Serialize)]
struct EventPart<'a> {
    id: AuditId,
    at: String,
    kind: &'a str,
    actor: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a Value>,
}

/// Whether the login behind a token is less than [`RECENT`] old: refreshing does not make it so.
fn is_recent(sessions: &[SessionRecord], principal: &Principal, now: Timestamp) -> bool {
    let own = sessions
        .iter()
        .find(|session| session.summary.id == principal.session);
    own.is_some_and(|own| now.since(own.summary.created_at) < RECENT)
}

impl Authority {
    /// How old the login behind a token may be, where it is older than that.
    pub(super) async fn login_too_old(&self, principal: &Principal) -> Result<Option<Duration>, TryLater> {
        let sessions = self.store.session_records(principal.user, MOST).await?;
        Ok((!is_recent(&sessions, principal, self.clock.now())).then_some(RECENT))
    }

    /// The archive of the caller's own account: profile, sessions, and the audit events that it did or that were done to it,
    /// those before `before` only. No hashes or secrets, and of other people nothing but that they acted.
    ///
    /// Needs a login of less than ten minutes ago.
    pub async fn export_account(
        &self,
        caller: &Caller,
        principal: &Principal,
        before: Option<AuditId>,
    ) -> Result<AccountArchive, ExportError> {
        self.limit(&self.rules.password, caller, Some(Account::User(principal.user)))
            .await?;
        let user = self
            .profiles
            .get(&self.store, principal.user)
            .await
            .map_err(TryLater::from)?
            .ok_or(ExportError::Gone)?;
        let sessions = self.store.session_records(user.id, MOST).await;
        let sessions = sessions.map_err(TryLater::from)?;
        let now = self.clock.now();
        if !is_recent(&sessions, principal, now) {
            return Err(ExportError::LoginTooOld { max_age: RECENT });
        }
        // Before it is given out, and so among its events.
        let noted = self.context(caller).event(
            kind::ACCOUNT_EXPORTED,
            Some(user.id),
            json!({ "session": principal.session }),
        );
        self.store
            .append_audit(vec![noted])
            .await
            .map_err(TryLater::from)?;
        let identities = self.store.identities(user.id).await.map_err(TryLater::from)?;
        let (events, more) = self.events_of(user.id, before).await?;
        let complete = !more && sessions.len() < MOST as usize;
        let payload = Payload {
            iss: &self.config.issuer,
            aud: AUDIENCE,
            sub: user.id,
            iat: now.unix_seconds(),
            jti: TokenId::generate(now, &*self.rng),
            account: account(&user),
            identities: identities.iter().map(identity).collect(),
            sessions: sessions.iter().map(|each| session(each, principal)).collect(),
            before: events.last().filter(|_| more).map(|event| event.id),
            events: events.iter().map(|each| event(each, user.id)).collect(),
            complete,
        };
        let failed = |error: &dyn std::error::Error| TryLater::Unavailable(error.to_string());
        let payload = serde_json::to_vec(&payload).map_err(|error| failed(&error))?;
        let jws = self
            .signer
            .sign_statement(TYPE, &payload)
            .map_err(|error| failed(&error))?;
        Ok(AccountArchive { jws, user: user.id })
    }

    /// The newest events by the user and on the user, and whether there are more.
    async fn events_of(
        &self,
        user: UserId,
        before: Option<AuditId>,
    ) -> Result<(Vec<AuditEvent>, bool), TryLater> {
        // One after the other, each in the order of an index, so that a long history costs no more than a short one.
        let filter = AuditFilter {
            before,
            limit: MOST + 1,
            ..AuditFilter::default()
        };
        let mut events = self
            .audit(&AuditFilter {
                subject: Some(user),
                ..filter.clone()
            })
            .await?;
        let by_user = AuditFilter {
            actor: Some(user),
            ..filter
        };
        events.extend(self.audit(&by_user).await?);
        events.sort_unstable_by_key(|event| Reverse(event.id));
        events.dedup_by_key(|event| event.id);
        let more = events.len() > MOST as usize;
        events.truncate(MOST as usize);
        Ok((events, more))
    }
}

fn account(user: &User) -> AccountPart<'_> {
    AccountPart {
        id: user.id,
        email: user.email.as_str(),
        name: user.name.as_str(),
        roles: &user.roles,
        scopes: &user.scopes,
        status: user.status.as_str(),
        created_at: user.created_at.to_string(),
    }
}

fn identity(identity: &Identity) -> IdentityPart<'_> {
    IdentityPart {
        provider: &identity.provider,
        issuer: &identity.issuer,
        subject: &identity.subject,
        email: identity.email.as_ref().map(Email::as_str),
        linked_at: identity.linked_at.to_string(),
        used_at: identity.used_at.to_string(),
    }
}

fn session<'a>(record: &'a SessionRecord, principal: &Principal) -> SessionPart<'a> {
    let summary = &record.summary;
    SessionPart {
        id: summary.id.to_string(),
        current: summary.id == principal.session,
        created_at: summary.created_at.to_string(),
        last_used_at: summary.last_used_at.to_string(),
        expires_at: summary.expires_at.to_string(),
        ended_at: record.ended_at.map(|at| at.to_string()),
        end_reason: record.end_reason.as_deref(),
        address: summary.address.map(|address| address.to_string()),
        agent: summary.agent.as_deref(),
        scopes: record.narrowed.as_deref(),
    }
}

/// An event without what it says about other people: an administrator's name and address, or to whom the user did something.
fn event(event: &AuditEvent, user: UserId) -> EventPart<'_> {
    let (actor, theirs) = match &event.actor {
        Actor::User(actor) if *actor == user => ("you", false),
        Actor::User(_) => ("another user", true),
        Actor::Anonymous => ("anonymous", false),
        Actor::Operator => ("operator", false),
        Actor::System => ("system", false),
    };
    let on_other = event.subject.is_some_and(|subject| subject != user);
    EventPart {
        id: event.id,
        at: event.at.to_string(),
        kind: &event.kind,
        actor,
        subject: event
            .subject
            .map(|_| if on_other { "another user" } else { "you" }),
        address: event
            .address
            .filter(|_| !theirs)
            .map(|address| address.to_string()),
        request_id: event.request_id.as_deref().filter(|_| !theirs),
        detail: Some(&event.detail).filter(|_| !on_other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Timestamp, rng::SystemRng};

    #[test]
    fn what_is_said_of_others_is_left_out() {
        let now = Timestamp::from_unix_seconds(1_767_225_600);
        let (me, other) = (
            UserId::generate(now, &SystemRng),
            UserId::generate(now, &SystemRng),
        );
        let happened = |actor: Actor, subject| AuditEvent {
            id: AuditId::generate(now, &SystemRng),
            at: now,
            kind: "user.roles_changed".to_owned(),
            actor,
            subject: Some(subject),
            address: Some([192, 0, 2, 1].into()),
            request_id: Some("r".to_owned()),
            detail: json!({ "roles": ["x"] }),
        };
        let shown = |actor, subject| {
            let mut value = serde_json::to_value(event(&happened(actor, subject), me)).unwrap();
            for name in ["id", "at", "kind"] {
                value.as_object_mut().unwrap().remove(name);
            }
            value
        };
        assert_eq!(
            shown(Actor::User(other), me),
            json!({"actor": "another user", "subject": "you", "detail": {"roles": ["x"]}})
        );
        assert_eq!(
            shown(Actor::User(me), other),
            json!({"actor": "you", "subject": "another user", "address": "192.0.2.1", "request_id": "r"})
        );
        assert_eq!(
            shown(Actor::Anonymous, me),
            json!({"actor": "anonymous", "subject": "you", "address": "192.0.2.1", "request_id": "r",
                   "detail": {"roles": ["x"]}})
        );
    }
}
