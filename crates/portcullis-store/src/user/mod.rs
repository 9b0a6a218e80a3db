//! Users.

pub(crate) mod administrators;
mod attempts;
mod create;
mod credentials;
mod delete;
mod import;
mod list;
mod password;
mod standing;
mod update;

use std::collections::BTreeSet;

use portcullis_core::{access::RoleName, store::UserActError};
use uuid::Uuid;

pub use self::import::Imported;
pub(crate) use self::{
    attempts::{CountAttempt, RefundAttempt, clear_attempts},
    create::CreateUser,
    credentials::{credentials_by_email, credentials_by_id},
    delete::DeleteUser,
    list::{hash_kinds, list},
    password::ChangePassword,
    standing::{StandingRow, by_email, by_id, standing_columns, too_fast},
    update::UpdateUser,
};
use crate::{
    act::{Failure, Tx},
    dialect,
    sql::execute,
};

/// The epochs of a new user.
const FIRST_EPOCH: i64 = 1;

async fn insert_roles(tx: &mut Tx<'_>, user: Uuid, roles: &BTreeSet<RoleName>) -> Result<(), sqlx::Error> {
    for role in roles {
        execute!(
            tx.sql(),
            "INSERT INTO portcullis_user_roles (user_id, role) VALUES ($1, $2)",
            user,
            role.as_str()
        )?;
    }
    Ok(())
}

/// The only unique value that an act on users can meet is the email.
fn email_taken(error: sqlx::Error) -> Failure<UserActError> {
    if dialect::is_duplicate(&error) {
        Failure::Refused(UserActError::EmailTaken)
    } else {
        Failure::Database(error)
    }
}
