//! The caller's accounts at providers: `/me/identities`.

pub(crate) mod list;
pub(crate) mod unlink;
