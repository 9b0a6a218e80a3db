//! Sessions, and the refresh tokens that carry them on.

mod keys;
mod record;
mod refresh;
mod token;

pub use self::{
    keys::SessionKeys,
    record::{EndReason, NewSession, SessionRecord, SessionSummary, StoredSession},
    refresh::{RefreshAct, RefreshDecision, Refusal, SessionRules},
    token::{PresentedRefresh, RefreshToken, RefreshTokenError},
};
