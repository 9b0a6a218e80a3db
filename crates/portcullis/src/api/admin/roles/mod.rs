//! Roles: named sets of scopes that may imply other roles.

pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod put;
