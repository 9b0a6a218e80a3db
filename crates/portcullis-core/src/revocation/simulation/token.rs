//! Tokens of the simulation, and which act must void which.

use super::{
    ROLES, SESSIONS, TTL, USERS,
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
    pub(super) fn issue(&mut self) -> Token {
        let slot = self.dice.below(SESSIONS);
        let u = slot % USERS;
        // Narrowed: it has scopes of the role, but not the role.
        let narrowed = self.dice.percent(20);
        let held = self.dice.below(ROLES.len());
        let now = self.clock.now();
        self.tokens += 1;
        Token {
            principal: Principal {
                user: user(u),
                session: session(self.history.sessions[slot]),
                token: TokenId::from_uuid(uuid(4, self.tokens)),
                roles: if narrowed { Vec::new() } else { vec![role(held)] },
                scopes: Vec::new(),
                narrowed,
                issued_at: now,
                expires_at: now + TTL,
                token_epoch: self.history.token_epochs[u],
                session_epoch: self.history.session_epochs[u],
                roles_epoch: self.history.roles_epoch,
            },
            number: self.tokens,
            slot,
            role: held,
        }
    }
}

/// Whether the act must void the token: one of its subject that was there before it. Epochs have no say here.
pub(super) fn voids(done: &Done, token: &Token) -> bool {
    token.number <= done.tokens
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
