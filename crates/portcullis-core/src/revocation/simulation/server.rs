//! Servers of the database: what each holds, and how one takes over from another.

use std::time::Duration;

use super::{
    LANES, LEASE, LOOK, SESSIONS, USERS,
    world::{Acknowledged, World},
};
use crate::{
    clock::{Clock as _, Timestamp},
    revocation::{Change, LaneHead},
};

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

impl Default for History {
    fn default() -> Self {
        Self {
            lanes: Default::default(),
            heads: [0; LANES],
            token_epochs: [0; USERS],
            session_epochs: [0; USERS],
            roles_epoch: 0,
            sessions: std::array::from_fn(|slot| slot),
        }
    }
}

impl History {
    pub(super) fn head(&self, lane: usize) -> LaneHead {
        let newest = self.lanes[lane].last();
        newest.map_or_else(LaneHead::default, |row| LaneHead {
            n: row.n,
            tag: row.tag,
        })
    }

    /// Deletes rows that no live token can need, but for the newest of each lane.
    pub(super) fn purge(&mut self, now: Timestamp) {
        for rows in &mut self.lanes {
            let newest = rows.last().map(|row| row.n);
            rows.retain(|row| row.until >= now || Some(row.n) == newest);
        }
    }
}

/// One that is, or was, the primary.
pub(super) struct Server {
    pub(super) history: History,
    /// Whether it answers.
    pub(super) alive: bool,
}

impl World {
    pub(super) fn primary(&mut self) -> &mut History {
        let newest = self.servers.len() - 1;
        &mut self.servers[newest].history
    }

    /// Another server takes over. Nodes notice one by one, those that restart at once.
    ///
    /// With synchronous replication the new primary has all that was acknowledged, and the old one, cut off from it, can
    /// commit nothing more; but it may go on answering reads until a node looks who is the primary. Without, the old one is
    /// dead (else nobody knows which history counts), and the new one is behind: what it lacks is lost.
    pub(super) fn fail_over(&mut self) {
        let synchronous = self.dice.percent(50);
        let history = if synchronous {
            self.primary().clone()
        } else {
            self.replica.clone()
        };
        let old = self.servers.len() - 1;
        self.servers[old].alive = synchronous && self.dice.percent(70);
        if !self.servers[old].alive {
            self.servers[old].history = History::default();
        }
        self.servers.push(Server {
            history: history.clone(),
            alive: true,
        });
        self.replica = history;
        // Whoever waited for a COMMIT learns nothing.
        for open in std::mem::take(&mut self.open) {
            if open.sent.is_some() {
                self.deny(open.node, &open.kind);
            }
        }
        for done in std::mem::take(&mut self.unanswered) {
            self.deny(done.node, &done.change.kind);
        }
        // It takes its time: more than the clocks of two nodes differ, by which epochs of two histories might meet.
        self.clock.advance(Duration::from_millis(4_001));
        let lanes = &self.servers[old + 1].history.lanes;
        self.acknowledged
            .retain(|Acknowledged { done, .. }| lanes[usize::from(done.change.lane)].contains(&done.change));
        let switch_by = self.clock.monotonic() + LOOK;
        for node in &mut self.nodes {
            node.switch_by.get_or_insert(switch_by);
        }
        for token in &mut self.tokens {
            token.due = [None; super::NODES];
        }
        for i in 0..self.acknowledged.len() {
            self.demand(i);
        }
    }

    /// The node has noticed.
    pub(super) fn switch(&mut self, node: usize) {
        self.nodes[node].server = self.servers.len() - 1;
        self.nodes[node].switch_by = None;
    }

    /// Whoever looks for the primary has found it.
    pub(super) fn look(&mut self) {
        let now = self.clock.monotonic();
        for node in 0..self.nodes.len() {
            if self.nodes[node].switch_by.is_some_and(|by| by <= now) {
                self.switch(node);
            }
        }
    }

    /// For how long another node may go on believing what is revoked now.
    pub(super) fn bound(&self, node: usize) -> Duration {
        let node = &self.nodes[node];
        let apart = node.server + 1 < self.servers.len() && self.servers[node.server].alive;
        if apart { LOOK + LEASE } else { LEASE }
    }
}
