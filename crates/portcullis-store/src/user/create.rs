use std::collections::BTreeSet;

use async_trait::async_trait;
use portcullis_core::{
    access::RoleName,
    audit::ActContext,
    password::StoredHash,
    session::StoredSession,
    store::{NewUser, UserActError},
    user::Standing,
};
use serde_json::json;

use super::{FIRST_EPOCH, email_taken, insert_roles};
use crate::{
    act::{Act, Corrupt, Failure, Tx},
    audit, dialect, identity, session,
    sql::execute,
};

/// [`Store::create_user`](portcullis_core::store::Store::create_user)
pub(crate) struct CreateUser {
    pub(crate) context: ActContext,
    pub(crate) user: NewUser,
}

#[async_trait]
impl Act for CreateUser {
    type Output = (Standing, Option<StoredSession>);
    type Error = UserActError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Failure<UserActError>> {
        let user = &self.user;
        let roles: BTreeSet<_> = user.roles.iter().cloned().collect();
        if let Some(unknown) = tx.roles().await?.unknown(&roles) {
            return Err(Failure::Refused(UserActError::UnknownRole(unknown.clone())));
        }
        execute!(
            tx.sql(),
            "INSERT INTO portcullis_users
             (id, email, email_key, name, name_key, password, password_kind, status, token_epoch, session_epoch,
              password_epoch, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9, $10)",
            user.id.uuid(),
            user.email.as_str(),
            user.email.key().as_str(),
            user.name.as_str(),
            user.name.search_key(),
            user.password.as_ref().map(StoredHash::expose),
            user.password.as_ref().map(StoredHash::kind),
            user.status.as_str(),
            FIRST_EPOCH,
            self.context.now.millis(),
        )
        .map_err(email_taken)?;
        insert_roles(tx, user.id.uuid(), &roles).await?;
        if let Some(new) = &user.identity {
            // Someone else came by the same account meanwhile: whoever asks again finds them.
            identity::insert(tx, user.id, new, self.context.now)
                .await
                .map_err(|error| match error {
                    error if dialect::is_duplicate(&error) => Failure::Refused(UserActError::Behind),
                    error => Failure::Database(error),
                })?;
        }
        let session = match &user.session {
            Some(new) => Some(session::insert(tx, user.id, FIRST_EPOCH, new).await?),
            None => None,
        };
        let names: Vec<&str> = roles.iter().map(RoleName::as_str).collect();
        let mut detail = json!({ "roles": names });
        if let Some(session) = &session {
            detail["session"] = json!(session.id);
        }
        if let Some(identity) = &user.identity {
            detail["provider"] = json!(identity.provider);
            detail["identity"] = json!(identity.id);
        }
        audit::insert(tx.sql(), &self.context.event(user.event, Some(user.id), detail)).await?;
        let standing = tx
            .standing(user.id)
            .await?
            .ok_or_else(|| Corrupt::new("the user just added"))?;
        Ok((standing, session))
    }
}
