//! There is always one who can administer, once there was one.

use portcullis_core::access::RoleGraph;

use crate::{
    act::Tx,
    sql::{execute, fetch_optional},
};

/// The scope that makes an administrator.
const SCOPE: &str = "admin";

/// Makes every other act that may take an administrator away wait until this one is done. To be called first of all: a
/// guard taken after other locks would meet them in another order.
pub(crate) async fn guard(tx: &mut Tx<'_>) -> Result<(), sqlx::Error> {
    execute!(
        tx.sql(),
        "UPDATE portcullis_counters SET n = n + 1 WHERE name = 'administrators'"
    )?;
    Ok(())
}

/// Whether an active user has the scope `admin`.
pub(crate) async fn any(tx: &mut Tx<'_>, graph: &RoleGraph) -> Result<bool, sqlx::Error> {
    for role in graph.holders(SCOPE) {
        let found = fetch_optional!(
            tx.sql(),
            (i64,),
            "SELECT u.created_at FROM portcullis_user_roles r JOIN portcullis_users u ON u.id = r.user_id
             WHERE r.role = $1 AND u.status = 'active' LIMIT 1",
            role.as_str()
        )?;
        if found.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
