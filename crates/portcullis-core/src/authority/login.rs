use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{Authority, Caller, LoginError, TokenPair, TryLater, limits::Account};
use crate::{
    access::Scope,
    audit::{Actor, AuditEvent, kind},
    device::KnownDevice,
    id::{AuditId, UserId},
    password::{
        Password, StoredHash,
        pool::{JobClass, Target},
    },
    store::{AttemptKey, Credentials, OpenSession, OpenSessionError},
    user::{EmailKey, UserStatus},
};

/// A login by password.
pub struct LoginRequest {
    /// What was typed where the email is asked for.
    pub identifier: String,
    /// The password.
    pub password: Password,
    /// Scopes to narrow the session to; none asks for all.
    pub scopes: Option<Vec<Scope>>,
    /// The device token of an earlier login.
    pub device: Option<SecretString>,
}

/// How an attempt was counted.
struct Attempt {
    key: AttemptKey,
    /// Consecutive ones under this key, this one included.
    count: u32,
    /// That of a known device whose attempts are used up.
    worn_out: Option<AttemptKey>,
}

impl Authority {
    /// Logs a user in.
    pub async fn login(&self, caller: &Caller, request: LoginRequest) -> Result<TokenPair, LoginError> {
        let result = self.log_in(caller, request).await;
        self.counts.login(&result);
        result
    }

    /// Logs a user in, uncounted.
    ///
    /// Unknown, disabled, password-less, locked and wrong-password attempts take the same way: one read, one counted
    /// attempt, one hash of the same kind, one answer (design section 6).
    async fn log_in(&self, caller: &Caller, request: LoginRequest) -> Result<TokenPair, LoginError> {
        let LoginRequest {
            identifier,
            password,
            scopes,
            device,
        } = request;
        let email = EmailKey::of(&identifier);
        let device = device.and_then(|token| self.devices.read(token.expose_secret(), self.clock.now()));
        let account = device
            .as_ref()
            .map_or(Account::Email(&email), |known| Account::Device(known.device));
        self.limit(&self.rules.login, caller, Some(account)).await?;

        // Before the first look into the store: what a flood is refused costs no query. A device of another account
        // gets no more by it than a device of its own.
        let class = match device {
            Some(_) => JobClass::Reserved,
            None => JobClass::General {
                address: caller.address,
            },
        };
        let permit = self.pool.admit(class).map_err(TryLater::from)?;
        let found = self
            .store
            .credentials_by_email(&email)
            .await
            .map_err(TryLater::from)?;
        let attempt = self.count(caller, device, found.as_ref(), &email).await?;

        let target = match found.as_ref().and_then(|found| found.password.clone()) {
            Some(hash) => Target::Stored(hash),
            None => Target::Dummy {
                identifier: email.as_str().to_owned(),
            },
        };
        let verdict = match permit.verify(password.clone(), target).await {
            Ok(verdict) => verdict,
            Err(error) => {
                // It was never evaluated, so it must not count; if this fails too, one attempt too many is counted.
                let _ = self.store.refund_attempt(&attempt.key).await;
                return Err(TryLater::from(error).into());
            }
        };

        if let Some(problem) = &verdict.problem {
            tracing::error!(%problem, "hash.unreadable");
        }
        let locked = attempt.count > self.config.max_failures;
        let user = found.as_ref().map(|found| found.user);
        let Some(found) =
            found.filter(|found| verdict.matches && found.status == UserStatus::Active && !locked)
        else {
            self.login_failed(caller, &identifier, user, locked.then_some("locked"));
            return Err(LoginError::Invalid);
        };
        // Only now, so that the time of a refusal never tells that the password was right. A hash that cannot be
        // upgraded now is upgraded at the next login.
        let upgrade = if verdict.rehash {
            verdict.permit.hash(password).await.ok()
        } else {
            None
        };
        let result = self.admit(caller, found, &attempt, upgrade, scopes).await;
        // The password was right all the same: whoever tries passwords must not pass unseen by asking for too much.
        match &result {
            Err(LoginError::Scope) => self.login_failed(caller, &identifier, user, Some("scope")),
            Err(LoginError::Invalid) => self.login_failed(caller, &identifier, user, Some("revoked")),
            Ok(_) | Err(LoginError::TryLater(_)) => {}
        }
        result
    }

