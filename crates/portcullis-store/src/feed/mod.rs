//! The feed of changes: lanes without holes (design, section 5).

mod read;
mod row;

use portcullis_core::revocation::Change;

pub(crate) use self::read::{read, stream};
use crate::sql::{Connection, execute, fetch_one};

/// Takes the next number of a lane. From here to the COMMIT the lane is locked: nobody else gets a number from it, and
/// a rolled back act gives its number back.
pub(crate) async fn next_number(
    connection: &mut Connection<'_>,
    lane: u8,
    tag: i64,
) -> Result<i64, sqlx::Error> {
    let (n,) = fetch_one!(
        connection,
        (i64,),
        "UPDATE portcullis_lanes SET n = n + 1, tag = $2 WHERE lane = $1 RETURNING n",
        i64::from(lane),
        tag
    )?;
    Ok(n)
}

/// Writes the row of a change whose number was just taken.
pub(crate) async fn insert(connection: &mut Connection<'_>, change: &Change) -> Result<(), sqlx::Error> {
    let stored = row::StoredKind::of(&change.kind);
    execute!(
        connection,
        "INSERT INTO portcullis_changes
         (lane, n, tag, kind, subject, epoch, session_epoch, happened_at, deny_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        i64::from(change.lane),
        change.n,
        change.tag,
        stored.kind,
        stored.subject,
        stored.epoch,
        stored.session_epoch,
        change.at.millis(),
        change.until.millis(),
    )?;
    Ok(())
}
