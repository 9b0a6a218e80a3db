use std::collections::BTreeSet;

use async_trait::async_trait;
use portcullis_core::{
    access::RoleName,
    audit::{ActContext, kind},
    id::UserId,
    revocation::ChangeKind,
    session::EndReason,
    store::{UserActError, UserUpdate},
    user::{DisplayName, Email, Standing, User, UserStatus},
};
use serde_json::{Value, json};

use super::{administrators, clear_attempts, email_taken, insert_roles};
use crate::{
    act::{Act, Corrupt, Failure, Tx},
    audit, dialect, session,
    sql::{execute, raised},
};

/// [`Store::update_user`](portcullis_core::store::Store::update_user)
pub(crate) struct UpdateUser {
    pub(crate) context: ActContext,
    pub(crate) user: UserId,
    pub(crate) update: UserUpdate,
}

/// What of an update differs from what is stored.
struct Difference {
    name: Option<DisplayName>,
    email: Option<Email>,
    roles: Option<BTreeSet<RoleName>>,
    status: Option<UserStatus>,
}

impl Difference {
    fn of(update: &UserUpdate, user: &User) -> Self {
        let held: BTreeSet<RoleName> = user.roles.iter().cloned().collect();
        Self {
            name: update.name.clone().filter(|name| *name != user.name),
            email: update.email.clone().filter(|email| *email != user.email),
            roles: update
                .roles
                .as_ref()
                .map(|roles| roles.iter().cloned().collect())
                .filter(|roles| *roles != held),
            status: update.status.filter(|status| *status != user.status),
        }
    }

    fn profile(&self) -> bool {
        self.name.is_some() || self.email.is_some()
    }

    fn rights(&self) -> bool {
        self.roles.is_some() || self.status.is_some()
    }

    /// The kind of its event, by what weighs most.
    fn kind(&self) -> &'static str {
        match (self.status, &self.roles) {
            (Some(UserStatus::Disabled), _) => kind::USER_DISABLED,
            (Some(UserStatus::Active), _) => kind::USER_ENABLED,
            (None, Some(_)) => kind::USER_ROLES,
            (None, None) => kind::USER_UPDATED,
        }
    }

    /// For the audit log: names of fields, and the values of roles and status; personal data stays out.
    fn detail(&self, old: &User) -> Value {
        let mut fields = Vec::new();
        let mut detail = json!({});
        if self.name.is_some() {
            fields.push("name");
        }
        if self.email.is_some() {
            fields.push("email");
        }
        if let Some(roles) = &self.roles {
            fields.push("roles");
            detail["old_roles"] = json!(old.roles);
            detail["roles"] = json!(roles);
        }
        if let Some(status) = self.status {
            fields.push("status");
            detail["status"] = json!(status);
        }
        detail["fields"] = json!(fields);
        detail
    }
}

#[async_trait]
impl Act for UpdateUser {
    type Output = Standing;
    type Error = UserActError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Standing, Failure<UserActError>> {
        let may_reduce = self.update.roles.is_some() || self.update.status == Some(UserStatus::Disabled);
        if may_reduce {
            administrators::guard(tx).await?;
        }
        let graph = tx.roles().await?;
        let had = may_reduce && administrators::any(tx, &graph).await?;

        let id = self.user.uuid();
        dialect::lock_user(tx.sql(), id).await?;
        let Some(old) = tx.standing(self.user).await? else {
            return Err(Failure::Refused(UserActError::NotFound));
        };
        if self
            .update
            .session_epoch
            .is_some_and(|epoch| epoch != old.session_epoch)
        {
            return Err(Failure::Refused(UserActError::Behind));
        }
        let difference = Difference::of(&self.update, &old.user);
        // Enabling who is active already lets in who was locked out by the failures of others.
        let unlocked =
            self.update.status == Some(UserStatus::Active) && clear_attempts(tx, *id.as_bytes()).await?;
        if !difference.profile() && !difference.rights() {
            if unlocked {
                let detail = json!({ "fields": ["attempts"] });
                let event = self.context.event(kind::USER_ENABLED, Some(self.user), detail);
                audit::insert(tx.sql(), &event).await?;
            }
            return Ok(old);
        }
        if let Some(unknown) = difference.roles.as_ref().and_then(|roles| graph.unknown(roles)) {
            return Err(Failure::Refused(UserActError::UnknownRole(unknown.clone())));
        }

        self.write(tx, &old, &difference).await?;
        if had && !administrators::any(tx, &graph).await? {
            return Err(Failure::Refused(UserActError::LastAdministrator));
        }
        let new = tx
            .standing(self.user)
            .await?
            .ok_or_else(|| Corrupt::new("the user just updated"))?;
        if difference.rights() {
            tx.announce(
                &self.context,
                id.as_bytes(),
                ChangeKind::UserEpochs {
                    user: self.user,
                    token_epoch: new.token_epoch,
                    session_epoch: new.session_epoch,
                },
            );
        }
        if difference.profile() {
            tx.announce(
                &self.context,
                id.as_bytes(),
                ChangeKind::ProfileChanged { user: self.user },
            );
        }
        let event = self
            .context
            .event(difference.kind(), Some(self.user), difference.detail(&old.user));
        audit::insert(tx.sql(), &event).await?;
        Ok(new)
    }
}

impl UpdateUser {
    async fn write(
        &self,
        tx: &mut Tx<'_>,
        old: &Standing,
        difference: &Difference,
    ) -> Result<(), Failure<UserActError>> {
        let id = self.user.uuid();
        let name = difference.name.as_ref().unwrap_or(&old.user.name);
        let email = difference.email.as_ref().unwrap_or(&old.user.email);
        let status = difference.status.unwrap_or(old.user.status);
        let disabled = difference.status == Some(UserStatus::Disabled);
        execute!(
            tx.sql(),
            concat!(
                "UPDATE portcullis_users
                 SET name = $2, name_key = $3, email = $4, email_key = $5, status = $6,
                     token_epoch = CASE WHEN $7 = 0 THEN token_epoch ELSE ",
                raised!("token_epoch", "$9"),
                " END, session_epoch = CASE WHEN $8 = 0 THEN session_epoch ELSE ",
                raised!("session_epoch", "$9"),
                " END WHERE id = $1"
            ),
            id,
            name.as_str(),
            name.search_key(),
            email.as_str(),
            email.key().as_str(),
            status.as_str(),
            i64::from(difference.rights()),
            i64::from(disabled),
            self.context.now.millis(),
        )
        .map_err(email_taken)?;
        if let Some(roles) = &difference.roles {
            execute!(
                tx.sql(),
                "DELETE FROM portcullis_user_roles WHERE user_id = $1",
                id
            )?;
            insert_roles(tx, id, roles).await?;
        }
        if disabled {
            session::end_all(tx, self.user, None, EndReason::Disabled, self.context.now).await?;
        }
        Ok(())
    }
}
