//! Roles: read all at once, cached by their epoch.

mod delete;
mod graph;
mod put;

pub(crate) use self::{
    delete::DeleteRole,
    graph::{RoleCache, Roles, parse_all},
    put::PutRole,
};

use std::collections::BTreeSet;

use portcullis_core::{access::Role, audit::ActContext, revocation::ChangeKind, store::RoleActError};

use crate::{
    act::{Failure, Tx},
    sql::{execute, fetch_one, raised},
};

/// Names with single spaces between: none holds one.
pub(crate) fn join<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    names
        .into_iter()
        .map(|name| name.to_string())
        .collect::<Vec<_>>()
        .join(" ")
}

fn words<T: ToString>(names: &BTreeSet<T>) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Raises `roles_epoch`, and says that tokens with `role` from before are void.
async fn raise_epoch(
    tx: &mut Tx<'_>,
    context: &ActContext,
    role: &portcullis_core::access::RoleName,
) -> Result<(), Failure<RoleActError>> {
    let (roles_epoch,) = fetch_one!(
        tx.sql(),
        (i64,),
        concat!(
            "UPDATE portcullis_counters SET n = ",
            raised!("n", "$1"),
            " WHERE name = 'roles_epoch' RETURNING n"
        ),
        context.now.millis()
    )?;
    tx.announce(
        context,
        role.as_str().as_bytes(),
        ChangeKind::RoleEdited {
            role: role.clone(),
            roles_epoch,
        },
    );
    Ok(())
}

async fn store_role(tx: &mut Tx<'_>, role: &Role) -> Result<(), sqlx::Error> {
    execute!(
        tx.sql(),
        "INSERT INTO portcullis_roles (name, description, scopes, implies) VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE
         SET description = excluded.description, scopes = excluded.scopes, implies = excluded.implies",
        role.name.as_str(),
        role.description.as_str(),
        join(&role.scopes),
        join(&role.implies),
    )?;
    Ok(())
}
