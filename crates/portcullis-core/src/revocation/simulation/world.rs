//! The acts: each one begins, goes on by statements, stalls, commits, and is answered.

use std::{sync::Arc, time::Duration};

use super::{
    COMMIT, LEEWAY, NODES, ROLES, SESSIONS, TTL, USERS,
    clock::NodeClock,
    database::Database,
    dice::Dice,
    server::{History, Server},
    token::{Token, role, session, user, uuid, voids},
};
use crate::{
    clock::{Clock as _, MovableClock, Timestamp},
    revocation::{Change, ChangeKind, Follower, lane_of, retention},
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

/// A transaction that others do not see yet.
pub(super) struct Open {
    pub(super) node: usize,
    pub(super) subject: Subject,
    pub(super) kind: ChangeKind,
    pub(super) lane: usize,
    pub(super) n: Option<i64>,
    pub(super) at: Timestamp,
    pub(super) begun: Duration,
    /// When its COMMIT was sent, and when the database is through with it: the disk, or the replica, may take a minute.
    pub(super) sent: Option<(Duration, Duration)>,
    /// Whoever asked for it has given up: it is denied where it was asked for, and acknowledged to nobody.
    pub(super) given_up: bool,
}

/// An act that has committed.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) change: Change,
    pub(super) subject: Subject,
    /// How many tokens had been issued.
    pub(super) issued: usize,
    pub(super) node: usize,
}

pub(super) struct Acknowledged {
    pub(super) done: Done,
    pub(super) at: Duration,
}

pub(super) struct Node {
    pub(super) follower: Arc<Follower<Database>>,
    pub(super) clock: Arc<NodeClock>,
    /// Raised by a start and by a purge: then the index may have forgotten.
    pub(super) version: u64,
    /// The server to which it is connected.
    pub(super) server: usize,
    /// When it will have noticed that another one is the primary.
    pub(super) switch_by: Option<Duration>,
    /// Word of a change has reached it.
    pub(super) woken: bool,
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) clock: Arc<MovableClock>,
    pub(super) numbering: Numbering,
    /// How old an act may be whose COMMIT is sent.
    pub(super) longest: Duration,
    /// The last one is the primary.
    pub(super) servers: Vec<Server>,
    /// What its replica has: it follows now and then.
    pub(super) replica: History,
    pub(super) open: Vec<Open>,
    /// Committed, but whoever asked for it has no answer yet.
    pub(super) unanswered: Vec<Done>,
    pub(super) acknowledged: Vec<Acknowledged>,
    pub(super) nodes: Vec<Node>,
    pub(super) tokens: Vec<Token>,
    pub(super) sequence: i64,
    pub(super) newest_session: usize,
    pub(super) issued: usize,
    /// Most milliseconds between two steps.
    pub(super) pace: usize,
    /// Most milliseconds that a part of a read takes.
    pub(super) latency: usize,
    /// Of 100 notifications, how many arrive.
    pub(super) heard: usize,
    /// Of 100 commits, how many stall.
    pub(super) stalls: usize,
    pub(super) down: bool,
    /// How many commits took longer than anybody waits for.
    pub(super) stalled: usize,
}

