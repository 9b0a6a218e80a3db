//! The caller's own account.

pub(super) mod delete;
pub(super) mod export;
pub(super) mod password;
pub(super) mod read;
pub(super) mod sessions;
pub(super) mod update;
