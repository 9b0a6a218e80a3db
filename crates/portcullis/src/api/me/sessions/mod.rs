//! The caller's sessions: one for each device.

pub(crate) mod end;
pub(crate) mod list;
