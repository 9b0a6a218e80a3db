//! The database and its acts: each one begins, goes on by statements, stalls, commits, and is answered.

use std::{sync::Arc, time::Duration};

use super::{
    NODES, ROLES, SESSIONS, TTL, USERS,
    database::Database,
    dice::Dice,
    token::{role, session, user, uuid},
};
use crate::{
    clock::{Clock as _, MovableClock, Timestamp},
    revocation::{Change, ChangeKind, Follower, LANES, LaneHead, lane_of, retention},
};

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Numbering {
    /// A row for each lane, locked from taking the number until the commit.
    Lanes,
    /// One sequence of the database: the number is taken at the start, commits come in any order.
    Sequence,
}

/// What an act locks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Subject {
    Session(usize),
    User(usize),
    Role(usize),
}

/// A transaction that has not committed.
pub(super) struct Open {
    pub(super) node: usize,
    pub(super) subject: Subject,
    pub(super) kind: ChangeKind,
    pub(super) lane: usize,
    pub(super) n: Option<i64>,
    pub(super) at: Timestamp,
}

/// What the database holds.
#[derive(Clone)]
pub(super) struct History {
    pub(super) lanes: [Vec<Change>; LANES],
    pub(super) heads: [i64; LANES],
    pub(super) token_epochs: [i64; USERS],
    pub(super) session_epochs: [i64; USERS],
    pub(super) roles_epoch: i64,
    /// The live session of each slot; a new one follows when it ends.
    pub(super) sessions: [usize; SESSIONS],
}

/// An act that has committed.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) change: Change,
    pub(super) subject: Subject,
    /// How many tokens there were.
    pub(super) tokens: usize,
    pub(super) node: usize,
}

pub(super) struct Acknowledged {
    pub(super) done: Done,
    pub(super) at: Duration,
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) clock: Arc<MovableClock>,
    pub(super) numbering: Numbering,
    pub(super) history: History,
    pub(super) backup: History,
    pub(super) open: Vec<Open>,
    /// Committed, but whoever asked for it has no answer yet.
    pub(super) unanswered: Vec<Done>,
    pub(super) acknowledged: Vec<Acknowledged>,
    pub(super) nodes: Vec<Arc<Follower<Database>>>,
    pub(super) sequence: i64,
    pub(super) newest_session: usize,
    pub(super) tokens: usize,
    /// Most milliseconds that a part of a read takes.
    pub(super) latency: usize,
    pub(super) down: bool,
}

impl World {
    pub(super) fn pass(&mut self, at_most_millis: usize) {
        let by = self.dice.below(at_most_millis + 1) as u64;
        self.clock.advance(Duration::from_millis(by));
    }

    pub(super) fn raised(&self, epoch: i64) -> i64 {
        (epoch + 1).max(self.clock.now().millis())
    }

    pub(super) fn begin(&mut self) {
        let subject = match self.dice.below(3) {
            0 => Subject::Session(self.dice.below(SESSIONS)),
            1 => Subject::User(self.dice.below(USERS)),
            _ => Subject::Role(self.dice.below(ROLES.len())),
        };
        let same_row = |open: &Open| {
            open.subject == subject || matches!((open.subject, subject), (Subject::Role(_), Subject::Role(_)))
        };
        // Another act holds the row.
        if self.open.iter().any(same_row) {
            return;
        }
        let (kind, place) = match subject {
            Subject::Session(i) => (
                ChangeKind::SessionEnded { session: session(i) },
                session(i).uuid(),
            ),
            Subject::User(i) => {
                let (mut token_epoch, mut session_epoch) =
                    (self.history.token_epochs[i], self.history.session_epochs[i]);
                if self.dice.percent(50) {
                    token_epoch = self.raised(token_epoch);
                } else {
                    session_epoch = self.raised(session_epoch);
                }
                let kind = ChangeKind::UserEpochs {
                    user: user(i),
                    token_epoch,
                    session_epoch,
                };
                (kind, user(i).uuid())
            }
            Subject::Role(i) => {
                let roles_epoch = self.raised(self.history.roles_epoch);
                let kind = ChangeKind::RoleEdited {
                    role: role(i),
                    roles_epoch,
                };
                (kind, uuid(3, i))
            }
        };
        let (lane, n) = match self.numbering {
            Numbering::Lanes => (usize::from(lane_of(place.as_bytes())), None),
            Numbering::Sequence => {
                self.sequence += 1;
                (0, Some(self.sequence))
            }
        };
        self.open.push(Open {
            node: self.dice.below(NODES),
            subject,
            kind,
            lane,
            n,
            at: self.clock.now(),
        });
    }

