//! Tokens of the simulation, and which act must void which.

use std::time::Duration;

use super::{
    NODES, ROLES, SESSIONS, TTL, USERS,
    world::{Done, Subject, World},
};
use crate::{
    access::{Principal, RoleName},
    clock::Clock as _,
    id::{SessionId, TokenId, UserId},
    revocation::ChangeKind,
};

#[derive(Debug)]
pub(super) struct Token {
    pub(super) principal: Principal,
    pub(super) number: usize,
    pub(super) slot: usize,
    pub(super) role: usize,
    /// From when on each node must refuse it.
    pub(super) due: [Option<Duration>; NODES],
    /// What each node was when its index last refused it: until it is purged or starts anew it goes on refusing.
    pub(super) refused: [Option<u64>; NODES],
}

pub(super) fn uuid(kind: u128, i: usize) -> uuid::Uuid {
    uuid::Uuid::from_u128(kind << 64 | i as u128)
}

pub(super) fn user(i: usize) -> UserId {
    UserId::from_uuid(uuid(1, i))
}

pub(super) fn session(i: usize) -> SessionId {
    SessionId::from_uuid(uuid(2, i))
}

pub(super) fn role(i: usize) -> RoleName {
    ROLES[i].parse().unwrap()
}

impl World {
    /// A node issues a token, as of what the primary holds now.
    pub(super) fn issue(&mut self) {
        let slot = self.dice.below(SESSIONS);
        let u = slot % USERS;
        // Narrowed: it has scopes of the role, but not the role.
        let narrowed = self.dice.percent(20);
        let held = self.dice.below(ROLES.len());
        let node = self.dice.below(NODES);
        if self.nodes[node].server + 1 != self.servers.len() {
            // It can write nowhere, so it issues nothing.
            return;
        }
        let now = self.nodes[node].clock.now();
        self.issued += 1;
        let number = self.issued;
        let history = self.primary();
        let principal = Principal {
            user: user(u),
            session: session(history.sessions[slot]),
            token: TokenId::from_uuid(uuid(4, number)),
            roles: if narrowed { Vec::new() } else { vec![role(held)] },
            scopes: Vec::new(),
            narrowed,
            issued_at: now,
            expires_at: now + TTL,
            token_epoch: history.token_epochs[u],
            session_epoch: history.session_epochs[u],
            roles_epoch: history.roles_epoch,
        };
        self.tokens.push(Token {
            principal,
            number,
            slot,
            role: held,
            due: [None; NODES],
            refused: [None; NODES],
        });
    }
}

/// Whether the act must void the token: one of its subject that was there before it. Epochs have no say here.
pub(super) fn voids(done: &Done, token: &Token) -> bool {
    token.number <= done.issued
        && match done.subject {
            // A session of a lost history is none that the database could end.
            Subject::Session(slot) => {
                token.slot == slot
                    && done.change.kind
                        == ChangeKind::SessionEnded {
                            session: token.principal.session,
                        }
            }
            Subject::User(i) => token.slot % USERS == i,
            Subject::Role(i) => token.role == i,
        }
}
