use portcullis_core::{
    clock::Timestamp,
    revocation::{Change, FeedRead, LANES, LaneHead, Lanes},
    store::StoreError,
};

use super::row::{self, ChangeRow, change_of};
use crate::{
    Database,
    act::{Corrupt, Failure, store_error},
    sql::{Connection, fetch_all, fetch_one, fetch_optional},
};

/// So many numbers of a lane are read by one statement at most: each is done long before a statement may take too long, however
/// many rows there are, and few are in memory at a time.
const PART: i64 = 10_000;
/// So many are given at a time, before others have their turn on this thread: within a millisecond.
const GIVEN: usize = 1_000;

/// [`Store::stream_feed`](portcullis_core::store::Store::stream_feed): heads first, so that what comes in between is read
/// twice rather than never; and all on one connection, so that heads and rows are of one server.
pub(crate) async fn stream(
    database: &Database,
    now: Timestamp,
    take: &mut (dyn for<'c> FnMut(&'c [Change]) + Send),
) -> Result<Lanes, StoreError> {
    let mut reader = database.feed_reader().await.map_err(store_error)?;
    let lanes = in_time(database, heads(&mut reader.sql())).await?;
    for (lane, head) in lanes.iter().enumerate() {
        let lane = i64::try_from(lane).map_err(|_| StoreError::Corrupt("a lane".to_owned()))?;
        let mut known = in_time(database, before_first(&mut reader.sql(), lane)).await?;
        let mut read = String::new();
        while known < head.n {
            // The database reads on while the part before is taken in.
            let mut connection = reader.sql();
            let next = in_time(database, part(&mut connection, lane, known, now));
            let (next, given) = tokio::join!(next, give(lane, &read, take));
            given?;
            read = next?;
            known = known.saturating_add(PART);
        }
        give(lane, &read, take).await?;
    }
    reader.answered();
    Ok(lanes)
}

async fn give(
    lane: i64,
    part: &str,
    take: &mut (dyn for<'c> FnMut(&'c [Change]) + Send),
) -> Result<(), StoreError> {
    let mut lines = part.lines().peekable();
    let mut changes = Vec::with_capacity(GIVEN);
    while lines.peek().is_some() {
        changes.clear();
        for line in lines.by_ref().take(GIVEN) {
            changes.push(change_of(lane, line).map_err(|Corrupt(what)| StoreError::Corrupt(what))?);
        }
        take(&changes);
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn in_time<T: Send>(
    database: &Database,
    read: impl Future<Output = Result<T, Failure<StoreError>>> + Send,
) -> Result<T, StoreError> {
    database
        .timed(async { read.await.map_err(Failure::into_error) })
        .await
}

/// The number before the first one that the lane still has.
async fn before_first(connection: &mut Connection<'_>, lane: i64) -> Result<i64, Failure<StoreError>> {
    let first = fetch_optional!(
        connection,
        (i64,),
        "SELECT n FROM portcullis_changes WHERE lane = $1 ORDER BY n LIMIT 1",
        lane
    )?;
    Ok(first.map_or(i64::MAX, |(n,)| n - 1))
}

/// The changes behind `known` that can still matter, a line each. As one text: a driver takes longer for ten thousand rows
/// than the database does.
async fn part(
    connection: &mut Connection<'_>,
    lane: i64,
    known: i64,
    now: Timestamp,
) -> Result<String, Failure<StoreError>> {
    let (lines,) = fetch_one!(
        connection,
        (Option<String>,),
        concat!(
            "SELECT string_agg(",
            row::line!(),
            ", $5) FROM portcullis_changes WHERE lane = $1 AND n > $2 AND n <= $3 AND deny_until > $4"
        ),
        lane,
        known,
        known.saturating_add(PART),
        now.millis(),
        "\n"
    )?;
    Ok(lines.unwrap_or_default())
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