    /// One statement of one open act; which ones stall is up to the dice.
    pub(super) fn progress(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let i = self.dice.below(self.open.len());
        // A statement timeout ends what stalls for too long.
        if self.dice.percent(5) || self.clock.now().since(self.open[i].at) > Duration::from_secs(30) {
            self.open.swap_remove(i);
            return;
        }
        let lane = self.open[i].lane;
        match self.open[i].n {
            None => {
                let locked = self.open.iter().any(|open| open.lane == lane && open.n.is_some());
                if !locked {
                    self.open[i].n = Some(self.history.heads[lane] + 1);
                }
            }
            Some(n) => {
                let open = self.open.swap_remove(i);
                self.commit(open, n);
            }
        }
    }

    pub(super) fn commit(&mut self, open: Open, n: i64) {
        let change = Change {
            lane: u8::try_from(open.lane).unwrap(),
            n,
            tag: i64::try_from(self.dice.next() >> 1).unwrap(),
            kind: open.kind,
            at: open.at,
            until: open.at + retention(TTL, Duration::ZERO, Duration::ZERO),
        };
        match (&change.kind, open.subject) {
            (
                ChangeKind::UserEpochs {
                    token_epoch,
                    session_epoch,
                    ..
                },
                Subject::User(i),
            ) => {
                self.history.token_epochs[i] = *token_epoch;
                self.history.session_epochs[i] = *session_epoch;
            }
            (ChangeKind::SessionEnded { .. }, Subject::Session(i)) => {
                self.newest_session += 1;
                self.history.sessions[i] = self.newest_session;
            }
            (ChangeKind::RoleEdited { roles_epoch, .. }, _) => self.history.roles_epoch = *roles_epoch,
            _ => {}
        }
        let head = &mut self.history.heads[open.lane];
        *head = n.max(*head);
        let rows = &mut self.history.lanes[open.lane];
        let place = rows.partition_point(|row| row.n < n);
        rows.insert(place, change.clone());
        self.unanswered.push(Done {
            change,
            subject: open.subject,
            tokens: self.tokens,
            node: open.node,
        });
    }

    /// The database is restored from a backup: acts that it has lost are lost.
    pub(super) fn restore(&mut self) {
        self.history = self.backup.clone();
        // It takes its time: more than the millisecond by which epochs of two histories must differ.
        self.clock.advance(Duration::from_secs(1));
        self.open.clear();
        self.unanswered.clear();
        let lanes = &self.history.lanes;
        self.acknowledged
            .retain(|Acknowledged { done, .. }| lanes[usize::from(done.change.lane)].contains(&done.change));
    }

    /// Answers who asked for an act, in the order that every act keeps: first the index, then the answer.
    pub(super) fn answer(&mut self) {
        if self.unanswered.is_empty() {
            return;
        }
        let i = self.dice.below(self.unanswered.len());
        let done = self.unanswered.swap_remove(i);
        self.nodes[done.node].applied(std::slice::from_ref(&done.change));
        let at = self.clock.monotonic();
        self.acknowledged.push(Acknowledged { done, at });
    }

    pub(super) fn purge(&mut self) {
        let now = self.clock.now();
        for rows in &mut self.history.lanes {
            let newest = rows.last().map(|row| row.n);
            rows.retain(|row| row.until >= now || Some(row.n) == newest);
        }
    }

    pub(super) fn head(&self, lane: usize) -> LaneHead {
        self.history.lanes[lane]
            .last()
            .map_or_else(LaneHead::default, |row| LaneHead {
                n: row.n,
                tag: row.tag,
            })
    }
}
