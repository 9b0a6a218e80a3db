use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    change, ended,
    node::{Answer, Node, SECOND, node, settle},
    token,
};
use crate::{
    clock::{Clock as _, Timestamp},
    revocation::{
        FeedRead, LaneHead, Lanes, Revoked, Stale,
        follower::{PURGE_STEP, continued},
    },
};

#[tokio::test(start_paused = true)]
async fn nothing_is_believed_before_the_feed_is_loaded() {
    let node = node();
    assert_eq!(node.follower.staleness(), Duration::MAX);
    assert_eq!(node.follower.ensure_fresh().await, Err(Stale));
    node.feed.set(Answer::Rows, Answer::Down);
    assert!(node.follower.load().await.is_err());
    assert_eq!(node.follower.ensure_fresh().await, Err(Stale));
    node.feed.push(change(3, 7, ended(1)));
    node.feed.set(Answer::Rows, Answer::Rows);
    node.follower.load().await.unwrap();
    assert_eq!(node.follower.ensure_fresh().await, Ok(()));
    assert_eq!(
        node.follower.index().check(&token(), "key"),
        Err(Revoked::Session)
    );
    // Whatever a listener had read before this load may be older than the load.
    assert_eq!(node.heard.reloads.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn the_lease_counts_from_the_start_of_the_read_and_not_from_its_end() {
    let node = node();
    *node.feed.takes.lock().unwrap() = 3 * SECOND;
    node.follower.load().await.unwrap();
    assert_eq!(node.follower.staleness(), 3 * SECOND);
    node.clock.advance(Duration::from_millis(1999));
    assert_eq!(node.follower.ensure_fresh().await, Ok(()));
    node.clock.advance(Duration::from_millis(1));
    assert_eq!(node.follower.ensure_fresh().await, Err(Stale));
    node.follower.read().await.unwrap();
    assert_eq!(node.follower.staleness(), 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_step_of_the_wall_clock_neither_ends_nor_stretches_the_lease() {
    let node = Node::loaded().await;
    node.clock.step(3_600_000);
    assert_eq!(node.follower.ensure_fresh().await, Ok(()));
    node.clock.advance(5 * SECOND);
    node.clock.step(-7_200_000);
    assert_eq!(node.follower.ensure_fresh().await, Err(Stale));
}

#[tokio::test(start_paused = true)]
async fn all_requests_past_the_lease_share_one_read() {
    let node = Node::running().await;
    node.pass(Duration::from_millis(600)).await;
    node.hold_back();
    let before = node.feed.reads();
    node.clock.advance(60 * SECOND);
    let asked: Vec<_> = (0..1000).map(|_| node.ask()).collect();
    // Beyond the spacing of reads, within the wait.
    node.pass(Duration::from_millis(100)).await;
    assert_eq!(node.feed.reads(), before + 1);
    assert!(asked.iter().all(|request| !request.is_finished()));
    node.let_through();
    for request in asked {
        assert_eq!(request.await.unwrap(), Ok(()));
    }
    assert_eq!(node.feed.reads(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_fails_refuses_all_that_waited_for_it() {
    let node = Node::running().await;
    node.feed.set(Answer::Down, Answer::Down);
    node.clock.advance(60 * SECOND);
    let asked: Vec<_> = (0..100).map(|_| node.ask()).collect();
    node.pass(Duration::from_millis(100)).await;
    assert!(
        asked.iter().all(tokio::task::JoinHandle::is_finished),
        "none waits longer"
    );
    for request in asked {
        assert_eq!(request.await.unwrap(), Err(Stale));
    }
    assert_eq!(node.follower.ensure_fresh().await, Err(Stale));
    node.feed.set(Answer::Rows, Answer::Rows);
    assert_eq!(node.follower.ensure_fresh().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_database_that_hangs_costs_a_request_the_wait_and_no_more() {
    let node = Node::running().await;
    node.feed.set(Answer::Hangs, Answer::Hangs);
    node.pass(6 * SECOND).await;
    let asked = node.ask();
    node.pass(Duration::from_millis(480)).await;
    assert!(!asked.is_finished());
    node.pass(Duration::from_millis(40)).await;
    assert!(asked.is_finished());
    assert_eq!(asked.await.unwrap(), Err(Stale));
    // The loop does not hang with it.
    node.feed.set(Answer::Rows, Answer::Rows);
    for _ in 0..6 {
        node.pass(SECOND).await;
    }
    assert_eq!(node.follower.ensure_fresh().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_database_that_fails_fast_is_not_asked_in_a_tight_loop() {
    let node = Node::running().await;
    node.feed.set(Answer::Down, Answer::Down);
    node.pass(60 * SECOND).await;
    let before = node.feed.reads();
    for _ in 0..100 {
        for _ in 0..20 {
            node.ask();
        }
        node.pass(Duration::from_millis(10)).await;
    }
    let reads = node.feed.reads() - before;
    assert!(
        (2..=21).contains(&reads),
        "{reads} reads in a second for 2000 requests"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_goes_away_takes_nobody_s_read_with_it() {
    let node = Node::running().await;
    node.hold_back();
    node.clock.advance(60 * SECOND);
    let first = node.ask();
    node.pass(Duration::from_millis(100)).await;
    let second = node.ask();
    settle().await;
    first.abort();
    settle().await;
    let reads = node.feed.reads();
    node.let_through();
    assert_eq!(second.await.unwrap(), Ok(()));
    assert_eq!(node.feed.reads(), reads);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_began_too_long_ago_lets_nobody_in_but_the_next_does() {
    let node = Node::running().await;
    node.hold_back();
    node.pass(Duration::from_millis(600)).await;
    let before = node.feed.reads();
    // The read hangs, and the machine sleeps meanwhile.
    node.clock.advance(60 * SECOND);
    let asked = node.ask();
    settle().await;
    node.let_through();
    node.pass(Duration::from_millis(100)).await;
    assert_eq!(asked.await.unwrap(), Ok(()));
    assert_eq!(node.feed.reads(), before + 1);
    assert!(node.follower.staleness() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn changes_of_others_are_heard_of_by_polling() {
    let node = Node::running().await;
    node.feed.push(change(0, 1, ended(2)));
    node.pass(Duration::from_millis(480)).await;
    assert_eq!(node.follower.index().len(), 0);
    node.pass(Duration::from_millis(40)).await;
    assert_eq!(node.follower.index().len(), 1);
    node.feed.push(change(0, 2, ended(1)));
    node.pass(Duration::from_millis(500)).await;
    assert_eq!(
        node.follower.index().check(&token(), "key"),
        Err(Revoked::Session)
    );
    let heard: Vec<i64> = node.heard.changes.lock().unwrap().iter().map(|c| c.n).collect();
    assert_eq!(heard, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_told_of_news_reads_at_once_and_not_in_a_tight_loop() {
    let node = Node::running().await;
    node.pass(Duration::from_millis(100)).await;
    node.feed.push(change(0, 1, ended(2)));
    node.feed.word.notify_one();
    settle().await;
    assert_eq!(node.follower.index().len(), 1);
    // What is said meanwhile is not forgotten, and is not a read each.
    let before = node.feed.reads();
    node.feed.push(change(0, 2, ended(1)));
    for _ in 0..100 {
        node.feed.word.notify_one();
        settle().await;
    }
    assert_eq!(node.feed.reads(), before);
    node.pass(Duration::from_millis(20)).await;
    assert_eq!(node.feed.reads(), before + 1);
    assert_eq!(node.follower.index().len(), 2);
    // Told of nothing more, it goes on looking by itself.
    node.pass(Duration::from_millis(520)).await;
    assert_eq!(node.feed.reads(), before + 2);
}

#[tokio::test(start_paused = true)]
async fn a_local_act_is_in_force_at_once_and_harmless_when_it_comes_again() {
    let node = Node::loaded().await;
    let done = change(5, 1, ended(1));
    node.feed.push(done.clone());
    node.follower.applied(std::slice::from_ref(&done));
    assert_eq!(
        node.follower.index().check(&token(), "key"),
        Err(Revoked::Session)
    );
    assert_eq!(*node.heard.changes.lock().unwrap(), std::slice::from_ref(&done));
    node.follower.read().await.unwrap();
    assert_eq!(node.follower.index().len(), 1);
    assert_eq!(*node.heard.changes.lock().unwrap(), [done.clone(), done]);
}

#[tokio::test(start_paused = true)]
async fn a_rewritten_history_is_loaded_before_the_lease_is_renewed() {
    let node = Node::loaded().await;
    node.follower.applied(&[change(0, 1, ended(1))]);
    node.feed.push(change(0, 1, ended(2)));
    node.feed.set(Answer::Rewritten, Answer::Down);
    node.clock.advance(SECOND);
    assert!(node.follower.read().await.is_err());
    assert_eq!(node.follower.staleness(), SECOND);
    // Now the load works, though reading on would say no more that something is wrong.
    node.feed.set(Answer::Rows, Answer::Rows);
    let reads = node.feed.reads();
    node.follower.read().await.unwrap();
    assert_eq!(
        (node.feed.reads(), node.feed.loads()),
        (reads, 3),
        "it loaded, and did not read on"
    );
    assert_eq!(node.follower.staleness(), Duration::ZERO);
    // What was acknowledged here stays in force, though the store lost it.
    assert_eq!(node.follower.index().len(), 2);
    assert_eq!(node.heard.reloads.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_gap_in_a_lane_is_no_good_read() {
    for hole in [
        vec![change(0, 2, ended(2))],
        vec![change(0, 1, ended(2)), change(0, 3, ended(3))],
        vec![change(16, 1, ended(2))],
    ] {
        let node = Node::loaded().await;
        node.feed.set(Answer::Rows, Answer::Down);
        if hole[0].lane == 16 {
            // A lane that there is not: the position cannot say that it was read.
            assert!(
                continued(
                    &Lanes::default(),
                    FeedRead::Continued {
                        lanes: Lanes::default(),
                        changes: hole,
                    }
                )
                .is_none()
            );
            continue;
        }
        for row in hole {
            node.feed.push(row);
        }
        node.clock.advance(SECOND);
        assert!(node.follower.read().await.is_err());
        assert_eq!(node.follower.staleness(), SECOND);
        node.feed.set(Answer::Rows, Answer::Rows);
        node.follower.read().await.unwrap();
        assert_eq!(node.follower.staleness(), Duration::ZERO);
    }
}

#[test]
fn a_position_beyond_the_rows_that_came_is_no_good_read() {
    let mut lanes = Lanes::default();
    lanes[4] = LaneHead { n: 1, tag: 1001 };
    let read =
        |lanes, changes| continued(&Lanes::default(), FeedRead::Continued { lanes, changes }).is_some();
    assert!(!read(lanes, Vec::new()));
    assert!(read(lanes, vec![change(4, 1, ended(1))]));
    assert!(!read(Lanes::default(), vec![change(4, 1, ended(1))]));
}

#[tokio::test(start_paused = true)]
async fn entries_are_purged_when_their_time_is_over() {
    let node = Node::running().await;
    let mut short = change(0, 1, ended(1));
    short.until = node.clock.now() + 30 * SECOND;
    node.follower.applied(&[short]);
    node.follower.applied(&[change(1, 1, ended(2))]);
    node.clock.advance(59 * SECOND);
    node.follower.purge_if_due().await;
    assert_eq!(node.follower.index().len(), 2);
    node.clock.advance(SECOND);
    node.follower.purge_if_due().await;
    assert_eq!(node.follower.index().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_fast_clock_sorted_out_comes_back_when_it_is_set_right() {
    let node = Node::loaded().await;
    let mut done = change(0, 1, ended(1));
    done.until = node.clock.now() + 900 * SECOND;
    node.feed.push(done.clone());
    node.follower.read().await.unwrap();
    node.clock.step(3_600_000);
    node.clock.advance(60 * SECOND);
    node.follower.read().await.unwrap();
    node.follower.purge_if_due().await;
    assert_eq!(node.follower.index().check(&token(), "key"), Ok(()));
    node.clock.step(-3_600_000);
    node.follower.read().await.unwrap();
    assert_eq!(
        node.follower.index().check(&token(), "key"),
        Err(Revoked::Session)
    );
}

#[tokio::test(start_paused = true)]
async fn the_loop_ends_when_told_to_even_in_the_middle_of_a_read() {
    let node = Node::loaded().await;
    node.feed.set(Answer::Hangs, Answer::Hangs);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let follower = Arc::clone(&node.follower);
    let running = tokio::spawn(async move {
        follower
            .run(async {
                let _ = stopped.await;
            })
            .await;
    });
    settle().await;
    assert!(!running.is_finished());
    stop.send(()).unwrap();
    settle().await;
    assert!(running.is_finished());
}

#[tokio::test(start_paused = true)]
async fn the_loop_loads_what_could_not_be_loaded_at_the_start() {
    let node = node();
    node.feed.set(Answer::Rows, Answer::Down);
    assert!(node.follower.load().await.is_err());
    let follower = Arc::clone(&node.follower);
    tokio::spawn(async move { follower.run(std::future::pending()).await });
    node.pass(SECOND).await;
    node.feed.set(Answer::Rows, Answer::Rows);
    assert_eq!(node.follower.ensure_fresh().await, Ok(()));
}

/// Acts of many: their entries end at `until`.
fn many(node: &Node, until: Timestamp) -> usize {
    let ended: Vec<_> = (1..=50_000)
        .map(|n| {
            let mut change = change(0, 0, ended(n));
            change.until = until;
            change
        })
        .collect();
    node.follower.index().apply(&ended);
    ended.len()
}

#[tokio::test(start_paused = true)]
async fn a_purge_of_many_goes_in_steps_that_are_small_whatever_there_is() {
    let node = Node::loaded().await;
    let mut left = many(&node, node.clock.now());
    node.clock.advance(60 * SECOND);
    let mut steps = 0;
    while node.follower.purge_step().await {
        let now = node.follower.index().len();
        assert!(left - now <= PURGE_STEP, "{} at once", left - now);
        left = now;
        steps += 1;
    }
    assert!(steps > 10, "{steps} steps");
    assert!(node.follower.index().is_empty());
    assert!(!node.follower.purge_step().await, "not due again");
}

#[tokio::test(start_paused = true)]
async fn a_purge_keeps_no_read_waiting() {
    let node = Node::loaded().await;
    let all = many(&node, node.clock.now());
    node.clock.advance(60 * SECOND);
    node.feed.push(change(0, 1, ended(0)));
    let read = async {
        node.follower.read().await.unwrap();
        node.follower.index().len()
    };
    let ((), left) = tokio::join!(node.follower.purge_if_due(), read);
    assert!(left > all / 2, "the read came when {left} of {all} were left");
    assert_eq!(node.follower.index().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_load_brings_back_in_the_middle_of_a_purge_stays() {
    let node = Node::loaded().await;
    let mut done = change(1, 1, ended(1));
    done.until = node.clock.now() + 900 * SECOND;
    node.feed.push(done);
    node.follower.read().await.unwrap();
    many(&node, node.clock.now());
    node.clock.step(3_600_000);
    node.clock.advance(60 * SECOND);
    assert!(node.follower.purge_step().await);
    node.clock.step(-3_600_000);
    node.follower.read().await.unwrap();
    node.follower.purge_if_due().await;
    assert_eq!(
        node.follower.index().check(&token(), "key"),
        Err(Revoked::Session)
    );
}
