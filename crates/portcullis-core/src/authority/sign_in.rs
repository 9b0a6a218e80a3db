use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Authority, Caller, TokenPair, TryLater};
use crate::{
    audit::{Actor, AuditEvent, kind},
    id::{AuditId, IdentityId, UserId},
    identity::{Held, Identity, Once, Profile, SignInRefusal, SignInRules, Tickets, Verdict, decide, follow},
    store::{
        IdentityActError, LinkIdentity, NewIdentity, NewUser, OpenSession, OpenSessionError, SeenIdentity,
        UserActError, UserUpdate,
    },
    user::{Standing, UserStatus},
};

/// Others may come by the same account, or change it, between a look and an act: looked again so often.
const TRIES: usize = 4;

/// Who signs in, once it was decided; a session can be opened for them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identified {
    /// Who.
    pub user: UserId,
    /// As of which it was decided.
    pub session_epoch: i64,
    /// By which account.
    pub identity: SeenIdentity,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// By rule.
    #[error(transparent)]
    Refused(#[from] SignInRefusal),
    /// Not now.
    #[error(transparent)]
    TryLater(#[from] TryLater),
}

/// What one look at the store came to.
enum Looked {
    Found(Identified),
    /// Somebody else was quicker.
    Again,
}

impl Authority {
    /// What seals flows and codes of sign-ins.
    #[must_use]
    pub fn tickets(&self) -> &Tickets {
        &self.tickets
    }

    /// Uses up what is good for one use; false when it was used before.
    ///
    /// # Errors
    /// When the store fails: then nobody can tell, and nothing may be believed.
    pub async fn spend(&self, once: Once) -> Result<bool, TryLater> {
        Ok(self.store.spend(once, self.clock.now()).await?)
    }

    /// Counts an attempt to sign in by a provider, by address, under the limit of logins.
    ///
    /// # Errors
    /// When there were too many.
    pub async fn limit_sign_in(&self, caller: &Caller) -> Result<(), TryLater> {
        self.limit(&self.rules.login, caller, None).await
    }

    /// Who signs in by a profile that was checked: somebody who is known, or somebody who becomes a user by the rules
    /// ([`decide`]). Roles follow the claims ([`follow`]).
    ///
    /// # Errors
    /// When nobody does. Whoever calls it notes that ([`Authority::note_refused_sign_in`]).
    pub async fn identify(
        &self,
        caller: &Caller,
        rules: &SignInRules,
        profile: &Profile,
        provider_session: Option<String>,
    ) -> Result<Identified, SignInError> {
        for _ in 0..TRIES {
            match self
                .identify_once(caller, rules, profile, provider_session.as_deref())
                .await?
            {
                Looked::Found(identified) => return Ok(identified),
                Looked::Again => {}
            }
        }
        Err(TryLater::Unavailable("the account is changed by others at this moment".to_owned()).into())
    }

    async fn identify_once(
        &self,
        caller: &Caller,
        rules: &SignInRules,
        profile: &Profile,
        provider_session: Option<&str>,
    ) -> Result<Looked, SignInError> {
        let (issuer, subject) = (&profile.issuer, &profile.subject);
        let known = self
            .store
            .identity(issuer, subject)
            .await
            .map_err(TryLater::from)?;
        let linked = match &known {
            Some(identity) => self.store.user(identity.user).await.map_err(TryLater::from)?,
            None => None,
        };
        if known.is_some() && linked.is_none() {
            // Deleted this moment, and the link with them.
            return Ok(Looked::Again);
        }
        let holder = match (&linked, &profile.email) {
            (None, Some(email)) => self
                .store
                .user_by_email(&email.key())
                .await
                .map_err(TryLater::from)?,
            _ => None,
        };
        let held = match &holder {
            Some(standing) => Some(self.held(standing).await?),
            None => None,
        };
        let of = |standing: &Standing| (standing.user.id, standing.user.status);
        let verdict = match decide(rules, profile, linked.as_ref().map(of), held) {
            Ok(verdict) => verdict,
            Err(refusal) => {
                // One was read after the other: meanwhile another sign-in may have made the user together with this very link.
                let made = known.is_none() && holder.is_some();
                if made
                    && self
                        .store
                        .identity(issuer, subject)
                        .await
                        .map_err(TryLater::from)?
                        .is_some()
                {
                    return Ok(Looked::Again);
                }
                return Err(refusal.into());
            }
        };
        let (standing, identity) = match verdict {
            Verdict::SignIn(_) => match (linked, known) {
                (Some(standing), Some(identity)) => (standing, identity.id),
                _ => return Ok(Looked::Again),
            },
            Verdict::Link(_) => {
                let Some(standing) = holder else {
                    return Ok(Looked::Again);
                };
                match self.link_by_email(caller, rules, profile, &standing).await? {
                    Some(identity) => (standing, identity),
                    None => return Ok(Looked::Again),
                }
            }
            Verdict::Create => match self.enlist_by_provider(caller, rules, profile).await? {
                Some(created) => created,
                None => return Ok(Looked::Again),
            },
        };
        let Some(standing) = self.follow_roles(caller, rules, profile, standing).await? else {
            return Ok(Looked::Again);
        };
        Ok(Looked::Found(Identified {
            user: standing.user.id,
            session_epoch: standing.session_epoch,
            identity: SeenIdentity {
                id: identity,
                email: profile.email.clone(),
                vouches: rules.vouches(profile),
                provider_session: provider_session.map(str::to_owned),
            },
        }))
    }

    /// Whether an email is known to be its user's: an account at a provider that is the authority on it says so.
    async fn held(&self, standing: &Standing) -> Result<Held, TryLater> {
        let (user, email) = (&standing.user, standing.user.email.key());
        let identities = self.store.identities(user.id).await?;
        Ok(Held {
            user: user.id,
            verified: identities.iter().any(|identity| identity.vouches_for(&email)),
            status: user.status,
        })
    }

    pub(super) fn new_identity(&self, rules: &SignInRules, profile: &Profile) -> NewIdentity {
        NewIdentity {
            id: IdentityId::generate(self.clock.now(), &*self.rng),
            provider: rules.provider.clone(),
            issuer: profile.issuer.clone(),
            subject: profile.subject.clone(),
            email: profile.email.clone(),
            vouches: rules.vouches(profile),
        }
    }

    async fn link_by_email(
        &self,
        caller: &Caller,
        rules: &SignInRules,
        profile: &Profile,
        standing: &Standing,
    ) -> Result<Option<IdentityId>, SignInError> {
        let identity = self.new_identity(rules, profile);
        let id = identity.id;
        let act = LinkIdentity {
            user: standing.user.id,
            session_epoch: standing.session_epoch,
            email: Some(standing.user.email.key()),
            identity,
        };
        let context = self.context_of(caller, Actor::System);
        let linked = self.act(&context, |store, context| async move {
            store.link_identity(&context, act).await
        });
        match linked.await {
            Ok(()) => Ok(Some(id)),
            // The user has another account at this provider already: that one is theirs, and this one is not.
            Err(IdentityActError::Taken) if self.has_another_at(standing.user.id, profile).await? => {
                Err(SignInRefusal::EmailTaken.into())
            }
            Err(IdentityActError::Taken | IdentityActError::Behind | IdentityActError::NotFound) => Ok(None),
            Err(IdentityActError::TooMany | IdentityActError::LastWayIn) => {
                Err(SignInRefusal::EmailTaken.into())
            }
            Err(IdentityActError::Store(error)) => Err(TryLater::from(error).into()),
        }
    }

    async fn has_another_at(&self, user: UserId, profile: &Profile) -> Result<bool, TryLater> {
        let identities = self.store.identities(user).await?;
        let is_another =
            |identity: &Identity| identity.issuer == profile.issuer && identity.subject != profile.subject;
        Ok(identities.iter().any(is_another))
    }

    async fn enlist_by_provider(
        &self,
        caller: &Caller,
        rules: &SignInRules,
        profile: &Profile,
    ) -> Result<Option<(Standing, IdentityId)>, SignInError> {
        let (Some(email), Some(name)) = (profile.email.clone(), profile.display_name()) else {
            return Err(SignInRefusal::NoEmail.into());
        };
        let default = rules.default_roles.as_ref().unwrap_or(&self.config.default_roles);
        let identity = self.new_identity(rules, profile);
        let identity_id = identity.id;
        let id = UserId::generate(self.clock.now(), &*self.rng);
        let user = NewUser {
            id,
            email,
            name,
            password: None,
            // Those that a rule gives come with the claims alone, also where they are default ones.
            roles: follow(&rules.roles, &profile.claims, default),
            status: UserStatus::Active,
            session: None,
            identity: Some(identity),
            event: kind::USER_REGISTERED,
        };
        let context = self.context_as(caller, id);
        let created = self.act(&context, |store, context| async move {
            store.create_user(&context, user).await
        });
        match created.await {
            Ok((standing, _)) => Ok(Some((standing, identity_id))),
            Err(UserActError::EmailTaken | UserActError::Behind) => Ok(None),
            Err(UserActError::UnknownRole(role)) => {
                tracing::error!(provider = rules.provider, %role, "sign_in.unknown_role");
                Err(SignInRefusal::UnknownRole.into())
            }
            Err(UserActError::Store(error)) => Err(TryLater::from(error).into()),
            Err(other) => Err(TryLater::Unavailable(other.to_string()).into()),
        }
    }

    /// Gives the roles that follow from the claims. None when the user changed meanwhile.
    async fn follow_roles(
        &self,
        caller: &Caller,
        rules: &SignInRules,
        profile: &Profile,
        standing: Standing,
    ) -> Result<Option<Standing>, SignInError> {
        let followed = follow(&rules.roles, &profile.claims, &standing.user.roles);
        if rules.roles.is_empty() || followed == standing.user.roles {
            return Ok(Some(standing));
        }
        let user = standing.user.id;
        let update = UserUpdate {
            roles: Some(followed),
            session_epoch: Some(standing.session_epoch),
            ..UserUpdate::default()
        };
        let context = self.context_of(caller, Actor::System);
        let updated = self.act(&context, move |store, context| async move {
            store.update_user(&context, user, update).await
        });
        match updated.await {
            Ok(standing) => Ok(Some(standing)),
            Err(UserActError::Behind | UserActError::NotFound) => Ok(None),
            Err(UserActError::LastAdministrator) => Err(SignInRefusal::LastAdministrator.into()),
            Err(UserActError::UnknownRole(role)) => {
                tracing::error!(provider = rules.provider, %role, "sign_in.unknown_role");
                Err(SignInRefusal::UnknownRole.into())
            }
            Err(UserActError::Store(error)) => Err(TryLater::from(error).into()),
            Err(other) => Err(TryLater::Unavailable(other.to_string()).into()),
        }
    }

    /// Opens a session for who was identified, if nothing was revoked since.
    ///
    /// # Errors
    /// When it was, or the store fails.
    pub async fn sign_in(&self, caller: &Caller, identified: Identified) -> Result<TokenPair, SignInError> {
        let context = self.context_as(caller, identified.user);
        let act = OpenSession {
            user: identified.user,
            session_epoch: identified.session_epoch,
            session: self.new_session(caller, None),
            clear: Vec::new(),
            upgrade: None,
            identity: Some(identified.identity),
        };
        let (standing, session) = self
            .act(&context, |store, context| async move {
                store.open_session(&context, act).await
            })
            .await
            .map_err(|error| match error {
                OpenSessionError::Refused => SignInError::Refused(SignInRefusal::Changed),
                OpenSessionError::Store(error) => SignInError::TryLater(error.into()),
            })?;
        Ok(self.grant_opened(&standing, session.as_ref(), context.now)?)
    }

    /// Notes for log and audit that nobody was signed in by a provider, and why.
    pub fn note_refused_sign_in(&self, caller: &Caller, provider: &str, reason: &str, detail: &str) {
        let now = self.clock.now();
        tracing::info!(
            provider,
            reason,
            detail,
            request_id = caller.request_id,
            "sign_in.refused"
        );
        self.audit.note(AuditEvent {
            id: AuditId::generate(now, &*self.rng),
            at: now,
            kind: kind::SIGN_IN_REFUSED.to_owned(),
            actor: caller.actor(),
            subject: None,
            address: caller.address,
            request_id: caller.request_id.clone(),
            detail: json!({ "provider": provider, "reason": reason, "detail": detail }),
        });
    }
}