    /// Counts the attempt: of a known device by itself, so that strangers who guess cannot lock its owner out; of all
    /// others by account.
    ///
    /// Somebody else's device counts as none: devices of an attacker's account must not open another bucket on the
    /// victim's. So does one from before the present password, and one that has used up its attempts, which is then no worse
    /// off than a stranger (decision 0007). The account's own limit then applies after all.
    async fn count(
        &self,
        caller: &Caller,
        device: Option<KnownDevice>,
        found: Option<&Credentials>,
        email: &EmailKey,
    ) -> Result<Attempt, TryLater> {
        let now = self.clock.now();
        let mut worn_out = None;
        if let Some(device) = device {
            if found.is_some_and(|found| device.is_of(found)) {
                let key = device.attempt_key();
                let count = self.store.count_attempt(&key, now).await?;
                if count <= self.config.max_failures {
                    return Ok(Attempt {
                        key,
                        count,
                        worn_out: None,
                    });
                }
                worn_out = Some(key);
            }
            self.limit_account(&self.rules.login, caller, Account::Email(email))
                .await?;
        }
        let key = found.map_or_else(|| self.unknown.key(email), |found| AttemptKey::user(found.user));
        let count = self.store.count_attempt(&key, now).await?;
        Ok(Attempt { key, count, worn_out })
    }

    async fn admit(
        &self,
        caller: &Caller,
        found: Credentials,
        attempt: &Attempt,
        upgrade: Option<StoredHash>,
        scopes: Option<Vec<Scope>>,
    ) -> Result<TokenPair, LoginError> {
        if let Some(wanted) = &scopes {
            let standing = self.store.user(found.user).await.map_err(TryLater::from)?;
            let granted = standing.is_some_and(|standing| !standing.narrowed(Some(wanted)).0.is_empty());
            if !granted {
                // Evaluated, and no failure to know the password.
                let _ = self.store.refund_attempt(&attempt.key).await;
                return Err(LoginError::Scope);
            }
        }
        let context = self.context_as(caller, found.user);
        let act = OpenSession {
            user: found.user,
            session_epoch: found.session_epoch,
            session: self.new_session(caller, scopes),
            clear: std::iter::once(attempt.key).chain(attempt.worn_out).collect(),
            upgrade: found.password.zip(upgrade),
            identity: None,
        };
        let (standing, session) = self
            .act(&context, |store, context| async move {
                store.open_session(&context, act).await
            })
            .await
            .map_err(|error| match error {
                OpenSessionError::Refused => LoginError::Invalid,
                OpenSessionError::Store(error) => LoginError::TryLater(error.into()),
            })?;
        Ok(self.grant_opened(&standing, session.as_ref(), context.now)?)
    }

    /// Notes a failed login for the audit log. Unknown identifiers appear as a keyed hash only: people type passwords
    /// there.
    fn login_failed(
        &self,
        caller: &Caller,
        identifier: &str,
        user: Option<UserId>,
        reason: Option<&'static str>,
    ) {
        let now = self.clock.now();
        let hash = self.unknown.audit_hash(identifier);
        self.audit.note(AuditEvent {
            id: AuditId::generate(now, &*self.rng),
            at: now,
            kind: kind::LOGIN_FAILED.to_owned(),
            actor: Actor::Anonymous,
            subject: user,
            address: caller.address,
            request_id: caller.request_id.clone(),
            detail: json!({ "identifier": user.is_none().then_some(hash), "reason": reason }),
        });
    }
}