impl World {
    pub(super) fn pass(&mut self, at_most_millis: usize) {
        let by = self.dice.below(at_most_millis + 1) as u64;
        self.clock.advance(Duration::from_millis(by));
        self.look();
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
        let node = self.dice.below(NODES);
        // Another act holds the row, or it is connected to one that takes no writes.
        if self.open.iter().any(same_row) || self.nodes[node].server + 1 != self.servers.len() {
            return;
        }
        let now = self.nodes[node].clock.now();
        let raised = |epoch: i64| (epoch + 1).max(now.millis());
        let of_password = self.dice.percent(50);
        let history = self.primary();
        let (kind, place) = match subject {
            Subject::Session(i) => {
                let session = session(history.sessions[i]);
                (ChangeKind::SessionEnded { session }, session.uuid())
            }
            Subject::User(i) => {
                let (mut token_epoch, mut session_epoch) =
                    (history.token_epochs[i], history.session_epochs[i]);
                if of_password {
                    session_epoch = raised(session_epoch);
                } else {
                    token_epoch = raised(token_epoch);
                }
                let kind = ChangeKind::UserEpochs {
                    user: user(i),
                    token_epoch,
                    session_epoch,
                };
                (kind, user(i).uuid())
            }
            Subject::Role(i) => {
                let kind = ChangeKind::RoleEdited {
                    role: role(i),
                    roles_epoch: raised(history.roles_epoch),
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
            node,
            subject,
            kind,
            lane,
            n,
            at: now,
            begun: self.clock.monotonic(),
            sent: None,
            given_up: false,
        });
    }

    /// One statement of one open act; which ones stall is up to the dice.
    pub(super) fn progress(&mut self) {
        self.give_up();
        if self.open.is_empty() {
            return;
        }
        let i = self.dice.below(self.open.len());
        let now = self.clock.monotonic();
        if let Some((_, through)) = self.open[i].sent {
            if through <= now {
                self.commit(i);
            }
            return;
        }
        // A statement timeout, a broken connection; and no COMMIT is sent when it took too long.
        if self.dice.percent(5) || now > self.open[i].begun + self.longest {
            self.open.swap_remove(i);
            return;
        }
        if self.open[i].n.is_none() {
            let lane = self.open[i].lane;
            // The row of the lane is locked until the transaction that took a number is through.
            if !self.open.iter().any(|open| open.lane == lane && open.n.is_some()) {
                self.open[i].n = Some(self.primary().heads[lane] + 1);
            }
            return;
        }
        let stalls = self.dice.percent(self.stalls);
        let takes = if stalls { self.dice.below(90_000) } else { 0 };
        self.open[i].sent = Some((now, now + Duration::from_millis(takes as u64)));
    }

    /// Whoever waits for a COMMIT for too long.
    fn give_up(&mut self) {
        let now = self.clock.monotonic();
        for i in 0..self.open.len() {
            let open = &mut self.open[i];
            if !open.given_up && open.sent.is_some_and(|(sent, _)| now > sent + COMMIT) {
                open.given_up = true;
                self.stalled += 1;
                let (node, kind) = (open.node, open.kind.clone());
                self.deny(node, &kind);
            }
        }
    }

    /// The node does not know whether it happened.
    pub(super) fn deny(&self, node: usize, kind: &ChangeKind) {
        let node = &self.nodes[node];
        let until = node.clock.now() + retention(TTL, LEEWAY, Duration::ZERO);
        node.follower.index().deny(std::slice::from_ref(kind), until);
    }

    fn commit(&mut self, i: usize) {
        let open = self.open.swap_remove(i);
        let n = open.n.unwrap();
        let change = Change {
            lane: u8::try_from(open.lane).unwrap(),
            n,
            tag: i64::try_from(self.dice.next() >> 1).unwrap(),
            kind: open.kind,
            at: open.at,
            until: open.at + retention(TTL, LEEWAY, Duration::ZERO),
        };
        self.newest_session += 1;
        let newest_session = self.newest_session;
        let history = self.primary();
        match (&change.kind, open.subject) {
            (
                ChangeKind::UserEpochs {
                    token_epoch,
                    session_epoch,
                    ..
                },
                Subject::User(i),
            ) => {
                history.token_epochs[i] = *token_epoch;
                history.session_epochs[i] = *session_epoch;
            }
            (ChangeKind::SessionEnded { .. }, Subject::Session(i)) => history.sessions[i] = newest_session,
            (ChangeKind::RoleEdited { roles_epoch, .. }, _) => history.roles_epoch = *roles_epoch,
            _ => {}
        }
        let head = &mut history.heads[open.lane];
        *head = n.max(*head);
        let rows = &mut history.lanes[open.lane];
        let place = rows.partition_point(|row| row.n < n);
        rows.insert(place, change.clone());
        for node in 0..NODES {
            self.nodes[node].woken |= self.dice.percent(self.heard);
        }
        if !open.given_up {
            self.unanswered.push(Done {
                change,
                subject: open.subject,
                issued: self.issued,
                node: open.node,
            });
        }
    }

    /// Answers who asked for an act, in the order that every act keeps: first the index, then the answer.
    pub(super) fn answer(&mut self) {
        if self.unanswered.is_empty() {
            return;
        }
        let i = self.dice.below(self.unanswered.len());
        let done = self.unanswered.swap_remove(i);
        self.nodes[done.node]
            .follower
            .applied(std::slice::from_ref(&done.change));
        let at = self.clock.monotonic();
        self.acknowledged.push(Acknowledged { done, at });
        self.demand(self.acknowledged.len() - 1);
    }

    /// From now on tokens must be refused that an acknowledged act voids: where it was done at once, elsewhere within the bound.
    pub(super) fn demand(&mut self, acknowledged: usize) {
        let bounds: [Duration; NODES] = std::array::from_fn(|node| self.bound(node));
        let Acknowledged { done, at } = &self.acknowledged[acknowledged];
        for token in self.tokens.iter_mut().filter(|token| voids(done, token)) {
            for (node, due) in token.due.iter_mut().enumerate() {
                let from = if node == done.node {
                    *at
                } else {
                    *at + bounds[node]
                };
                *due = Some(due.map_or(from, |earlier| earlier.min(from)));
            }
        }
    }
}
