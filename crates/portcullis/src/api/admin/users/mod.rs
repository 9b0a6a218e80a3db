//! Users, as administrators see them.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod logout;
pub(crate) mod read;
pub(crate) mod update;
