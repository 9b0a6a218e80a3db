use portcullis_core::{
    clock::Timestamp,
    revocation::{FeedRead, FeedSnapshot, LANES, LaneHead, Lanes},
    store::StoreError,
};

use super::row::ChangeRow;
use crate::{
    act::{Corrupt, Failure},
    sql::{Connection, fetch_all},
};

/// [`Store::load_feed`](portcullis_core::store::Store::load_feed): heads first, so that what comes in between is read
/// twice rather than never.
pub(crate) async fn load(
    connection: &mut Connection<'_>,
    now: Timestamp,
) -> Result<FeedSnapshot, Failure<StoreError>> {
    let lanes = heads(connection).await?;
    let rows = fetch_all!(
        connection,
        ChangeRow,
        "SELECT lane, n, tag, kind, subject, epoch, session_epoch, happened_at, deny_until
         FROM portcullis_changes WHERE deny_until > $1 ORDER BY lane, n",
        now.millis()
    )?;
    let changes = rows
        .into_iter()
        .map(ChangeRow::change)
        .collect::<Result<_, Corrupt>>()?;
    Ok(FeedSnapshot { lanes, changes })
}

/// [`Store::read_feed`](portcullis_core::store::Store::read_feed)
pub(crate) async fn read(
    connection: &mut Connection<'_>,
    position: &Lanes,
) -> Result<FeedRead, Failure<StoreError>> {
    let heads = heads(connection).await?;
    let mut lanes = *position;
    let mut changes = Vec::new();
    for (lane, (known, head)) in position.iter().zip(heads).enumerate() {
        if head == *known {
            continue;
        }
        if head.n <= known.n {
            return Ok(FeedRead::Rewritten);
        }
        let lane_number = i64::try_from(lane).map_err(|_| Corrupt::new("a lane"))?;
        let mut rows = fetch_all!(
            connection,
            ChangeRow,
            "SELECT lane, n, tag, kind, subject, epoch, session_epoch, happened_at, deny_until
             FROM portcullis_changes WHERE lane = $1 AND n >= $2 ORDER BY n",
            lane_number,
            known.n
        )?
        .into_iter();
        // Before the first row there is none to compare.
        if known.n > 0
            && rows
                .next()
                .is_none_or(|row| row.n != known.n || row.tag != known.tag)
        {
            return Ok(FeedRead::Rewritten);
        }
        let mut last = *known;
        for row in rows {
            // A hole can only be what was purged: the reader was away for longer than any token lives.
            if row.n != last.n + 1 {
                return Ok(FeedRead::Rewritten);
            }
            last = LaneHead {
                n: row.n,
                tag: row.tag,
            };
            changes.push(row.change()?);
        }
        // The head was read before the rows, so these reach it unless they were taken away.
        if last.n < head.n {
            return Ok(FeedRead::Rewritten);
        }
        lanes[lane] = last;
    }
    Ok(FeedRead::Continued { lanes, changes })
}

async fn heads(connection: &mut Connection<'_>) -> Result<Lanes, Failure<StoreError>> {
    let rows = fetch_all!(
        connection,
        (i64, i64, i64),
        "SELECT lane, n, tag FROM portcullis_lanes ORDER BY lane"
    )?;
    let mut lanes = Lanes::default();
    if rows.len() != LANES {
        return Err(Corrupt(format!("the feed has {} lanes, not {LANES}", rows.len())).into());
    }
    for (head, (_, n, tag)) in lanes.iter_mut().zip(rows) {
        *head = LaneHead { n, tag };
    }
    Ok(lanes)
}
