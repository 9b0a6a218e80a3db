mod follower;
mod index;
mod node;

use super::{Change, ChangeKind};
use crate::{
    access::Principal,
    clock::Timestamp,
    id::{SessionId, TokenId, UserId},
};

fn uuid(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}

fn session(n: u128) -> SessionId {
    SessionId::from_uuid(uuid(n))
}

fn user(n: u128) -> UserId {
    UserId::from_uuid(uuid(n))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

fn token() -> Principal {
    Principal {
        user: user(1),
        session: session(1),
        token: TokenId::from_uuid(uuid(1)),
        roles: vec!["editor".parse().unwrap(), "viewer".parse().unwrap()],
        scopes: Vec::new(),
        narrowed: false,
        issued_at: at(0),
        expires_at: at(900),
        token_epoch: 10,
        session_epoch: 20,
        roles_epoch: 30,
    }
}

fn ended(n: u128) -> ChangeKind {
    ChangeKind::SessionEnded { session: session(n) }
}

fn epochs(n: u128, token_epoch: i64, session_epoch: i64) -> ChangeKind {
    ChangeKind::UserEpochs {
        user: user(n),
        token_epoch,
        session_epoch,
    }
}

fn edited(role: &str, roles_epoch: i64) -> ChangeKind {
    ChangeKind::RoleEdited {
        role: role.parse().unwrap(),
        roles_epoch,
    }
}

fn revoked(kid: &str) -> ChangeKind {
    ChangeKind::KeyRevoked { kid: kid.to_owned() }
}

fn change(lane: u8, n: i64, kind: ChangeKind) -> Change {
    Change {
        lane,
        n,
        tag: n + 1000,
        kind,
        at: at(0),
        until: at(i64::MAX / 1000),
    }
}
